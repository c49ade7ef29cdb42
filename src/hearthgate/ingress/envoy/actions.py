"""What a router's service does with a request, as the part of an Envoy Route that follows its match."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.clusters import UNAVAILABLE_CLUSTER, Cluster, needs_http1_for_upgrades
from hearthgate.ingress.envoy.messages import duration, extension, field, header, literal, make, wrapped
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.retries import retry_policy
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.envoy.services import Again, Choice, Target, UnservableError, attributes, choices
from hearthgate.ingress.envoy.target_clusters import ClusterFinder, Inline
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.model import LoadBalancer, Service, StickyCookie

SESSION_FILTER: Final = "envoy.filters.http.stateful_session"
_RETRY_POLICY: Final = "envoy.config.route.v3.RetryPolicy"
_SESSION: Final = "envoy.extensions.filters.http.stateful_session.v3."
_HEADERS_FIELD, _FRACTION_FIELD, _COOKIES_FIELD = 6, 9, 17  # of RouteMatch
_RUNTIME_KEY: Final = "hearthgate.share"
_MILLION: Final = 1_000_000
_STEP: Final = 100
"""Shares of routes are multiples of it in a million: one random number decides about routes and about copies,
which are counted in hundredths, and so the one says nothing about the other."""
_KEPT_BODY: Final = 64 << 20
"""Bytes of a request's body that are kept for the fallback. What is longer goes to the first service alone."""
_BODILESS: Final = "GET|HEAD|OPTIONS|DELETE|TRACE"
_NETWORK_ERRORS: Final = frozenset((502, 503, 504))


