"""What all middlewares share."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hearthgate.ingress.routing.model import Service


class Middleware(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One checked middleware. `name`: `namespace-name@kubernetescrd`, or `…@internal` for our own."""

    name: str

    def services(self) -> "tuple[Service, ...]":
        """The services that the middleware itself speaks to."""
        return ()
