"""Middlewares that count. Each router counts for itself, as upstream: its copy bears its name."""

from collections.abc import Iterable

import msgspec

from hearthgate.ingress.middlewares.middleware import Middleware


class Counted(Middleware, frozen=True, kw_only=True):
    """`router`: the one that it counts for; empty until `bound`."""

    router: str = ""


def bound(middlewares: Iterable[Middleware], router: str) -> tuple[Middleware, ...]:
    """The middlewares of a router, those that count made its own. One that counts for a router above stays so."""
    return tuple(
        msgspec.structs.replace(one, router=router) if isinstance(one, Counted) and not one.router else one
        for one in middlewares
    )
