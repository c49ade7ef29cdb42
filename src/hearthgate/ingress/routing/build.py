"""From a Snapshot to the RoutingModel: the whole model on every change, in the time of what changed."""

from collections.abc import Hashable, Iterator, Mapping, Set
from functools import partial
from operator import itemgetter

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.challenges import challenge_proofs, proof_routers
from hearthgate.ingress.routing.endpoints import EndpointsIndex
from hearthgate.ingress.routing.entrypoints import build_entrypoints, build_udp_entrypoints
from hearthgate.ingress.routing.gateway.provider import GatewayProvider, Surroundings
from hearthgate.ingress.routing.ingresses.addresses import reached_at
from hearthgate.ingress.routing.ingresses.backends import Backends, ingress_services
from hearthgate.ingress.routing.ingresses.link import Ingresses
from hearthgate.ingress.routing.internal_routers import internal_routers
from hearthgate.ingress.routing.issued import IssuedCertificates, chosen, uncovered
from hearthgate.ingress.routing.link_table import LinkTable, Ranked, rank
from hearthgate.ingress.routing.links import MiddlewareLinks
from hearthgate.ingress.routing.middlewares import Middlewares
from hearthgate.ingress.routing.model import (
    Built,
    Certificate,
    Endpoints,
    EndpointsKey,
    EntryPoint,
    Router,
    RoutingModel,
    TCPRouter,
    Transport,
    UDPRouter,
)
from hearthgate.ingress.routing.parts import Parts
from hearthgate.ingress.routing.redirections import Guards, redirection_routers
from hearthgate.ingress.routing.routers import Routers, asked_endpoints
from hearthgate.ingress.routing.services import Services, unserved
from hearthgate.ingress.routing.stream_check import StreamCheck
from hearthgate.ingress.routing.streams import StreamRouters, only_first
from hearthgate.ingress.routing.tls_hosts import OptionsByHost, with_hosts
from hearthgate.ingress.routing.tls_named import named_options
from hearthgate.ingress.routing.tls_store import stored_certificates
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.routing.visible import Visible, selector_problems
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.gateway import GRPCRoute, HTTPRoute
from hearthgate.resources.networking import Ingress
from hearthgate.resources.traefik import (
    IngressRoute,
    IngressRouteTCP,
    IngressRouteUDP,
    Middleware,
    MiddlewareTCP,
    ServersTransport,
    ServersTransportTCP,
    TLSOption,
    TLSStore,
    TraefikService,
)