class Action(NamedTuple):
    """condition: bytes to append to a RouteMatch.
    route: the RouteAction, a message to merge further settings into; None to answer `response` at once.
    response: a DirectResponseAction.
    per_filter: configuration under the names of filters. headers: response headers to add.
    clusters: all that `route` needs. sticky: whether the session filter must be in the chain.
    middlewares: what happens to these requests after the router's middlewares.
    body_limit: bytes of the request's body that are kept to be sent again; 0 = as for all routes.
    """

    condition: bytes
    route: Any | None
    response: Any | None = None
    per_filter: tuple[tuple[str, Any], ...] = ()
    headers: tuple[Any, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    sticky: bool = False
    middlewares: tuple[Middleware, ...] = ()
    body_limit: int = 0


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
    finder = ClusterFinder(inline, options, retries=retries)
    return tuple(action for choice in choices(service) for action in _choose(choice, finder, retries=retries))


def lost_sessions(service: Service | None) -> tuple[str, ...]:
    """Load balancers that are to keep clients at their servers and cannot: a group of clusters picks servers
    without a look at cookies. Raises UnservableError."""
    if service is None or isinstance(service, LoadBalancer):
        return ()
    targets = (target for choice in choices(service) for target in choice.targets if target.spares)
    return tuple(dict.fromkeys(one.name for target in targets for one in target.chain if one.sticky is not None))


def ways(service: Service | None) -> tuple[tuple[Middleware, ...], ...]:
    """The lists of middlewares that `actions` come with, each once. Raises UnservableError."""
    if service is None:
        return ((),)
    found = {target.middlewares: None for choice in choices(service) for target in choice.targets}
    return tuple(found) or ((),)


def _choose(choice: Choice, finder: ClusterFinder, *, retries: bool) -> Iterator[Action]:
    condition = b""
    for name, value in choice.cookies:
        matcher = make("envoy.config.route.v3.CookieMatcher", name=name, string_match={"exact": value})
        condition += _part(_COOKIES_FIELD, matcher)
    if not choice.targets:
        yield Action(condition, None, answer(*UNAVAILABLE))
        return
    groups: dict[tuple[Any, ...], list[Target]] = {}
    for target in choice.targets:
        groups.setdefault(_settings(target), []).append(target)
    if choice.by_client and len(groups) > 1:
        raise UnservableError(
            "services of a highestRandomWeight need the same passHostHeader, responseHeaderTimeout and "
            "middlewares, and no mirrors of their own"
        )
    for group, share in zip(groups.values(), _shares(list(groups.values())), strict=True):
        within = condition + share
        yield from _group(choice._replace(targets=tuple(group)), finder, within, retries=retries)


def _settings(target: Target) -> tuple[Any, ...]:
    """What all targets of one route have in common."""
    if target.balancer is None:
        return (True, 0.0, target.middlewares, target.copies, None)
    transport = target.balancer.transport
    statuses = (target.again.statuses, len(target.again.tries)) if target.again is not None else None
    passing = target.balancer.pass_host_header
    return (passing, transport.response_header_timeout, target.middlewares, target.copies, statuses)


def _shares(groups: list[list[Target]]) -> Iterator[bytes]:
    """What a RouteMatch needs beside for each of the groups; the last one takes what the others left."""
    total = sum(target.weight for group in groups for target in group)
    reached = 0
    for group in groups[:-1]:
        reached += sum(target.weight for target in group)
        part = round(_MILLION * reached / total / _STEP) * _STEP
        yield _part(_FRACTION_FIELD, make("envoy.config.core.v3.RuntimeFractionalPercent", **_of(part, "MILLION")))
    yield b""


def _of(numerator: int, denominator: str) -> dict[str, Any]:
    """The fields of a RuntimeFractionalPercent."""
    fraction = {"numerator": numerator, "denominator": denominator}
    return {"default_value": fraction, "runtime_key": _RUNTIME_KEY}


def _group(choice: Choice, finder: ClusterFinder, condition: bytes, *, retries: bool) -> Iterator[Action]:
    """The actions of targets with the same settings: those with copies first, and those of upgrades before."""
    plain = _action(choice, finder, http1=False, retries=retries)
    copies = choice.targets[0].copies
    http1 = any(needs_http1_for_upgrades(balancer) for target in choice.targets for balancer in target.chain)
    if http1 or copies:
        upgrade = make("envoy.config.route.v3.HeaderMatcher", name="upgrade", present_match=True)
        action = _action(choice, finder, http1=True, retries=retries) if http1 else plain
        yield action._replace(condition=condition + _part(_HEADERS_FIELD, upgrade))
    if not copies:
        yield plain._replace(condition=condition)
        return
    copied = _with_copies(choice, finder, plain)
    limits = {each.max_body for each in copies}
    if limits == {-1}:
        yield copied._replace(condition=condition)
        return
    limit = min(limits - {-1})
    for matchers in _small_bodies(limit):
        extra = b"".join(_part(_HEADERS_FIELD, make(_HEADER_MATCHER, **fields)) for fields in matchers)
        yield copied._replace(condition=condition + extra)
    yield plain._replace(condition=condition)


_HEADER_MATCHER: Final = "envoy.config.route.v3.HeaderMatcher"


def _small_bodies(limit: int) -> tuple[tuple[dict[str, Any], ...], ...]:
    """Headers of requests whose bodies are known to have at most `limit` bytes: the length says so, or there is
    none and the method has no body."""
    absent = {"present_match": True, "invert_match": True}
    methods = {"safe_regex": {"regex": _BODILESS}}
    return (
        ({"name": "content-length", "range_match": {"start": 0, "end": limit + 1}},),
        (
            {"name": ":method", "string_match": methods},
            {"name": "content-length", **absent},
            {"name": "transfer-encoding", **absent},
        ),
    )


def _with_copies(choice: Choice, finder: ClusterFinder, action: Action) -> Action:
    """The same action, with copies."""
    if action.route is None:
        return action
    route = make("envoy.config.route.v3.RouteAction")
    route.CopyFrom(action.route)
    needed = []
    for copies in choice.targets[0].copies:
        cluster = finder.find_copies(copies)
        needed.append(cluster)
        external = copies.balancer.external
        host = f"{external.address}:{external.port}" if external and not copies.balancer.pass_host_header else ""
        route.request_mirror_policies.add(
            cluster=cluster.name,
            runtime_fraction=_of(copies.percent, "HUNDRED"),
            disable_shadow_host_suffix_append=True,
            host_rewrite_literal=host,
        )
    return action._replace(route=route, clusters=(*action.clusters, *needed))


def _action(choice: Choice, finder: ClusterFinder, *, http1: bool, retries: bool) -> Action:
    targets = choice.targets
    found = tuple(finder.find(target, http1=http1) for target in targets)
    needed = tuple(cluster for upstream in found if upstream is not None for cluster in upstream.needed)
    route = make("envoy.config.route.v3.RouteAction", timeout=duration(0))
    rewrites, seconds, middlewares, _, _ = _settings(targets[0])
    route.auto_host_rewrite.value = not rewrites
    if rewrites:
        route.ClearField("auto_host_rewrite")
    again = targets[0].again
    if again is not None:
        if not retries:
            raise UnservableError("a failover by status tries again by itself: take retry out of the middlewares")
        route.retry_policy.CopyFrom(make(_RETRY_POLICY, **_trying_again(again)))
    elif seconds and retries:
        route.retry_policy.CopyFrom(make(_RETRY_POLICY, **retry_policy()))
    if seconds:
        # The time of a try ends with the headers of its answer.
        route.retry_policy.per_try_timeout.CopyFrom(make("google.protobuf.Duration", **duration(seconds)))
    action = Action(
        b"",
        route,
        clusters=needed,
        sticky=any(_session(target) for target in targets),
        middlewares=middlewares,
        body_limit=_KEPT_BODY if again is not None else 0,
    )
    names = [upstream.cluster.name if upstream is not None else UNAVAILABLE_CLUSTER for upstream in found]
    if len(names) == 1:
        route.cluster = names[0]
        headers = (make("envoy.config.core.v3.HeaderValueOption", **option) for option in _cookies(targets[0]))
        return action._replace(per_filter=_session(targets[0]), headers=tuple(headers))
    for name, target in zip(names, targets, strict=True):
        route.weighted_clusters.clusters.add(
            name=name,
            weight=wrapped(target.weight),
            response_headers_to_add=_cookies(target),
            typed_per_filter_config=dict(_session(target)),
        )
    if choice.by_client:
        route.weighted_clusters.use_hash_policy.value = True
        route.hash_policy.add(connection_properties={"source_ip": True})
    return action


def _trying_again(again: Again) -> dict[str, Any]:
    """A RetryPolicy: of what never reached a server, the next one is asked whatever the statuses are."""
    reasons = ["connect-failure", "refused-stream", "reset-before-request", "retriable-status-codes"]
    if _NETWORK_ERRORS.intersection(again.statuses):
        reasons.append("reset")
    return {
        **retry_policy(),
        "retry_on": ",".join(reasons),
        "num_retries": wrapped(len(again.tries)),
        "retriable_status_codes": again.statuses,
    }


def _cookies(target: Target) -> list[dict[str, Any]]:
    return [header("set-cookie", literal(cookie), "APPEND_IF_EXISTS_OR_ADD") for cookie in target.cookies]


def _session(target: Target) -> tuple[tuple[str, Any], ...]:
    """Configuration of the session filter for one cluster."""
    if target.balancer is None or target.balancer.sticky is None or target.spares:
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
