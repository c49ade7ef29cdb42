"""The embedded Kubernetes API: one box, no Kubernetes, and plain kubectl works.

`server` starts and stops it, `objects` is the way in for the same process, `web/` speaks HTTP. The rules of
the API (metadata, patches, admission, tables) are pure modules under `semantics/`, `patches/` and `tables/`;
`store/` keeps what was acknowledged. The standard it follows is kube-apiserver's behaviour towards kubectl
and client-go. It knows kinds only by `resources.registry` and never what they are used for.
"""