class RoutingBuilder:
    """Builds models from one snapshot after the other. Equal to a fresh build each time, only faster.

    default_transport: of backends that name no ServersTransport.
    self_signed: what serves names that no certificate covers, when no TLSStore says otherwise.
    addresses: of this machine: where Ingresses say they are reached, when the settings do not say it.
    """

    def __init__(
        self,
        settings: IngressSettings,
        *,
        default_transport: Transport | None = None,
        self_signed: Certificate | None = None,
        addresses: tuple[str, ...] = (),
    ) -> None:
        self._settings = settings
        self._addresses = addresses
        self._self_signed = self_signed
        self._tracker = Tracker()
        skip = settings.servers_transport.insecure_skip_verify
        transport = default_transport or Transport(insecure_skip_verify=skip)
        crd = settings.providers.kubernetes_crd
        self._middlewares = Middlewares(
            self._tracker,
            cross_namespace=crd.allow_cross_namespace,
            links=lambda ref: MiddlewareLinks(self._tracker, self._services, ref),
        )
        self._services = Services(self._tracker, settings, transport, self._middlewares)
        self._routers = Routers(self._tracker, settings, self._middlewares, self._services)
        self._endpoints = EndpointsIndex()
        self._options_by_host = OptionsByHost()
        self._entrypoints, found = build_entrypoints(settings)
        self._udp_entrypoints, found_udp = build_udp_entrypoints(settings)
        self._served_udp = {entrypoint.name for entrypoint in self._udp_entrypoints}
        self._setting_problems = [*found, *found_udp, *selector_problems(settings)]
        self._last: tuple[Snapshot, Built] | None = None
        self._parts: Parts | None = None
        self._visible = Visible(settings.providers.kubernetes_crd)
        self._stream_routers = StreamRouters(self._tracker, settings)
        self._issued = IssuedCertificates(self._tracker)
        self._served = {entrypoint.name: entrypoint for entrypoint in self._entrypoints}
        around = Surroundings(self._middlewares, self._services, self._routers.entrypoint_middlewares, transport)
        self._gateways = GatewayProvider(self._tracker, settings, around)
        self._tables = (
            LinkTable(HTTPRoute, "HTTPRoute", self._gateways.linked, self._served, allow_empty=True),
            LinkTable(GRPCRoute, "GRPCRoute", self._gateways.linked, self._served, allow_empty=True),
            LinkTable(
                IngressRoute,
                "route",
                self._routers.linked,
                self._served,
                allow_empty=crd.allow_empty_services,
            ),
            LinkTable(
                Ingress,
                "ingress",
                self._ingresses(transport).linked,
                self._served,
                allow_empty=settings.providers.kubernetes_ingress.allow_empty_services,
            ),
        )

    def _ingresses(self, default_transport: Transport) -> Ingresses:
        services = ingress_services(self._tracker, self._settings, default_transport, self._middlewares)
        backends = Backends(self._tracker, self._settings, services)
        guards = self._routers.entrypoint_middlewares
        ingresses = Ingresses(self._tracker, self._settings, self._middlewares, backends, guards)
        self._services.of_ingress = ingresses.service
        return ingresses

    def build(self, snapshot: Snapshot) -> Built:
        snapshot = self._visible.of(snapshot)
        dropped = self._tracker.begin(snapshot)
        last, served = self._last, self._endpoints.served
        endpoints = self._endpoints.update(snapshot)
        as_before = last is not None and not dropped and served == self._endpoints.served
        if last is not None and as_before and _differ_in_endpoints_alone(last[0], snapshot):
            built = last[1]._replace(endpoints=endpoints)
        else:
            built = self._build(snapshot, dropped, endpoints)
        self._last = snapshot, built
        return built

    def _build(self, snapshot: Snapshot, dropped: frozenset[Hashable], endpoints: Endpoints) -> Built:
        parts = self._gather(snapshot, dropped)
        if self._last is not None and self._parts == parts:
            return self._last[1]._replace(endpoints=endpoints)
        self._parts = parts
        return self._put_together(parts, endpoints)

    def _gather(self, snapshot: Snapshot, dropped: frozenset[Hashable]) -> Parts:
        """Links what the snapshot changes anew; looks at no route that it leaves alone."""
        problems: list[Problem] = [*snapshot.problems, *self._setting_problems]
        owned = self._check_all(snapshot, problems)
        options, usable = named_options(self._tracker, snapshot, problems)
        stored: dict[ObjectRef, Certificate] = {}
        self._issued.update(snapshot)
        default = stored_certificates(self._tracker, snapshot, self._issued, stored, problems)
        guards = self._routers.entrypoint_middlewares
        redirections, found = self._tracker.result(
            ("redirections",), lambda: _own_routers(self._settings, self._served, guards)
        )
        problems.extend(found)
        proofs, found = challenge_proofs(self._tracker)
        problems.extend(found)
        for table in self._tables:
            table.update(snapshot, dropped)
        gateways = self._gateways.contribution(snapshot)
        routes: list[IngressRouteTCP | IngressRouteUDP]
        routes = [*snapshot.all(IngressRouteTCP), *snapshot.all(IngressRouteUDP)]
        points, found = reached_at(snapshot, self._settings.providers.kubernetes_ingress, self._addresses)
        problems.extend(found)
        return Parts(
            served=self._endpoints.served,
            problems=tuple(problems),
            owned=tuple(owned),
            options=options,
            usable=frozenset(usable),
            default=default or self._self_signed,
            stored=tuple(stored.values()),
            redirections=redirections,
            links=tuple(table.version for table in self._tables),
            gateways=gateways,
            streams=tuple(map(self._stream_routers.linked, routes)),
            reached_at=points,
            proofs=proofs,
            issued=self._issued.every,
        )

    def _put_together(self, parts: Parts, endpoints: Endpoints) -> Built:
        problems = [*parts.problems, *parts.gateways.problems]
        owned = [*parts.owned]
        certificates = {one.ref: one for one in parts.stored}
        check = partial(self._serviceable, endpoints=endpoints, options=parts.usable, problems=problems)
        ranked = list(check(parts.redirections, allow_empty=True))
        waiting = [one for linked, _ in parts.streams if linked is not None for one in linked.awaited]
        for table in self._tables:
            for linked, own_ranked, own_problems in table.links.values():
                owned.append(linked.ref)
                waiting += linked.awaited
                if own_problems:
                    problems.extend(own_problems)
                for certificate in linked.certificates:
                    certificates[certificate.ref] = certificate
                if linked.endpoints <= parts.served and linked.options <= parts.usable:
                    ranked += own_ranked
                else:
                    ranked.extend(check(own_ranked, allow_empty=table.allow_empty))
            for own_problems in table.unclaimed.values():
                problems.extend(own_problems)
        certificates.update((one.ref, one) for one in parts.gateways.certificates)
        tcp, udp = self._streams(parts, endpoints, (owned, certificates, problems))
        ranked.sort(key=itemgetter(0))
        settled, hosts, conflicts = self._options_by_host.settle(tuple(router for _, router in ranked))
        problems.extend(conflicts)
        every = chosen(parts.issued, settled, tcp, certificates.values())
        certificates.update([(one.ref, one) for one in every])
        problems.extend(uncovered(waiting, certificates.values()))
        model = RoutingModel(
            entrypoints=self._entrypoints,
            routers=settled,
            tls_options=tuple(with_hosts(option, hosts) for option in parts.options),
            certificates=tuple(certificates[ref] for ref in sorted(certificates)),
            default_certificate=parts.default,
            tcp_routers=tcp,
            udp_routers=udp,
            udp_entrypoints=self._udp_entrypoints,
            proofs=parts.proofs,
            proof_routers=tuple(proof_routers(parts.proofs, self._settings, self._served, hosts)),
        )
        found = tuple(sorted(set(problems)))
        return Built(model, endpoints, found, tuple(owned), parts.gateways.verdicts, parts.reached_at)

    def _check_all(self, snapshot: Snapshot, problems: list[Problem]) -> list[ObjectRef]:
        """Builds what may be referred to, so that a broken object is told even when nothing uses it yet."""
        owned: list[ObjectRef] = []
        for middleware in snapshot.all(Middleware):
            problems.extend(self._middlewares.built(middleware).problems)
            owned.append(middleware.ref)
        for transport in snapshot.all(ServersTransport):
            problems.extend(self._services.transports.built(transport).problems)
            owned.append(transport.ref)
        for stream_middleware in snapshot.all(MiddlewareTCP):
            problems.extend(self._stream_routers.middleware(stream_middleware).problems)
            owned.append(stream_middleware.ref)
        for stream_transport in snapshot.all(ServersTransportTCP):
            problems.extend(self._stream_routers.services.transports.built(stream_transport).problems)
            owned.append(stream_transport.ref)
        for service in snapshot.all(TraefikService):
            problems.extend(self._services.built(service).problems)
            owned.append(service.ref)
        owned.extend(option.ref for option in snapshot.all(TLSOption))
        owned.extend(store.ref for store in snapshot.all(TLSStore))
        return owned

    def _streams(
        self, parts: Parts, endpoints: Endpoints, found: "_Found"
    ) -> tuple[tuple[TCPRouter, ...], tuple[UDPRouter, ...]]:
        """Routers of connections by precedence, and of datagrams by entrypoint. Adds to `found`."""
        owned, certificates, problems = found
        tcp: list[TCPRouter] = []
        udp: list[UDPRouter] = []
        for linked, own_problems in (*parts.streams, *((one, ()) for one in parts.gateways.streams)):
            problems.extend(own_problems)
            if linked is not None:
                owned.append(linked.ref)
                certificates.update((one.ref, one) for one in linked.certificates)
                tcp += (one for one in linked.tcp if one.entrypoint in self._served)
                udp += (one for one in linked.udp if one.entrypoint in self._served_udp)
        allow_empty = self._settings.providers.kubernetes_crd.allow_empty_services
        check = StreamCheck(endpoints, parts.usable, allow_empty=allow_empty)
        tcp = [one for one in tcp if check.serves(one, problems)]
        udp = [one for one in only_first(udp, problems) if check.serves(one, problems)]
        tcp.sort(key=lambda one: (-one.priority, one.name, one.entrypoint))
        return tuple(tcp), tuple(udp)

    def _serviceable(
        self,
        ranks: tuple[Ranked, ...],
        *,
        endpoints: Endpoints,
        options: Set[str],
        problems: list[Problem],
        allow_empty: bool,
    ) -> Iterator[Ranked]:
        """Leaves out routers that must not serve; warns of services that nothing answers."""
        for ranked in ranks:
            router = ranked[1]
            if router.tls and router.tls_options not in options:
                problems.append(
                    Problem(
                        ref=router.ref,
                        field="spec.tls.options" if router.ref.kind == "IngressRoute" else router.field,
                        reason=Reason.TLS_OPTION_NOT_FOUND,
                        message=f"the TLS options {router.tls_options} of its hosts do not exist or are invalid",
                    )
                )
                continue
            problems.extend(
                _nobody_to_ask(router, key) for key in asked_endpoints(router) if not endpoints.get(key)
            )
            empty = unserved(router.service, endpoints)
            problems.extend(_no_endpoints(router, key, allow_empty) for key in empty)
            if not empty or allow_empty:
                yield ranked


