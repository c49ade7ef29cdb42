"""Requests to hosts that are none, refused before a router without a host takes them."""

from functools import cache
from typing import Final

from hearthgate.ingress.envoy.actions import answer
from hearthgate.ingress.envoy.messages import make, repeated

_ROUTES: Final = 3  # of VirtualHost
_BAD_HOST: Final = r".*[,@].*"
"""Two Host headers come as one, joined by a comma."""


@cache
def before(domain: str) -> bytes:
    """The routes before those of the routers, as `routes` of a VirtualHost."""
    if not domain.startswith("*"):
        return b""  # the host is known to the letter
    authority = {"name": ":authority", "string_match": {"safe_regex": {"regex": _BAD_HOST}}}
    route = {"match": {"prefix": "/", "headers": [authority]}, "direct_response": answer(400, "Bad Request")}
    return repeated(_ROUTES, [make("envoy.config.route.v3.Route", **route)])
