"""TLSRoute, TCPRoute and UDPRoute to routers of connections and datagrams."""

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from hearthgate.ingress.routing.gateway.attachments import Attached, Attachments
from hearthgate.ingress.routing.gateway.backends import Backends
from hearthgate.ingress.routing.gateway.faults import Fault, Place, Touches
from hearthgate.ingress.routing.gateway.hostnames import ANY, sni_condition
from hearthgate.ingress.routing.gateway.listeners import Listening
from hearthgate.ingress.routing.gateway.outcomes import RouteOutcome, route_verdict
from hearthgate.ingress.routing.gateway.policies import Policies
from hearthgate.ingress.routing.model import (
    EndpointsKey,
    StreamBalancer,
    StreamMember,
    StreamTransport,
    TCPRouter,
    UDPRouter,
)
from hearthgate.ingress.routing.streams import LinkedStreams
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.model.problems import Reason
from hearthgate.resources.gateway import TCPRoute, TLSRoute, UDPRoute
from hearthgate.resources.gateway.references import BackendRef
from hearthgate.rules.rule import Rule, RuleError
from hearthgate.rules.syntax import write
from hearthgate.rules.tcp import CATCH_ALL_PRIORITY, compile_tcp_rule

StreamRoute = TLSRoute | TCPRoute | UDPRoute


class StreamRoutes:
    """Links TLSRoutes, TCPRoutes and UDPRoutes."""

    def __init__(self, tracker: Tracker, attachments: Attachments, backends: Backends, policies: Policies) -> None:
        self._tracker = tracker
        self._attachments = attachments
        self._backends = backends
        self._policies = policies

    def outcome(self, route: StreamRoute) -> Result[RouteOutcome]:
        return self._tracker.result((type(route).__name__, *route.key), lambda: self._build(route))

    def _build(self, route: StreamRoute) -> Result[RouteOutcome]:
        self._tracker.get(type(route), *route.key)
        hosts = route.spec.hostnames if isinstance(route, TLSRoute) else None
        attached, found = self._attachments.of(route, route.spec.parent_refs, hosts)
        if not attached:
            return Result(RouteOutcome(route_verdict(route.ref, (), (), rules=0, dropped=0)), found)
        faults: list[Fault] = []
        place = Place(route.ref, "spec.rules[0]")
        for index in range(1, len(route.spec.rules)):
            extra = Place(route.ref, f"spec.rules[{index}]")
            faults.append(extra.unsupported("nothing tells connections of two rules apart: only the first serves"))
        protocol = "UDP" if isinstance(route, UDPRoute) else "TCP"
        tcp: list[TCPRouter] = []
        udp: list[UDPRouter] = []
        # What is passed through stays encrypted by the client: no policy may wrap it once more.
        plain = self._members(route.spec.rules[0].backend_refs, place, faults, protocol, by_policy=False)
        ruled = self._members(route.spec.rules[0].backend_refs, place, [], protocol, by_policy=True)
        for one in attached:
            for listening, common in one.places:
                if not listening.valid:
                    continue
                members = plain if listening.passthrough else ruled
                if isinstance(route, UDPRoute):
                    udp += _udp(route, one, listening, members)
                else:
                    tcp += _tcp(route, one, listening, common, members)
        unique = tuple({(router.entrypoint, router.name): router for router in reversed(tcp)}.values())[::-1]
        linked = LinkedStreams(route.ref, tcp=unique, udp=tuple(udp))
        dropped = sum(fault.touches is Touches.UNSUPPORTED for fault in faults)
        verdict = route_verdict(route.ref, attached, faults, rules=len(route.spec.rules), dropped=dropped)
        keys = {(one.gateway.ref.namespace, one.gateway.ref.name) for one in attached}
        policies = frozenset((policy, key) for key in keys for policy in self._backends.policies_of(route))
        return Result(
            RouteOutcome(verdict, streams=linked, policies=policies),
            tuple(dict.fromkeys(fault.problem for fault in faults)) + found,
        )

    def _members(
        self,
        references: Sequence[BackendRef],
        place: Place,
        faults: list[Fault],
        protocol: str,
        *,
        by_policy: bool,
    ) -> tuple[StreamMember, ...]:
        """One for each reference. Who cannot be reached keeps the share, whose connections are closed."""
        return tuple(
            StreamMember(
                weight=reference.weight,
                balancer=self._balancer(
                    reference,
                    place._replace(field=f"{place.field}.backendRefs[{index}]"),
                    faults,
                    protocol,
                    by_policy=by_policy,
                ),
            )
            for index, reference in enumerate(references)
        ) or (StreamMember(weight=1, balancer=StreamBalancer(name="nothing@kubernetesgateway")),)

    def _balancer(
        self, reference: BackendRef, place: Place, faults: list[Fault], protocol: str, *, by_policy: bool
    ) -> StreamBalancer:
        nobody = StreamBalancer(name="nothing@kubernetesgateway")
        found = self._backends.find(reference, place, faults, protocol)
        if found is None:
            return nobody
        service, port = found
        transport = StreamTransport()
        trust = self._policies.of(service, port) if by_policy and protocol == "TCP" else None
        if trust is not None:
            if trust.tls is None:
                message = f"{trust.policy.ref} cannot be used: see its own problems"
                faults.append(place.unresolved("InvalidBackendTLS", Reason.TRANSPORT_NOT_FOUND, message))
                return nobody
            namespace, name = trust.policy.key
            transport = msgspec.structs.replace(transport, name=f"{namespace}-{name}@gateway", tls=trust.tls)
        addresses = self._backends.own_address(service, port)
        return StreamBalancer(
            name=f"{service.metadata.namespace}-{service.metadata.name}-{port.port}@kubernetesgateway",
            endpoints=None if addresses else EndpointsKey(*service.key, port.name),
            addresses=addresses,
            transport=transport,
        )


