"""Gateways to listeners: ports to entrypoints, certificates, conflicts, and what each listener takes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from hearthgate.ingress.routing.certificates import built_certificate
from hearthgate.ingress.routing.entrypoints import FieldError, is_datagram, parse_address
from hearthgate.ingress.routing.gateway.classes import Claims
from hearthgate.ingress.routing.gateway.grants import is_granted, missing_grant
from hearthgate.ingress.routing.gateway.hostnames import ANY
from hearthgate.ingress.routing.gateway.verdicts import (
    CONFLICTED,
    ListenerVerdict,
    accepted,
    condition,
    resolved,
)
from hearthgate.ingress.routing.model import Certificate
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Secret
from hearthgate.resources.gateway import Gateway
from hearthgate.resources.gateway.gateways import Listener, RouteNamespaces
from hearthgate.resources.gateway.references import GROUP, SecretReference
from hearthgate.resources.meta import Condition

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute", "TCPRoute"),
    "TCP": ("TCPRoute",),
    "UDP": ("UDPRoute",),
}
_EXPERIMENTAL: Final = ("TCPRoute", "UDPRoute")
_FAMILY: Final = {"HTTP": "HTTP", "HTTPS": "TLS", "TLS": "TLS", "TCP": "TCP", "UDP": "UDP"}
"""Listeners of one port must be of one family, but for UDP, whose ports are others."""


class Listening(NamedTuple):
    """One listener. valid: whether its routes serve. kinds: of routes that it takes."""

    name: str
    port: int
    protocol: str
    hostname: str
    entrypoints: tuple[str, ...]
    passthrough: bool
    kinds: tuple[str, ...]
    namespaces: RouteNamespaces
    certificates: tuple[Certificate, ...]
    verdict: ListenerVerdict

    @property
    def valid(self) -> bool:
        return self.verdict.valid


class BuiltGateway(NamedTuple):
    """A Gateway that is ours. refusal: the condition Accepted when it is not served at all."""

    ref: ObjectRef
    controller: str
    listeners: tuple[Listening, ...]
    refusal: Condition | None = None


class Gateways:
    """Builds each Gateway once."""

    def __init__(self, tracker: Tracker, settings: IngressSettings, claims: Claims) -> None:
        self._tracker = tracker
        self._claims = claims
        self._experimental = settings.providers.kubernetes_gateway.experimental_channel
        self._ports: dict[tuple[bool, int], tuple[str, ...]] = {}
        for name, entrypoint in sorted(settings.entry_points.items()):
            try:
                key = (is_datagram(entrypoint.address), parse_address(entrypoint.address)[1])
            except FieldError:
                continue
            self._ports[key] = (*self._ports.get(key, ()), name)

    def built(self, gateway: Gateway) -> Result[BuiltGateway | None]:
        """None when the Gateway is not for us."""
        return self._tracker.result(("gateway", *gateway.key), lambda: self._build(gateway))

    def _build(self, gateway: Gateway) -> Result[BuiltGateway | None]:
        self._tracker.get(Gateway, *gateway.key)
        controller = self._claims.controller(gateway)
        if controller is None:
            return Result(None, tuple(self._claims.unclaimed(gateway)))
        problems = list(_refused(gateway))
        refusal = None
        if problems:
            text = "; ".join(problem.message for problem in problems)
            refusal = accepted("InvalidParameters", text)
        problems.extend(_addresses(gateway))
        conflicts = dict(_conflicts(gateway.spec.listeners))
        listeners = tuple(
            self._listener(gateway, listener, index, conflicts.get(index), problems, served=refusal is None)
            for index, listener in enumerate(gateway.spec.listeners)
        )
        return Result(BuiltGateway(gateway.ref, controller, listeners, refusal), tuple(problems))

    def _listener(
        self,
        gateway: Gateway,
        listener: Listener,
        index: int,
        conflict: Condition | None,
        problems: list[Problem],
        *,
        served: bool,
    ) -> Listening:
        field = f"spec.listeners[{index}]"
        entrypoints = self._ports.get((listener.protocol == "UDP", listener.port), ())
        own: list[Problem] = []
        acceptance = accepted()
        wrong = _unusable(listener) or self._without_entrypoint(listener, entrypoints)
        if wrong is not None:
            reason, below, kind, message = wrong
            acceptance = accepted(reason, message)
            own.append(Problem(ref=gateway.ref, field=f"{field}.{below}", reason=kind, message=message))
        if conflict is not None:
            own.append(
                Problem(ref=gateway.ref, field=field, reason=Reason.LISTENER_CONFLICT, message=conflict.message)
            )
            if acceptance.status == "True":
                acceptance = accepted(conflict.reason, conflict.message)
        kinds, references = self._kinds(gateway, listener, field, own)
        certificates: tuple[Certificate, ...] = ()
        if listener.protocol in ("HTTPS", "TLS") and not _passes_through(listener) and wrong is None:
            certificates, found = self._certificates(gateway, listener, field, own)
            references = found or references
        problems.extend(own)
        missing = bool(references) and _terminates(listener) and not certificates
        valid = served and wrong is None and conflict is None and not missing and bool(kinds)
        none = condition(CONFLICTED, False, "NoConflicts", "no other listener is in its way")
        verdict = ListenerVerdict(
            listener.name, kinds, (acceptance, references or resolved(), conflict or none), valid
        )
        return Listening(
            listener.name,
            listener.port,
            listener.protocol,
            listener.hostname or ANY,
            entrypoints,
            _passes_through(listener),
            kinds,
            listener.allowed_routes.namespaces,
            certificates,
            verdict,
        )

    def _without_entrypoint(self, listener: Listener, entrypoints: tuple[str, ...]) -> "_Wrong | None":
        if entrypoints:
            return None
        kind = "UDP " if listener.protocol == "UDP" else ""
        known = ", ".join(
            f"{name} ({port})"
            for (is_udp, port), names in sorted(self._ports.items())
            for name in names
            if is_udp is (listener.protocol == "UDP")
        )
        message = f"no {kind}entrypoint has port {listener.port} (there are: {known or 'none'})"
        return "PortUnavailable", "port", Reason.ENTRYPOINT_NOT_FOUND, message

    def _kinds(
        self, gateway: Gateway, listener: Listener, field: str, problems: list[Problem]
    ) -> tuple[tuple[str, ...], Condition | None]:
        """The kinds of routes that a listener takes, and what is wrong with those that it names."""
        fitting = tuple(kind for kind in _KINDS.get(listener.protocol, ()) if self._is_taken(kind, listener))
        if not listener.allowed_routes.kinds:
            return fitting, None
        known: list[str] = []
        unknown: list[str] = []
        for asked in listener.allowed_routes.kinds:
            (known if asked.group == GROUP and asked.kind in fitting else unknown).append(asked.kind)
        if not unknown:
            return tuple(dict.fromkeys(known)), None
        message = (
            f"{', '.join(unknown)} cannot attach to protocol {listener.protocol} (known: {', '.join(fitting)})"
        )
        where = f"{field}.allowedRoutes.kinds"
        severity = Severity.WARNING if known else Severity.ERROR
        problems.append(
            Problem(ref=gateway.ref, field=where, reason=Reason.INVALID_VALUE, message=message, severity=severity)
        )
        return tuple(dict.fromkeys(known)), resolved("InvalidRouteKinds", message)

    def _is_taken(self, kind: str, listener: Listener) -> bool:
        if kind in _EXPERIMENTAL and not self._experimental:
            return False
        return not (kind == "TCPRoute" and listener.protocol == "TLS" and _passes_through(listener))

    def _certificates(
        self, gateway: Gateway, listener: Listener, field: str, problems: list[Problem]
    ) -> tuple[tuple[Certificate, ...], Condition | None]:
        """The certificates that can serve, and what is wrong with the others."""
        found: list[Certificate] = []
        wrong: Condition | None = None
        for index, reference in enumerate(listener.tls.certificate_refs if listener.tls else ()):
            certificate = self._certificate(gateway, reference)
            if isinstance(certificate, Certificate):
                found.append(certificate)
                continue
            reason, kind, message = certificate
            wrong = wrong or resolved(reason, message)
            where = f"{field}.tls.certificateRefs[{index}]"
            problems.append(Problem(ref=gateway.ref, field=where, reason=kind, message=message))
        return tuple(found), wrong

    def _certificate(self, gateway: Gateway, reference: SecretReference) -> Certificate | tuple[str, Reason, str]:
        if (reference.group, reference.kind) != ("", "Secret"):
            message = (
                f"{reference.kind} of group {reference.group or 'core'} holds no certificate here: use a Secret"
            )
            return "InvalidCertificateRef", Reason.UNSUPPORTED, message
        target = ObjectRef("Secret", reference.namespace or gateway.metadata.namespace, reference.name)
        if not is_granted(self._tracker, gateway.ref, "", target):
            return "RefNotPermitted", Reason.CROSS_NAMESPACE, missing_grant(gateway.ref, target)
        secret = self._tracker.get(Secret, target.namespace, target.name)
        if secret is None:
            return "InvalidCertificateRef", Reason.SECRET_NOT_FOUND, f"{target} does not exist"
        certificate = built_certificate(self._tracker, secret).value
        if certificate is None:
            message = f"{target} cannot serve: see its own problems"
            return "InvalidCertificateRef", Reason.SECRET_INVALID, message
        return certificate


_Wrong = tuple[str, str, Reason, str]
"""The specification's reason, the field below the listener, ours, and the message."""


