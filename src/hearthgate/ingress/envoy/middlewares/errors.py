"""errors: a script on the answer's way asks the service for its page and puts it in the answer's place.

Rejected: Envoy's `custom_response`, which sends the request through the routes once more: it needs a virtual host
which must not be reachable from outside, and loses the answer when the page cannot be had.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.middlewares.forward_auth import uri_filters
from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.scripts import script_filter
from hearthgate.ingress.envoy.services import Target, UnservableError, choices
from hearthgate.ingress.middlewares.errors import ErrorPages

BODY_LIMIT: Final = 1 << 20
"""Bytes of the answer that is replaced. It is held until the page is there; a longer one passes as it is."""


def errors(middleware: ErrorPages, lane: Lane) -> Steps | Refusal:
    members = _members(middleware, lane)
    if not members:
        return (lane,)
    namespace = f"hearthgate.errors.{len(lane.filters)}"
    script = _script(middleware, members, namespace, lane.host, lane.scope.scheme)
    return (
        replace(
            lane, filters=(*lane.filters, *uri_filters(lane), script), body_limit=max(lane.body_limit, BODY_LIMIT)
        ),
    )


_Member = tuple[str, int, str, str]
"""Cluster, weight, scheme, and the host to ask for; empty = the request's own."""


def _members(middleware: ErrorPages, lane: Lane) -> tuple[_Member, ...]:
    """What the pages come from; those that cannot be spoken to are left out. Stickiness means nothing here."""
    if middleware.service is None:
        return ()
    try:
        targets = choices(middleware.service)[-1].targets
    except UnservableError:
        return ()
    return tuple(member for target in targets if (member := _member(target, lane)) is not None)


def _member(target: Target, lane: Lane) -> _Member | None:
    balancer = target.balancer
    cluster = lane.upstream(balancer) if balancer is not None else None
    if balancer is None or cluster is None:
        return None
    host = ""
    if not balancer.pass_host_header and balancer.external is not None:
        host = f"{balancer.external.address}:{balancer.external.port}"
    return cluster, target.weight, "https" if balancer.scheme == "https" else "http", host


@lru_cache(maxsize=1024)
def _script(middleware: ErrorPages, members: tuple[_Member, ...], namespace: str, host: str, scheme: str) -> Any:
    asked = middleware.request_headers
    options: dict[str, Any] = {
        "namespace": namespace,
        "ranges": [{"from": one.first, "to": one.last} for one in middleware.ranges],
        "rewrites": [
            {"from": one.range.first, "to": one.range.last, "status": one.status} for one in middleware.rewrites
        ],
        "members": {
            "total": sum(weight for _, weight, _, _ in members),
            "list": [
                {"cluster": cluster, "weight": weight, "scheme": own, **({"host": name} if name else {})}
                for cluster, weight, own, name in members
            ],
        },
        "query": middleware.query,
        "only": asked is not None,
        "request_headers": list(asked or ()),
        "body_limit": BODY_LIMIT,
        "host": host or None,
        "scheme": scheme,
    }
    return script_filter("errors", options)
