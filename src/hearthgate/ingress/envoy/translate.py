"""RoutingModel to xDS resources.

Runs on every change, so what did not change is not made again: routers, virtual hosts, tables, listeners and
endpoints are recognised by identity first, then by content. Equal input gives equal bytes whatever was
translated before.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hearthgate.ingress.envoy.certificates import CertificateIndex, QuicCertificates
from hearthgate.ingress.envoy.cluster_count import ClusterCount
from hearthgate.ingress.envoy.clusters import checks_addresses, internal_clusters, states_servers
from hearthgate.ingress.envoy.endpoint_table import EndpointTable
from hearthgate.ingress.envoy.entrypoints import Layout, layouts
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.plan import Scope
from hearthgate.ingress.envoy.routes import CompiledRouter, compile_router
from hearthgate.ingress.envoy.streams.translate import StreamTranslator
from hearthgate.ingress.envoy.tables import Tables
from hearthgate.ingress.envoy.upstreams import asked_balancers
from hearthgate.ingress.routing.model import (
    Certificate,
    Endpoint,
    Endpoints,
    EndpointsKey,
    EntryPoint,
    LoadBalancer,
    Router,
    RoutingModel,
    TCPRouter,
    TLSOptions,
    UDPRouter,
    balancers,
)
from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, Resources, Versioned
from hearthgate.model.problems import Problem


class Translation(NamedTuple):
    """problems: sorted; routers that are left out, and what is served other than asked for.
    certificates: answers for secrets that `resources` do not hold: those that Envoy asks for by SNI.
    left_out: routers that cannot be served; `problems` say why."""

    resources: Resources
    problems: tuple[Problem, ...]
    certificates: CertificateIndex
    left_out: tuple[Router | TCPRouter | UDPRouter, ...] = ()


class _Known(NamedTuple):
    """A router compiled. `inline`: see `EndpointTable.inline`, for each of `balancers`; `steady`: it changes only
    with host names among endpoints."""

    router: Router
    scope: Scope
    balancers: tuple[LoadBalancer, ...]
    inline: tuple[tuple[Endpoint, ...] | None, ...]
    steady: bool
    compiled: CompiledRouter


class _Frame(NamedTuple):
    """What does not depend on routers: compared by content, it seldom changes."""

    entrypoints: tuple[EntryPoint, ...] = ()
    tls_options: tuple[TLSOptions, ...] = ()
    default: Certificate | None = None
    certificates: QuicCertificates = QuicCertificates()


_GroupKey = tuple[str, bool]
_EMPTY_MODEL = RoutingModel()


class Translator:
    """Keeps what it made for the last model. Not for use from several threads."""

    def __init__(self, options: ProxyOptions) -> None:
        self._options = options
        self._endpoints = EndpointTable()
        self._streams = StreamTranslator(options, self._endpoints)
        self._routers: dict[int, _Known] = {}
        self._readers: dict[EndpointsKey, set[int]] = {}
        """The routers that balance between endpoints, by those."""
        self._clusters = ClusterCount()
        self._faulty: tuple[CompiledRouter, ...] = ()
        self._frame: _Frame = _Frame()
        self._layouts: tuple[Layout, ...] = ()
        self._tables: dict[_GroupKey, Tables] = {}
        self._internal: dict[str, Versioned] = {}
        self._index = (_EMPTY_MODEL, CertificateIndex())

    def translate(self, model: RoutingModel, endpoints: Endpoints) -> Translation:
        """Everything that Envoy shall hold for `model`. One router that cannot be served costs only itself."""
        self._endpoints.update(endpoints)
        certificates = self._certificates(model)
        over_quic = any(entrypoint.http3 for entrypoint in model.entrypoints)
        self._lay_out(model, certificates.quic if over_quic else QuicCertificates())
        groups = self._compile((*model.routers, *model.proof_routers))
        listeners: dict[str, Versioned] = {}
        routes: dict[str, Versioned] = {}
        for layout in self._layouts:
            for tls in (False, True):
                key = (layout.entrypoint.name, tls)
                tables = self._tables.setdefault(key, Tables(tls=tls))
                routes |= tables.routes(layout, groups.get(key, []))
                if tls:
                    listeners |= tables.listeners(layout, self._options)
        listeners = self._streams.translate(model, listeners)
        resources = Resources(
            {
                CLUSTER: {**self._internal, **self._clusters.resources, **self._streams.clusters},
                ENDPOINT: self._assignments(),
                LISTENER: listeners,
                ROUTE: routes,
                SECRET: certificates.quic_secrets() if over_quic else {},
            }
        )
        left_out = (*(one.router for one in self._faulty if not one.blocks), *self._streams.left_out())
        return Translation(resources, tuple(sorted(set(self._problems()))), certificates, left_out)

    def translate_endpoints(self, endpoints: Endpoints) -> Resources | None:
        """For the model of the last `translate`: the ClusterLoadAssignments that are others than in the last
        answer. Looks at no router and no cluster of requests that these do not concern.

        None when clusters depend on what changed (host names, verified https without a name): translate anew.
        """
        touched = self._endpoints.update(endpoints)
        readers = {router for key in touched for router in self._readers.get(key, ())}
        if not all(self._is_current(self._routers[router]) for router in readers) or not self._streams.is_current:
            return None
        using = (one for key in touched for one in self._clusters.using(key))
        changed = self._endpoints.changed_assignments((*using, *self._streams.endpoints.items()))
        return Resources({ENDPOINT: changed})

    def _assignments(self) -> dict[str, Versioned]:
        return self._endpoints.assignments({**self._clusters.endpoints, **self._streams.endpoints})

    def _note(self, router: int, known: _Known, *, reads: bool) -> None:
        for key in {one for balancer in known.balancers for one in _read(balancer)}:
            readers = self._readers.setdefault(key, set())
            if reads:
                readers.add(router)
            else:
                readers.discard(router)
            if not readers:
                del self._readers[key]

    def _lay_out(self, model: RoutingModel, certificates: QuicCertificates) -> None:
        frame = _Frame(model.entrypoints, model.tls_options, model.default_certificate, certificates)
        if frame != self._frame or not self._internal:
            self._layouts = layouts(*frame)
            names = {layout.entrypoint.name for layout in self._layouts}
            self._tables = {key: tables for key, tables in self._tables.items() if key[0] in names}
            self._internal = {
                **{c.name: c.resource for c in internal_clusters(self._options)},
                **self._options.recording.clusters(self._options.system_cas),
            }
            self._frame = frame

    def _compile(self, routers: Iterable[Router]) -> Mapping[_GroupKey, list[CompiledRouter]]:
        """The routers that can be served, by entrypoint and kind of connection."""
        scopes = {
            (layout.entrypoint.name, tls): layout.scope(tls=tls)
            for layout in self._layouts
            for tls in (False, True)
        }
        groups: dict[_GroupKey, list[CompiledRouter]] = {group: [] for group in scopes}
        kept: dict[int, _Known] = {}
        old = self._routers
        missed: list[Router] = []
        for router in routers:
            group = (router.entrypoint, router.tls)
            scope = scopes.get(group)
            if scope is None:
                continue  # an entrypoint that does not exist: the router's own problem says so
            known = old.get(id(router))
            if known is not None and known.scope == scope and self._is_current(known):
                kept[id(router)] = known
                groups[group].append(known.compiled)
            else:
                missed.append(router)
        if missed or len(kept) != len(old):
            self._replace(kept, missed, scopes, groups)
        return groups

    def _replace(
        self,
        kept: dict[int, _Known],
        missed: Iterable[Router],
        scopes: Mapping[_GroupKey, Scope],
        groups: Mapping[_GroupKey, list[CompiledRouter]],
    ) -> None:
        """Compiles the routers that were not found by identity; one that equals an old one takes its place."""
        gone = {
            (known.router.entrypoint, known.router.tls, known.router.name): known
            for key, known in self._routers.items()
            if key not in kept
        }
        for router in missed:
            group = (router.entrypoint, router.tls)
            known = gone.get((*group, router.name))
            if (
                known is not None
                and known.router == router
                and known.scope == scopes[group]
                and self._is_current(known)
            ):
                known = known._replace(router=router)
            else:
                known = self._compiled(router, scopes[group])
            kept[id(router)] = known
            groups[group].append(known.compiled)
        for key, known in self._routers.items():
            if key not in kept:
                self._note(key, known, reads=False)
        for router in missed:
            self._note(id(router), kept[id(router)], reads=True)
        self._clusters.update(
            added=[kept[id(router)].compiled for router in missed],
            gone=[known.compiled for known in gone.values()],
        )
        self._routers = kept
        self._faulty = tuple(known.compiled for known in kept.values() if known.compiled.problems)

    def _compiled(self, router: Router, scope: Scope) -> _Known:
        members = tuple(dict.fromkeys((*balancers(router.service), *asked_balancers(router.every_middleware))))
        compiled = compile_router(router, scope, self._endpoints.inline, self._options)
        steady = not any(checks_addresses(member) or states_servers(member) for member in members)
        return _Known(router, scope, members, self._inline(members), steady, compiled)

    def _is_current(self, known: _Known) -> bool:
        """Whether the endpoints still say what the router's clusters were made of."""
        if known.steady and not self._endpoints.named and not any(known.inline):
            return True
        return known.inline == self._inline(known.balancers)

    def _inline(self, members: tuple[LoadBalancer, ...]) -> tuple[tuple[Endpoint, ...] | None, ...]:
        return tuple([self._endpoints.inline(balancer) for balancer in members])

    def _problems(self) -> Iterator[Problem]:
        for layout in self._layouts:
            yield from layout.problems
        for compiled in self._faulty:
            yield from compiled.problems
        yield from self._streams.problems()

    def _certificates(self, model: RoutingModel) -> CertificateIndex:
        last, index = self._index
        if (
            last.certificates != model.certificates
            or last.default_certificate != model.default_certificate
            or last.tls_options != model.tls_options
            or last.entrypoints != model.entrypoints
            or last is _EMPTY_MODEL
        ):
            index = CertificateIndex(
                model.certificates,
                model.default_certificate,
                tls_options=model.tls_options,
                entrypoints=model.entrypoints,
            )
        self._index = (model, index)
        return index


def _read(balancer: LoadBalancer) -> Iterator[EndpointsKey]:
    """The endpoints that a balancer may read: those with the results of its check, until there are any without."""
    if balancer.endpoints is not None:
        yield balancer.endpoints
        yield balancer.endpoints.unchecked
