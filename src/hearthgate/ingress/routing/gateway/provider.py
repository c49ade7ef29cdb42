"""The Gateway API as a whole: what all its objects give to the model, and what is to be said of each."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.gateway.attachments import Attachments
from hearthgate.ingress.routing.gateway.backends import Backends
from hearthgate.ingress.routing.gateway.classes import Claims
from hearthgate.ingress.routing.gateway.filters import Filters
from hearthgate.ingress.routing.gateway.http_routes import HTTPRoutes
from hearthgate.ingress.routing.gateway.listeners import BuiltGateway, Gateways
from hearthgate.ingress.routing.gateway.outcomes import PolicyUse, RouteOutcome
from hearthgate.ingress.routing.gateway.policies import Policies
from hearthgate.ingress.routing.gateway.stream_routes import StreamRoutes
from hearthgate.ingress.routing.gateway.verdicts import (
    Address,
    AncestorVerdict,
    GatewayVerdict,
    PolicyVerdict,
    Target,
    Verdict,
    accepted,
)
from hearthgate.ingress.routing.middlewares import Middlewares
from hearthgate.ingress.routing.model import Certificate, Transport
from hearthgate.ingress.routing.references import Broken
from hearthgate.ingress.routing.routers import Linked
from hearthgate.ingress.routing.services import Services
from hearthgate.ingress.routing.streams import LinkedStreams
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem
from hearthgate.resources.core import Service
from hearthgate.resources.gateway import (
    BackendTLSPolicy,
    Gateway,
    GatewayClass,
    GRPCRoute,
    HTTPRoute,
    TCPRoute,
    TLSRoute,
    UDPRoute,
)
from hearthgate.resources.meta import Condition


class Contribution(NamedTuple):
    """What Gateways and routes of connections and datagrams give."""

    certificates: tuple[Certificate, ...]
    streams: tuple[LinkedStreams, ...]
    verdicts: tuple[Verdict, ...]
    problems: tuple[Problem, ...]


class Surroundings(NamedTuple):
    """What the Gateway API has in common with other kinds of routes. guards: what every router of an entrypoint
    begins with. default: how to speak to backends that no policy rules."""

    middlewares: Middlewares
    services: Services
    guards: Callable[[str], tuple[Middleware, ...] | Broken]
    default: Transport


class GatewayProvider:
    """Answers for one snapshot after the other: whatever nothing changed for is kept by the tracker."""

    def __init__(self, tracker: Tracker, settings: IngressSettings, around: Surroundings) -> None:
        self._tracker = tracker
        self._settings = settings.providers.kubernetes_gateway
        self._claims = Claims(tracker, self._settings)
        self._gateways = Gateways(tracker, settings, self._claims)
        self._policies = Policies(tracker)
        native = self._settings.native_lb_by_default
        backends = Backends(tracker, around.services, self._policies, around.default, native=native)
        attachments = Attachments(tracker, self._gateways)
        self._http = HTTPRoutes(
            tracker, attachments, Filters(around.middlewares, backends), backends, around.guards
        )
        self._streams = StreamRoutes(tracker, attachments, backends, self._policies)

    def linked(self, route: HTTPRoute | GRPCRoute) -> Result[Linked | None]:
        """The routers of a route; no value when no parent of it is ours."""
        if not self._claims.is_read(route):
            return Result(None)
        outcome, problems = self._http.outcome(route)
        return Result(outcome.linked, problems)

    def contribution(self, snapshot: Snapshot) -> Contribution:
        if not self._settings.enabled:
            return Contribution((), (), (), ())
        problems = list(self._claims.problems())
        gateways: list[tuple[Gateway, BuiltGateway]] = []
        for gateway in snapshot.all(Gateway):
            built, found = self._gateways.built(gateway)
            problems.extend(found)
            if built is not None:
                gateways.append((gateway, built))
        outcomes = list(self._outcomes(snapshot, problems))
        attached = Counter(target for outcome in outcomes for target in outcome.verdict.attached)
        classes = (self._claims.verdict(each) for each in snapshot.all(GatewayClass))
        address = self._addresses(snapshot)
        verdicts: list[Verdict] = [verdict for verdict in classes if verdict is not None]
        verdicts += (_gateway_verdict(built, attached, address) for _, built in gateways)
        verdicts += (outcome.verdict for outcome in outcomes)
        uses = frozenset(use for outcome in outcomes for use in outcome.policies)
        controllers = {(b.ref.namespace, b.ref.name): b.controller for _, b in gateways}
        verdicts += self._policy_verdicts(snapshot, uses, controllers, problems)
        return Contribution(
            tuple(c for _, built in gateways for one in built.listeners if one.valid for c in one.certificates),
            tuple(outcome.streams for outcome in outcomes if outcome.streams is not None),
            tuple(verdicts),
            tuple(problems),
        )

    def _outcomes(self, snapshot: Snapshot, problems: list[Problem]) -> Iterator[RouteOutcome]:
        """Problems of routes of requests are told with their links."""
        for kind in (HTTPRoute, GRPCRoute):
            for route in snapshot.all(kind):
                if self._claims.is_read(route):
                    yield self._http.outcome(route).value  # type: ignore[arg-type]
        for stream_kind in (TLSRoute, TCPRoute, UDPRoute):
            for stream_route in snapshot.all(stream_kind):
                if self._claims.is_read(stream_route):
                    outcome, found = self._streams.outcome(stream_route)  # type: ignore[arg-type]
                    problems.extend(found)
                    yield outcome

    def _policy_verdicts(
        self,
        snapshot: Snapshot,
        uses: frozenset[PolicyUse],
        controllers: Mapping[tuple[str, str], str],
        problems: list[Problem],
    ) -> Iterator[PolicyVerdict]:
        for policy in snapshot.all(BackendTLSPolicy):
            trust, found = self._policies.built(policy)
            keys = sorted(gateway for used, gateway in uses if used == policy.key)
            if keys:
                problems.extend(found)
            yield PolicyVerdict(
                policy.ref, tuple(AncestorVerdict(key, controllers[key], trust.conditions) for key in keys)
            )

    def _addresses(self, snapshot: Snapshot) -> tuple[Address, ...]:
        """Where Gateways are reached, as the settings say: a fixed address or name, or what a Service has got."""
        said = self._settings.status_address
        if said is None:
            return ()
        if said.service is not None:
            service = snapshot.get(Service, said.service.namespace, said.service.name)
            return tuple(_service_addresses(service)) if service is not None else ()
        fixed = (("IPAddress", said.ip), ("Hostname", said.hostname))
        return tuple(Address(kind, value) for kind, value in fixed if value)


def _service_addresses(service: Service) -> Iterator[Address]:
    for point in service.status.load_balancer.ingress if service.status is not None else ():
        if point.ip:
            yield Address("IPAddress", point.ip)
        elif point.hostname:
            yield Address("Hostname", point.hostname)


def _gateway_verdict(
    built: BuiltGateway, attached: Mapping[Target, int], addresses: tuple[Address, ...]
) -> GatewayVerdict:
    key = (built.ref.namespace, built.ref.name)
    listeners = tuple(one.verdict._replace(attached=attached.get((key, one.name), 0)) for one in built.listeners)
    invalid = [one.name for one in built.listeners if not one.valid]
    acceptance: Condition = built.refusal or accepted(message="in service")
    valid = built.refusal is None
    if valid and invalid:
        valid = len(invalid) < len(built.listeners)
        message = f"these listeners cannot serve: {', '.join(invalid)}"
        acceptance = Condition(type="Accepted", status=str(valid), reason="ListenersNotValid", message=message)
    return GatewayVerdict(built.ref, (acceptance,), listeners, addresses, valid)
