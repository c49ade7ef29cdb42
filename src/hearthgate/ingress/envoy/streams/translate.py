"""What a model's routers of connections and datagrams add to the proxy's configuration.

Made again only where routers, TLS, listeners of requests or inlined endpoints changed. Equal input gives equal
bytes whatever was translated before.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from hearthgate.ingress.envoy.clusters import Cluster, has_name
from hearthgate.ingress.envoy.endpoint_table import EndpointTable
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.services import UnservableError
from hearthgate.ingress.envoy.streams.chains import CompiledStream, TLSFrame, compile_stream, reduced, weighed
from hearthgate.ingress.envoy.streams.clusters import checks_stream_addresses
from hearthgate.ingress.envoy.streams.datagrams import shared_cluster, udp_listener
from hearthgate.ingress.envoy.streams.listener import (
    Sites,
    chains_of_plain_requests,
    proven_names,
    relevant_hosts,
    with_streams,
)
from hearthgate.ingress.envoy.streams.starttls import (
    back_listener,
    chain_name,
    starttls_chain,
    starttls_cluster,
)
from hearthgate.ingress.postgres.tables import starttls_tables
from hearthgate.ingress.proofs.certificate import server_name
from hearthgate.ingress.routing.model import (
    DEFAULT_TLS_OPTIONS,
    Endpoint,
    EndpointsKey,
    ProofKind,
    Router,
    RoutingModel,
    StreamBalancer,
    TCPRouter,
    TLSOptions,
    UDPRouter,
)
from hearthgate.ingress.xds.resources import Versioned
from hearthgate.model.problems import Problem, Reason
from hearthgate.rules.rule import Rule

_Inlined = tuple[tuple[Endpoint, ...] | None, ...]


class _Input(NamedTuple):
    """What compiled routers depend on beside themselves."""

    tls_options: tuple[TLSOptions, ...] = ()
    placeholder: str = ""


class _Datagrams(NamedTuple):
    router: UDPRouter
    cluster: Cluster | None
    problems: tuple[Problem, ...] = ()


class StreamTranslator:
    """Keeps what it made for the last model."""

    def __init__(self, options: ProxyOptions, endpoints: EndpointTable) -> None:
        self._options = options
        self._endpoints = endpoints
        self._input = _Input()
        self._proxies: dict[str, tuple[str, ...]] = {}
        self._tcp: dict[TCPRouter, tuple[_Inlined, CompiledStream]] = {}
        self._udp: dict[UDPRouter, tuple[_Inlined, _Datagrams]] = {}
        self._listeners: dict[str, tuple[object, dict[str, Versioned]]] = {}
        self.clusters: dict[str, Versioned] = {}
        """By name."""
        self.endpoints: dict[str, EndpointsKey] = {}
        """Whose endpoints a cluster asks for, by its name."""

    def translate(self, model: RoutingModel, listeners: Mapping[str, Versioned]) -> dict[str, Versioned]:
        """The listeners of requests with the routers of connections in them, and those of datagrams."""
        if not model.tcp_routers and not model.udp_routers and not self._tcp and not self._udp:
            return dict(listeners)
        default = model.default_certificate
        given = _Input(model.tls_options, default.chain if default is not None else "")
        if given != self._input:
            self._input, self._tcp = given, {}
        self._proxies = {entrypoint.name: entrypoint.proxy_trusted_ips for entrypoint in model.entrypoints}
        self._compile(model)
        found = {**listeners, **self._tcp_listeners(model, listeners)}
        by_name = {entrypoint.name: entrypoint for entrypoint in model.udp_entrypoints}
        for _, datagrams in self._udp.values():
            if not datagrams.problems and datagrams.router.entrypoint in by_name:
                entrypoint_udp = by_name[datagrams.router.entrypoint]
                found[entrypoint_udp.name] = udp_listener(entrypoint_udp, datagrams.cluster, self._options)
        return found

    def _tcp_listeners(self, model: RoutingModel, listeners: Mapping[str, Versioned]) -> dict[str, Versioned]:
        upgraded = starttls_tables(model) if self._options.auth_socket else {}
        asked = [server_name(proof) for proof in model.proofs if proof.kind is ProofKind.TLS_ALPN]
        kept: dict[str, tuple[object, dict[str, Versioned]]] = {}
        for name in (entrypoint.name for entrypoint in model.entrypoints if entrypoint.name in listeners):
            streams = [
                compiled
                for _, compiled in self._tcp.values()
                if compiled.chain is not None and compiled.router.entrypoint == name
            ]
            if not streams:
                continue
            sites = relevant_hosts(streams, _sites(model.routers, name))
            # What others than believed proxies tell would be taken for true on the way back.
            upgradable = name in upgraded and not self._proxies.get(name)
            upgrades = upgradable and any(compiled.router.tls for compiled in streams)
            proven = proven_names(streams, asked)
            wanted = (listeners[name], tuple(streams), sites, upgrades, proven)
            known = self._listeners.get(name)
            if known is None or known[0] != wanted:
                made = self._made(name, listeners[name], streams, sites, upgraded=upgrades, proven=proven)
                known = (wanted, made)
            kept[name] = known
        self._listeners = kept
        for name, (_, made) in kept.items():
            if chain_name(name) in made:
                service = starttls_cluster(name, self._options)
                self.clusters[service.name] = service.resource
        return {name: listener for _, made in kept.values() for name, listener in made.items()}

    def _made(
        self,
        name: str,
        listener: Versioned,
        streams: Sequence[CompiledStream],
        sites: Sites,
        *,
        upgraded: bool,
        proven: Sequence[str],
    ) -> dict[str, Versioned]:
        """The listeners of one entrypoint."""
        if not upgraded:
            return {name: with_streams(listener, streams, sites, proven=proven)}
        requests = chains_of_plain_requests(listener)
        return {
            name: with_streams(listener, streams, sites, starttls_chain(name), proven),
            chain_name(name): back_listener(name, streams, requests, self._options),
        }

    @property
    def is_current(self) -> bool:
        """Whether the endpoints still say what the clusters were made of."""
        tcp = all(inlined == self._inlined(router) for router, (inlined, _) in self._tcp.items())
        return tcp and all(inlined == self._inlined(router) for router, (inlined, _) in self._udp.items())

    def problems(self) -> Iterator[Problem]:
        for _, compiled in self._tcp.values():
            yield from compiled.problems
        for _, datagrams in self._udp.values():
            yield from datagrams.problems

    def left_out(self) -> Iterator[TCPRouter | UDPRouter]:
        """Routers that cannot be served."""
        yield from (router for router, (_, compiled) in self._tcp.items() if compiled.chain is None)
        yield from (router for router, (_, datagrams) in self._udp.items() if datagrams.problems)

    def _compile(self, model: RoutingModel) -> None:
        options = {one.name: one for one in self._input.tls_options}
        options.setdefault(DEFAULT_TLS_OPTIONS, TLSOptions())
        frame = TLSFrame(options, self._input.placeholder)
        tcp: dict[TCPRouter, tuple[_Inlined, CompiledStream]] = {}
        for router in model.tcp_routers:
            inlined = self._inlined(router)
            proxies = self._proxies.get(router.entrypoint, ())
            known = self._tcp.get(router)
            if known is None or known[0] != inlined or known[1].proxies != proxies:
                known = (inlined, compile_stream(router, frame, self._inline, self._options, proxies))
            tcp[router] = known
        udp: dict[UDPRouter, tuple[_Inlined, _Datagrams]] = {}
        for udp_router in model.udp_routers:
            inlined = self._inlined(udp_router)
            known_udp = self._udp.get(udp_router)
            if known_udp is None or known_udp[0] != inlined:
                known_udp = (inlined, self._datagrams(udp_router))
            udp[udp_router] = known_udp
        self._tcp, self._udp = tcp, udp
        clusters = [cluster for _, compiled in tcp.values() for cluster in compiled.clusters]
        clusters += [each.cluster for _, each in udp.values() if each.cluster is not None]
        self.clusters = {cluster.name: cluster.resource for cluster in clusters}
        self.endpoints = {c.name: c.endpoints for c in clusters if c.endpoints is not None}

    def _datagrams(self, router: UDPRouter) -> _Datagrams:
        members = [member for member in router.members if member.weight > 0]
        if len(members) > 1:
            weights = reduced([member.weight for member in members])
            addresses = [self._all(member.balancer) for member in members]
            shares = zip(weights, addresses, strict=True)
            return _Datagrams(router, shared_cluster(router.name, shares))
        try:
            shares_one, _ = weighed(members, self._inline, self._options)
        except UnservableError as error:
            field = f"{router.field}.services"
            problem = Problem(ref=router.ref, field=field, reason=Reason.UNSUPPORTED, message=str(error))
            return _Datagrams(router, None, (problem,))
        return _Datagrams(router, shares_one[0][1] if shares_one else None)

    def _inlined(self, router: TCPRouter | UDPRouter) -> _Inlined:
        """The addresses that the router's very clusters depend on, by member."""
        shared = isinstance(router, UDPRouter) and sum(member.weight > 0 for member in router.members) > 1
        members = [member.balancer for member in router.members]
        return tuple(self._all(one) if shared else self._inline(one) for one in members)

    def _inline(self, balancer: StreamBalancer) -> tuple[Endpoint, ...] | None:
        if balancer.endpoints is None:
            return None
        addresses = self._endpoints.addresses(balancer.endpoints)
        return addresses if checks_stream_addresses(balancer) or has_name(addresses) else None

    def _all(self, balancer: StreamBalancer) -> tuple[Endpoint, ...]:
        if balancer.endpoints is None:
            return balancer.addresses
        return self._endpoints.addresses(balancer.endpoints)


def _sites(routers: Sequence[Router], entrypoint: str) -> Sites:
    hosts: set[str] = set()
    hostless = False
    for router in routers:
        if router.tls and router.entrypoint == entrypoint:
            own = _hosts(router.rule)
            hosts.update(own)
            hostless = hostless or not own
    return Sites(tuple(sorted(hosts)), hostless)


@lru_cache(maxsize=16384)
def _hosts(rule: Rule) -> tuple[str, ...]:
    return rule.hosts
