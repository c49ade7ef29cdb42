"""What a router's service does with a request, as the part of an Envoy Route that follows its match."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.clusters import (
    UNAVAILABLE_CLUSTER,
    Cluster,
    build_cluster,
    needs_http1_for_upgrades,
)
from hearthgate.ingress.envoy.messages import duration, extension, field, header, literal, make, wrapped
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.retries import retry_policy
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.envoy.services import Choice, Target, UnservableError, attributes, choices
from hearthgate.ingress.routing.model import Endpoint, LoadBalancer, Service, StickyCookie

SESSION_FILTER: Final = "envoy.filters.http.stateful_session"
_RETRY_POLICY: Final = "envoy.config.route.v3.RetryPolicy"
_SESSION: Final = "envoy.extensions.filters.http.stateful_session.v3."
_HEADERS_FIELD, _COOKIES_FIELD = 6, 17  # of RouteMatch

Inline = Callable[[LoadBalancer], tuple[Endpoint, ...] | None]
"""The addresses of a load balancer whose cluster depends on them; None for all others."""


class Action(NamedTuple):
    """condition: bytes to append to a RouteMatch.
    route: the RouteAction, a message to merge further settings into; None to answer `response` at once.
    response: a DirectResponseAction.
    per_filter: configuration under the names of filters. headers: response headers to add.
    clusters: all that `route` names. sticky: whether the session filter must be in the chain.
    """

    condition: bytes
    route: Any | None
    response: Any | None = None
    per_filter: tuple[tuple[str, Any], ...] = ()
    headers: tuple[Any, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    sticky: bool = False


def answer(status: int, body: str) -> Any:
    """A DirectResponseAction."""
    return make("envoy.config.route.v3.DirectResponseAction", status=status, body={"inline_string": body})


NOT_FOUND: Final = (404, "404 page not found\n")
UNAVAILABLE: Final = (503, "no available server")


def actions(
    service: Service | None, inline: Inline, options: ProxyOptions, *, retries: bool = True
) -> tuple[Action, ...]:
    """In order; the last one takes whatever the others left. retries: see `build_cluster`.

    Raises UnservableError.
    """
    if service is None:
        return (Action(b"", None, answer(*NOT_FOUND)),)
    return tuple(_all(service, partial(_cluster, inline, options, retries), retries=retries))


_FindCluster = Callable[[Target, bool], Cluster | None]
"""The cluster of a target, for upgrades or not; None when it has nothing to choose from."""


def _all(service: Service, find: _FindCluster, *, retries: bool) -> Iterator[Action]:
    for choice in choices(service):
        balancers = [target.balancer for target in choice.targets if target.balancer is not None]
        if any(map(needs_http1_for_upgrades, balancers)):
            upgrade = make("envoy.config.route.v3.HeaderMatcher", name="upgrade", present_match=True)
            condition = _part(_HEADERS_FIELD, upgrade)
            yield _action(choice, find, http1=True, condition=condition, retries=retries)
        yield _action(choice, find, http1=False, condition=b"", retries=retries)


def _action(choice: Choice, find: _FindCluster, *, http1: bool, condition: bytes, retries: bool) -> Action:
    for name, value in choice.cookies:
        matcher = make("envoy.config.route.v3.CookieMatcher", name=name, string_match={"exact": value})
        condition += _part(_COOKIES_FIELD, matcher)
    if not choice.targets:
        return Action(condition, None, answer(*UNAVAILABLE))
    clusters = tuple(find(target, http1) for target in choice.targets)
    named = tuple(cluster for cluster in clusters if cluster is not None)
    route = make("envoy.config.route.v3.RouteAction", timeout=duration(0))
    if _rewrites_host(choice.targets):
        route.auto_host_rewrite.value = True
    if seconds := _header_timeout(choice.targets):
        # The time of a try ends with the headers of its answer.
        policy: dict[str, Any] = retry_policy() if retries else {}
        route.retry_policy.CopyFrom(make(_RETRY_POLICY, **policy, per_try_timeout=duration(seconds)))
    sticky = any(target.balancer is not None and target.balancer.sticky for target in choice.targets)
    names = [cluster.name if cluster is not None else UNAVAILABLE_CLUSTER for cluster in clusters]
    if len(names) == 1:
        route.cluster = names[0]
        target = choice.targets[0]
        headers = tuple(make("envoy.config.core.v3.HeaderValueOption", **option) for option in _cookies(target))
        return Action(condition, route, None, _session(target), headers, named, sticky)
    for name, target in zip(names, choice.targets, strict=True):
        route.weighted_clusters.clusters.add(
            name=name,
            weight=wrapped(target.weight),
            response_headers_to_add=_cookies(target),
            typed_per_filter_config=dict(_session(target)),
        )
    return Action(condition, route, None, (), (), named, sticky)


def _cluster(inline: Inline, options: ProxyOptions, retries: bool, target: Target, http1: bool) -> Cluster | None:
    balancer = target.balancer
    if balancer is None:
        return None
    variant = http1 and needs_http1_for_upgrades(balancer)
    return build_cluster(balancer, inline(balancer), options, http1=variant, retries=retries)


def _rewrites_host(targets: tuple[Target, ...]) -> bool:
    passing = {target.balancer.pass_host_header for target in targets if target.balancer is not None}
    if len(passing) > 1:
        raise UnservableError(
            "passHostHeader differs between weighted services, which is not supported yet: give all the same"
        )
    return False in passing


def _header_timeout(targets: tuple[Target, ...]) -> float:
    found = {
        target.balancer.transport.response_header_timeout for target in targets if target.balancer is not None
    }
    if len(found) > 1:
        raise UnservableError(
            "responseHeaderTimeout differs between weighted services, which is not supported yet: give all the same"
        )
    return max(found, default=0.0)


def _cookies(target: Target) -> list[dict[str, Any]]:
    return [header("set-cookie", literal(cookie), "APPEND_IF_EXISTS_OR_ADD") for cookie in target.cookies]


def _session(target: Target) -> tuple[tuple[str, Any], ...]:
    """Configuration of the session filter for one cluster."""
    if target.balancer is None or target.balancer.sticky is None:
        return ()
    config = make(f"{_SESSION}StatefulSessionPerRoute", stateful_session=_stateful(target.balancer.sticky))
    return ((SESSION_FILTER, any_of(config)),)


def _stateful(cookie: StickyCookie) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": cookie.name,
        "path": cookie.path,
        # The filter writes HttpOnly and Path by itself, and Max-Age from `ttl`.
        "attributes": [
            {"name": name, "value": value}
            for name, value in attributes(cookie)
            if name not in ("HttpOnly", "Path", "Max-Age")
        ],
    }
    if cookie.max_age > 0:
        described["ttl"] = duration(cookie.max_age)
    state = extension(
        "envoy.http.stateful_session.cookie",
        "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
        cookie=described,
    )
    return {"session_state": state}


def session_filter() -> Any:
    """The session filter of a chain; what it does comes from the route and the cluster."""
    return make(
        "envoy.config.core.v3.TypedExtensionConfig", **extension(SESSION_FILTER, f"{_SESSION}StatefulSession")
    )


def _part(number: int, value: Any) -> bytes:
    return field(number, value.SerializeToString(deterministic=True))
