"""Typed Kubernetes resources: one frozen msgspec type per kind, one module per API group.

`decode` turns bytes or a mapping into a resource and the Problems found on the way; `registry` says which
kinds there are and how the API presents them. Nothing here knows what a resource is used for.
"""