def _passes_through(listener: Listener) -> bool:
    return listener.tls is not None and listener.tls.mode == "Passthrough"


def _terminates(listener: Listener) -> bool:
    return listener.protocol in ("HTTPS", "TLS") and not _passes_through(listener)


def _unusable(listener: Listener) -> _Wrong | None:
    if listener.protocol not in _KINDS:
        message = f"protocol {shorten(listener.protocol)} is not served (known: {', '.join(_KINDS)})"
        return "UnsupportedProtocol", "protocol", Reason.UNSUPPORTED, message
    if listener.protocol == "HTTPS" and _passes_through(listener):
        message = "HTTPS cannot be passed through: use protocol TLS and a TLSRoute"
        return "UnsupportedValue", "tls.mode", Reason.INVALID_VALUE, message
    if _terminates(listener) and (listener.tls is None or not listener.tls.certificate_refs):
        message = f"protocol {listener.protocol} needs a certificate: name a Secret"
        return "UnsupportedValue", "tls.certificateRefs", Reason.MISSING_FIELD, message
    if listener.tls is not None and listener.tls.frontend_validation is not None:
        message = "clients' certificates are not checked here: use a TLSOption with clientAuth and IngressRoutes"
        return "UnsupportedValue", "tls.frontendValidation", Reason.UNSUPPORTED, message
    return None