def _differ_in_endpoints_alone(one: Snapshot, other: Snapshot) -> bool:
    """Which of a Service's endpoints are there does not matter to the model, only whether there is any."""
    kinds = {*one.kinds, *other.kinds} - {EndpointSlice}
    alike = all(one.collection(kind) is other.collection(kind) for kind in kinds)
    return alike and one.refused == other.refused and one.warnings == other.warnings


def _own_routers(
    settings: IngressSettings, served: Mapping[str, EntryPoint], guards: Guards
) -> Result[tuple[Ranked, ...]]:
    """Those that settings ask for."""
    problems: list[Problem] = []
    routers = [
        *redirection_routers(settings, served, guards, problems),
        *internal_routers(settings, served, guards, problems),
    ]
    return Result(tuple((rank(router), router) for router in routers), tuple(problems))


def build_model(snapshot: Snapshot, settings: IngressSettings, *, self_signed: Certificate | None = None) -> Built:
    """One build from nothing."""
    return RoutingBuilder(settings, self_signed=self_signed).build(snapshot)


_Found = tuple[list[ObjectRef], dict[ObjectRef, Certificate], list[Problem]]
"""Objects that are ours, certificates, problems."""


def _no_endpoints(router: Router, key: EndpointsKey, allow_empty: bool) -> Problem:
    port = f" port {key.port}" if key.port else ""
    answer = "it answers 503" if allow_empty else "the route is not served (allowEmptyServices is off)"
    return Problem(
        ref=router.ref,
        field=router.place("services"),
        reason=Reason.NO_ENDPOINTS,
        message=f"Service {key.namespace}/{key.service}{port} has no endpoint that serves: {answer}",
        severity=Severity.WARNING if allow_empty else Severity.ERROR,
    )


def _nobody_to_ask(router: Router, key: EndpointsKey) -> Problem:
    port = f" port {key.port}" if key.port else ""
    return Problem(
        ref=router.ref,
        field=router.place("middlewares"),
        reason=Reason.NO_ENDPOINTS,
        message=f"Service {key.namespace}/{key.service}{port}, which a middleware asks, has no endpoint",
        severity=Severity.WARNING,
    )
