"""Filters of HTTPRoute and GRPCRoute (gateway.networking.k8s.io) as checked values."""

from typing import TYPE_CHECKING

import msgspec

from hearthgate.ingress.middlewares.header_fields import Fields
from hearthgate.ingress.middlewares.middleware import Middleware

if TYPE_CHECKING:
    from hearthgate.ingress.routing.model import LoadBalancer


class HeaderChanges(Middleware, frozen=True, kw_only=True):
    """Changes the headers of the request or of the answer: `set` replaces, `add` adds a line, `remove` takes out.

    Names are lower case. `host`: the new Host of a request, empty = keep.
    """

    response: bool = False
    host: str = ""
    set: Fields = ()
    add: Fields = ()
    remove: tuple[str, ...] = ()


class PathChange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`full`: the whole new path. Else `prefix`, whole segments that the path starts with, becomes `replacement`.

    Prefix and replacement have no slash at their end; empty is the root. All are escaped for the wire.
    """

    full: str | None = None
    prefix: str = ""
    replacement: str = ""


class RouteRedirect(Middleware, frozen=True, kw_only=True):
    """Answers with another place. Empty: as in the request; port 0 likewise, unless the scheme is another one."""

    scheme: str = ""
    host: str = ""
    port: int = 0
    path: PathChange | None = None
    status: int = 302


class URLRewrite(Middleware, frozen=True, kw_only=True):
    """Asks the backend for another host or path."""

    host: str = ""
    path: PathChange | None = None


class RequestMirror(Middleware, frozen=True, kw_only=True):
    """Sends a copy of `millionths` of the requests to another service, whose answers are dropped."""

    balancer: "LoadBalancer"
    millionths: int = 1_000_000

    def services(self) -> "tuple[LoadBalancer, ...]":
        return (self.balancer,)


class Deadline(Middleware, frozen=True, kw_only=True):
    """Answers 504 when the backend's answer is not complete after so many seconds."""

    seconds: float


class FixedAnswer(Middleware, frozen=True, kw_only=True):
    """Answers `millionths` of the requests with this status: the share of backends that do not exist."""

    status: int = 500
    millionths: int = 1_000_000
