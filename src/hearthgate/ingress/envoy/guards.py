"""Requests that no router sees: what upstream's server refuses before it looks for one, and Envoy would let pass.

They stand as routes around those of the routers. What every request is compared with costs less than 0.1 µs: a
method, and whether there is a `%` in its path.
"""

from functools import cache
from typing import Any, Final

from hearthgate.ingress.envoy.actions import answer
from hearthgate.ingress.envoy.messages import make, repeated

_ROUTES: Final = 3  # of VirtualHost
_BAD_ESCAPE: Final = r"[^?]*%[0-9A-Fa-f]?(?:[^0-9A-Fa-f].*)?"
_BAD_HOST: Final = r".*[,@].*"
"""Two Host headers come as one, joined by a comma."""


@cache
def before(domain: str) -> bytes:
    """The routes before those of the routers, as `routes` of a VirtualHost."""
    path = {"name": ":path"}
    escapes = [{**path, "string_match": {"contains": "%"}}, {**path, "string_match": _regex(_BAD_ESCAPE)}]
    found = [
        _refused([{"name": ":method", "string_match": {"exact": "TRACE"}}], 501, "Not Implemented"),
        _refused(escapes, 400, "Bad Request"),
    ]
    if domain.startswith("*"):
        # Elsewhere the host is known to the letter.
        found.append(_refused([{"name": ":authority", "string_match": _regex(_BAD_HOST)}], 400, "Bad Request"))
    return repeated(_ROUTES, found)


@cache
def after() -> bytes:
    """The routes after them: CONNECT, which no path of a router matches."""
    connect = {"match": {"connect_matcher": {}}, "direct_response": answer(501, "Not Implemented")}
    return repeated(_ROUTES, [make("envoy.config.route.v3.Route", **connect)])


def _refused(headers: list[dict[str, Any]], status: int, text: str) -> Any:
    match = {"prefix": "/", "headers": headers}
    return make("envoy.config.route.v3.Route", match=match, direct_response=answer(status, text))


def _regex(pattern: str) -> dict[str, Any]:
    return {"safe_regex": {"regex": pattern}}
