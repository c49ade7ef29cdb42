"""Folders of manifests as the source of the objects in the embedded API.

Decides what is applied, what is kept and what is pruned. `reader` reads files, `prepare` and `plan` are pure,
`watch` notices changes, `sync` does it.
"""
