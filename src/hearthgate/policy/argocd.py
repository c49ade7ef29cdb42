"""Argo CD's own fences: which of its parts may reach which, as its manifests have it. Pure."""

from typing import Final, NamedTuple

LABEL: Final = "app.kubernetes.io/name"


class Way(NamedTuple):
    """peers: values of LABEL of those that may; none: every pod of the cluster. ports: TCP; none: all."""

    peers: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


_CONTROLLERS: Final = ("argocd-server", "argocd-repo-server", "argocd-application-controller")

INGRESS: Final[dict[str, tuple[Way, ...] | None]] = {
    "argocd-application-controller": (Way((), (8082,)),),
    "argocd-applicationset-controller": (Way((), (7000, 8080)),),
    "argocd-commit-server": (Way(("argocd-application-controller",), (8086,)), Way((), (8087,))),
    "argocd-dex-server": (Way(("argocd-server",), (5556, 5557)), Way((), (5558,))),
    "argocd-notifications-controller": (Way((), (9001,)),),
    "argocd-redis": (Way(_CONTROLLERS, (6379,)),),
    "argocd-redis-ha-haproxy": (Way(_CONTROLLERS, (6379, 26379)), Way((), (9101,))),
    "argocd-redis-ha": (Way(("argocd-redis-ha-haproxy", "argocd-redis-ha"), (6379, 26379)),),
    "argocd-repo-server": (
        Way(
            (
                "argocd-server",
                "argocd-application-controller",
                "argocd-notifications-controller",
                "argocd-applicationset-controller",
            ),
            (8081,),
        ),
        Way((), (8084,)),
    ),
    "argocd-server": None,
}
"""By the value of LABEL. None: everybody at every port."""