def _tcp(
    route: TLSRoute | TCPRoute,
    attached: Attached,
    listening: Listening,
    hosts: tuple[str, ...],
    members: tuple[StreamMember, ...],
) -> Iterator[TCPRouter]:
    tls = listening.protocol == "TLS"
    for host in (listening.hostname,) if isinstance(route, TCPRoute) and tls else hosts:
        rule = _rule(host)
        for entrypoint in listening.entrypoints:
            yield TCPRouter(
                name=_name(route, attached, entrypoint, rule.text),
                ref=route.ref,
                field="spec.rules[0]",
                entrypoint=entrypoint,
                rule=rule,
                priority=_priority(host),
                members=members,
                tls=tls,
                passthrough=listening.passthrough,
            )


def _udp(
    route: UDPRoute, attached: Attached, listening: Listening, members: tuple[StreamMember, ...]
) -> Iterator[UDPRouter]:
    for entrypoint in listening.entrypoints:
        yield UDPRouter(
            name=_name(route, attached, entrypoint, ""),
            ref=route.ref,
            field="spec.rules[0]",
            entrypoint=entrypoint,
            members=members,
        )


def _rule(host: str) -> Rule:
    rule = compile_tcp_rule(write(sni_condition(host)))
    assert not isinstance(rule, RuleError), rule  # noqa: S101 - hosts are checked where they are decoded
    return rule


def _priority(host: str) -> int:
    """The most specific name first: names, then wildcards, each the longer the sooner."""
    if host == ANY:
        return CATCH_ALL_PRIORITY
    return len(host) + (0 if host.startswith("*") else 1000)


def _name(route: StreamRoute, attached: Attached, entrypoint: str, text: str) -> str:
    gateway = attached.gateway.ref
    digest = hashlib.sha256(text.encode()).hexdigest()[:20]
    kind = type(route).__name__.lower()
    return (
        f"{kind}-{route.metadata.namespace}-{route.metadata.name}-gw-{gateway.namespace}-{gateway.name}"
        f"-ep-{entrypoint}-0-{digest}@kubernetesgateway"
    )
