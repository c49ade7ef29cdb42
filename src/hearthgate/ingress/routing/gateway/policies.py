"""BackendTLSPolicy: which Services are spoken to by TLS, and whom to believe."""

from collections.abc import Iterator
from typing import NamedTuple

from hearthgate.ingress.routing.gateway.verdicts import accepted, resolved
from hearthgate.ingress.routing.model import BackendTLS, Transport
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.routing.transports import read_authorities
from hearthgate.model.problems import Problem, Reason
from hearthgate.resources.core import Service, ServicePort
from hearthgate.resources.gateway import BackendTLSPolicy
from hearthgate.resources.meta import Condition
from hearthgate.resources.traefik.transport import RootCA


class Trust(NamedTuple):
    """What a policy says. `tls` is None for one that cannot be used: its backends must not be spoken to."""

    policy: BackendTLSPolicy
    tls: BackendTLS | None
    conditions: tuple[Condition, ...]


class Policies:
    """Finds the policy of a Service's port."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def of(self, service: Service, port: ServicePort) -> Trust | None:
        """None when no policy speaks of it. One for the port goes before one for the Service; then the oldest."""
        named = list(self._targeting(service, port.name)) if port.name else []
        found = named or list(self._targeting(service, None))
        if not found:
            return None
        return self.built(
            min(found, key=lambda one: (one.metadata.creation_timestamp or "", one.metadata.name))
        ).value

    def built(self, policy: BackendTLSPolicy) -> Result[Trust]:
        return self._tracker.result(("backend tls policy", *policy.key), lambda: self._build(policy))

    def _targeting(self, service: Service, section: str | None) -> Iterator[BackendTLSPolicy]:
        for policy in self._tracker.collection(BackendTLSPolicy).objects.values():
            if isinstance(policy, BackendTLSPolicy) and policy.metadata.namespace == service.metadata.namespace:
                for target in policy.spec.target_refs:
                    if (target.group, target.kind, target.name) == ("", "Service", service.metadata.name) and (
                        target.section_name or None
                    ) == section:
                        yield policy
                        break

    def _build(self, policy: BackendTLSPolicy) -> Result[Trust]:
        self._tracker.get(BackendTLSPolicy, *policy.key)
        validation = policy.spec.validation
        problems: list[Problem] = []
        cas: list[str] = []
        reason = "InvalidCACertificateRef"
        for index, reference in enumerate(validation.ca_certificate_refs):
            field = f"spec.validation.caCertificateRefs[{index}]"
            if (reference.group, reference.kind) != ("", "ConfigMap"):
                reason = "InvalidKind"
                message = f"{reference.kind} holds no authorities here: use a ConfigMap with the key ca.crt"
                problems.append(_problem(policy, field, Reason.UNSUPPORTED, message))
                continue
            found = read_authorities(self._tracker, RootCA(config_map=reference.name), policy.ref, field)
            if isinstance(found, Problem):
                problems.append(found)
            else:
                cas.append(found)
        unresolved = bool(problems)
        problems.extend(_mistakes(policy))
        if problems:
            text = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
            why = "NoValidCACertificate" if unresolved else "Invalid"
            references = resolved(reason, text) if unresolved else resolved()
            return Result(Trust(policy, None, (accepted(why, text), references)), tuple(problems))
        names = validation.subject_alt_names
        tls = BackendTLS(
            server_name=validation.hostname,
            root_cas=tuple(cas),
            names=tuple(name.hostname for name in names if name.type == "Hostname"),
            uris=tuple(name.uri for name in names if name.type == "URI"),
        )
        return Result(Trust(policy, tls, (accepted(), resolved())))


def _mistakes(policy: BackendTLSPolicy) -> Iterator[Problem]:
    validation = policy.spec.validation
    well_known = validation.well_known_ca_certificates
    if bool(validation.ca_certificate_refs) == bool(well_known):
        message = "exactly one of caCertificateRefs and wellKnownCACertificates is needed"
        yield _problem(policy, "spec.validation", Reason.INVALID_VALUE, message)
    if well_known not in ("", "System"):
        message = f"{well_known} is not known: only System is"
        yield _problem(policy, "spec.validation.wellKnownCACertificates", Reason.UNSUPPORTED, message)
    for index, name in enumerate(validation.subject_alt_names):
        if not (name.hostname if name.type == "Hostname" else name.uri):
            field = f"spec.validation.subjectAltNames[{index}]"
            yield _problem(policy, field, Reason.MISSING_FIELD, f"type {name.type} needs the field of its own")


def _problem(policy: BackendTLSPolicy, field: str, reason: Reason, message: str) -> Problem:
    return Problem(ref=policy.ref, field=field, reason=reason, message=message)


def transport_of(trust: Trust, tls: BackendTLS, default: Transport) -> Transport:
    """How to speak HTTP to backends that a policy rules."""
    namespace, name = trust.policy.key
    return Transport(
        name=f"{namespace}-{name}@gateway",
        server_name=tls.server_name,
        root_cas=tls.root_cas,
        names=tls.names,
        uris=tls.uris,
        dial_timeout=default.dial_timeout,
        idle_timeout=default.idle_timeout,
    )