def _refused(gateway: Gateway) -> Iterator[Problem]:
    """What takes a whole Gateway out of service, because leaving it out would be less safe than was asked for."""
    if gateway.spec.tls is not None:
        message = "is not supported: use a BackendTLSPolicy, or a TLSOption with clientAuth and IngressRoutes"
        yield Problem(ref=gateway.ref, field="spec.tls", reason=Reason.UNSUPPORTED, message=message)
    infrastructure = gateway.spec.infrastructure
    if infrastructure is not None and infrastructure.parameters_ref is not None:
        field = "spec.infrastructure.parametersRef"
        message = "there are no such parameters here: take them out"
        yield Problem(ref=gateway.ref, field=field, reason=Reason.UNSUPPORTED, message=message)


def _addresses(gateway: Gateway) -> Iterator[Problem]:
    if gateway.spec.addresses:
        message = (
            "are not assigned: the addresses of the entrypoints serve (providers.kubernetesGateway.statusAddress)"
        )
        yield Problem(
            ref=gateway.ref,
            field="spec.addresses",
            reason=Reason.UNSUPPORTED,
            message=message,
            severity=Severity.WARNING,
        )


def _conflicts(listeners: tuple[Listener, ...]) -> Iterator[tuple[int, Condition]]:
    """Listeners of one port that cannot be told apart: none of them serves."""
    names = Counter((_socket(one), one.hostname or ANY) for one in listeners)
    families: dict[tuple[bool, int], set[str]] = {}
    for one in listeners:
        families.setdefault(_socket(one), set()).add(_FAMILY.get(one.protocol, one.protocol))
    for index, one in enumerate(listeners):
        if len(families[_socket(one)]) > 1:
            message = f"port {one.port} has listeners of protocols that exclude each other"
            yield index, condition(CONFLICTED, True, "ProtocolConflict", message)
        elif names[_socket(one), one.hostname or ANY] > 1:
            message = f"port {one.port} has another listener for {one.hostname or 'all hosts'}"
            yield index, condition(CONFLICTED, True, "HostnameConflict", message)


def _socket(listener: Listener) -> tuple[bool, int]:
    return listener.protocol == "UDP", listener.port
