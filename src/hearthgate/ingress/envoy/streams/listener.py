"""Connections and requests on one entrypoint: which filter chain a connection finds, in upstream's order.

Not TLS: routers of connections by priority, then requests. TLS, by the name that the client asks for: routers of
requests that name it, routers of connections, routers of requests that name no host, the catch-all of connections,
and requests again, which answer 404. Handshakes of CAs (TLS-ALPN-01) are ours in the place of all that, but for
names whose connections are passed on unread and that no Challenge of ours is about.

The filter chains of requests stay what they are, byte for byte: Envoy closes the connections of chains that change
and of no others while only chains and their matcher do.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.messages import make
from hearthgate.ingress.envoy.schema import message
from hearthgate.ingress.envoy.streams import predicates
from hearthgate.ingress.envoy.streams.chains import CompiledStream, to_chain
from hearthgate.ingress.envoy.streams.predicates import Predicate
from hearthgate.ingress.proofs.certificate import PROTOCOL
from hearthgate.ingress.xds.resources import Versioned, versioned
from hearthgate.model.hostnames import host_matches, is_wildcard
from hearthgate.rules.rule import Rule
from hearthgate.rules.syntax import Conjunct, Matcher
from hearthgate.rules.tcp import Connection, condition_holds, is_catch_all, sni_holds

_LISTENER: Final = "envoy.config.listener.v3.Listener"
_ALTERNATIVES: Final = 400
"""Of one list that Envoy walks: more become a list of their own behind it."""


class Sites(NamedTuple):
    """What the routers of requests of one entrypoint ask of TLS connections: the hosts that they name, and whether
    one of them names none. `any`: whether there is a router over TLS at all."""

    hosts: tuple[str, ...] = ()
    hostless: bool = False

    @property
    def any(self) -> bool:
        return bool(self.hosts) or self.hostless


def with_streams(
    listener: Versioned,
    streams: Sequence[CompiledStream],
    sites: Sites,
    upgrading: Any | None = None,
    proven: Sequence[str] = (),
) -> Versioned:
    """The Listener of requests, extended by the routers of connections, which stand by precedence.

    proven: see `proven_names`.
    upgrading: the FilterChain for all connections that are not TLS, in place of the routers for them.
    """
    plain = [stream for stream in streams if not stream.router.tls]
    over_tls = [stream for stream in streams if stream.router.tls]
    parsed = message(_LISTENER).FromString(listener.body)
    web = _Requests(parsed.filter_chains)
    rows = [_row(stream) for stream in _reachable(plain)]
    if over_tls or sites.any or not plain:
        found = _tls_matcher(over_tls, sites, _nested(web.tls()), _to_own_chain)
        if web.proofs:
            ours = _proof_action(over_tls, sites, proven, to_chain(web.proofs))
            found = _first_match([(predicates.offers(PROTOCOL), ours)], _nested(found))
        rows.insert(0, (predicates.is_tls(), _nested(found)))
    else:
        # Nothing has to be read to decide, so that servers which speak first can.
        kept = [one for one in parsed.listener_filters if not one.name.endswith(".tls_inspector")]
        del parsed.listener_filters[:]
        parsed.listener_filters.extend(kept)
    last = web.plain()
    if upgrading is not None:
        rows, last = rows[:1], to_chain(upgrading.name)
        parsed.filter_chains.append(upgrading)
        streams = over_tls
    matcher = _first_match(rows, last)
    parsed.filter_chain_matcher.CopyFrom(make("xds.type.matcher.v3.Matcher", **matcher))
    parsed.filter_chains.extend(stream.chain for stream in streams)
    return versioned(parsed.SerializeToString(deterministic=True))


def chains_of_plain_requests(listener: Versioned) -> tuple[Any, ...]:
    """The filter chains of a Listener of requests that take connections which are not TLS; the first one all."""
    chains = message(_LISTENER).FromString(listener.body).filter_chains
    found = [one for one in chains if one.filter_chain_match.transport_protocol != "tls"]
    return tuple(sorted(found, key=lambda one: _is_selective(one.filter_chain_match)))


def relevant_hosts(streams: Iterable[CompiledStream], sites: Sites) -> Sites:
    """`sites` with no more hosts than it takes: those that a router of connections would draw away."""
    rules = [stream.router.rule for stream in streams if stream.router.tls]
    catch_all = any(map(is_catch_all, rules)) and not sites.hostless
    specific = [rule for rule in rules if not is_catch_all(rule)]
    hosts = tuple(host for host in sites.hosts if catch_all or any(_may_take(rule, host) for rule in specific))
    # Without any host left, that there is TLS must stay known.
    return Sites(hosts or sites.hosts[:1], sites.hostless)


def proven_names(streams: Iterable[CompiledStream], names: Iterable[str]) -> tuple[str, ...]:
    """Of names that Challenges are about, those that a router would pass on unread: listeners must know them."""
    rules = [stream.router.rule for stream in streams if stream.router.passthrough]
    return tuple(sorted({name for name in names if any(_may_take(rule, name) for rule in rules)}))


def _may_take(rule: Rule, host: str) -> bool:
    """Whether some connection for `host` (a wildcard: for one of its names) may fulfil the rule."""
    return any(_may_hold(conjunct, host) for conjunct in rule.conjuncts)


def _may_hold(conjunct: Conjunct, host: str) -> bool:
    for condition in conjunct:
        value = condition.arguments[0]
        if condition.matcher is Matcher.HOST_SNI and not condition.negated:
            overlaps = sni_holds(value, host) or host_matches(host, value)
            if not overlaps:
                return False
        elif (
            condition.matcher in (Matcher.HOST_SNI, Matcher.HOST_SNI_REGEXP)
            and not is_wildcard(host)
            and condition_holds(condition, Connection(sni=host)) is condition.negated
        ):
            return False
    return True


def _tls_matcher(
    streams: Sequence[CompiledStream],
    sites: Sites,
    requests: dict[str, Any],
    to: Callable[[CompiledStream], dict[str, Any]],
) -> dict[str, Any]:
    """requests: what is done with connections of requests. to: with those of a router."""
    rows: list[tuple[Predicate | None, dict[str, Any]]] = []
    if sites.hosts and streams:
        rows.append((predicates.asks_for_one_of(sites.hosts), requests))
    reachable = _reachable(streams)
    catch_all = reachable.pop() if reachable and is_catch_all(reachable[-1].router.rule) else None
    rows += [(predicates.rule_predicate(one.router.rule, one.proxies), to(one)) for one in reachable]
    last = requests
    if catch_all is not None and not sites.hostless:
        last = to(catch_all)
    return _first_match(rows, last)


def _proof_action(
    streams: Sequence[CompiledStream], sites: Sites, proven: Sequence[str], ours: dict[str, Any]
) -> dict[str, Any]:
    """What is done with handshakes of CAs: `ours`, unless the connection would be passed on unread."""
    if not any(stream.router.passthrough for stream in streams):
        return ours

    def to(stream: CompiledStream) -> dict[str, Any]:
        return _to_own_chain(stream) if stream.router.passthrough else ours

    hosts = tuple(sorted({*sites.hosts, *proven}))
    return _nested(_tls_matcher(streams, sites._replace(hosts=hosts), ours, to))


def _to_own_chain(stream: CompiledStream) -> dict[str, Any]:
    return to_chain(stream.chain_name)


def _reachable(streams: Sequence[CompiledStream]) -> list[CompiledStream]:
    """Those up to the first that takes everything, without those that take nothing."""
    found = []
    for stream in streams:
        if stream.router.rule.conjuncts:
            found.append(stream)
            if () in stream.router.rule.conjuncts:
                break
    return found


def _row(stream: CompiledStream) -> tuple[Predicate | None, dict[str, Any]]:
    return predicates.rule_predicate(stream.router.rule, stream.proxies), to_chain(stream.chain_name)


class _Requests:
    """The filter chains of requests, by what their FilterChainMatch says: the matcher stands in for it."""

    def __init__(self, chains: Iterable[Any]) -> None:
        every = [(chain.name, chain.filter_chain_match) for chain in chains]
        self._chains = [(name, match) for name, match in every if not match.application_protocols]
        self.proofs = next((name for name, match in every if match.application_protocols), "")
        """Where handshakes of CAs go; empty when nobody takes them."""

    def plain(self) -> dict[str, Any]:
        """Where connections that are not TLS go."""
        chains = [(name, match) for name, match in self._chains if match.transport_protocol != "tls"]
        return _nested(_first_match(*_by_source(chains)))

    def tls(self) -> dict[str, Any]:
        """The matcher of TLS connections: exact names before wildcards, longer wildcards before shorter ones."""
        chains = [(name, match) for name, match in self._chains if match.transport_protocol == "tls"]
        rest = [(name, match) for name, match in chains if not match.server_names]
        named = [(host, name, match) for name, match in chains for host in match.server_names]
        rows: list[tuple[Predicate | None, dict[str, Any]]] = []
        exact = sorted({host for host, _, _ in named if not is_wildcard(host)})
        wild = sorted({host for host, _, _ in named if is_wildcard(host)}, key=lambda one: (-len(one), one))
        groups: dict[tuple[str, ...], list[str]] = {}
        for host in exact:
            groups.setdefault(tuple(name for one, name, _ in named if one == host), []).append(host)
        for names, hosts in [*groups.items(), *(((), [host]) for host in wild)]:
            chosen = names or tuple(name for one, name, _ in named if one == hosts[0])
            inside = [(name, match) for name, match in chains if name in chosen]
            rows.append((predicates.asks_for_one_of(hosts), _nested(_first_match(*_by_source(inside)))))
        default_rows, default = _by_source(rest)
        return _first_match([*rows, *default_rows], default)


def _by_source(chains: Sequence[tuple[str, Any]]) -> tuple[list[Any], dict[str, Any]]:
    """Rows for the chains of certain peers, in the order in which they stand, and the chain of all others."""
    rows = [
        (
            predicates.comes_from(match.source_prefix_ranges, match.direct_source_prefix_ranges),
            to_chain(name),
        )
        for name, match in chains
        if _is_selective(match)
    ]
    others = [name for name, match in chains if not _is_selective(match)]
    return rows, to_chain(others[0] if others else chains[0][0])


def _is_selective(match: Any) -> bool:
    return bool(match.source_prefix_ranges or match.direct_source_prefix_ranges)


def _first_match(rows: Sequence[tuple[Predicate | None, dict[str, Any]]], last: dict[str, Any]) -> dict[str, Any]:
    """The Matcher in which the first row that holds decides, and else `last`."""
    matchers = []
    for predicate, action in rows:
        if predicate is None:
            last = action
            break
        matchers.append({"predicate": predicate, "on_match": action})
    for start in reversed(range(0, len(matchers), _ALTERNATIVES)):
        part = {"matcher_list": {"matchers": matchers[start : start + _ALTERNATIVES]}, "on_no_match": last}
        last = _nested(part)
    return dict(last.get("matcher", {"on_no_match": last}))


def _nested(matcher: dict[str, Any]) -> dict[str, Any]:
    return {"matcher": matcher}
