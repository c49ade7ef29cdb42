"""ServersTransportTCP to StreamTransport."""

from collections.abc import Iterable
from typing import Final

from hearthgate.ingress.routing.certificates import built_certificate
from hearthgate.ingress.routing.model import BackendTLS, Certificate, StreamTransport
from hearthgate.ingress.routing.names import object_name
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.routing.transports import read_authorities
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik import ServersTransportTCP
from hearthgate.resources.traefik.tcp import BackendTLS as BackendTLSSpec
from hearthgate.resources.traefik.transport import RootCA

_DEFAULT_DELAY: Final = "100ms"
"""Upstream's: it cannot be told from one that is not set."""


class StreamTransports:
    """Builds each ServersTransportTCP once."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def built(self, resource: ServersTransportTCP) -> Result[StreamTransport | None]:
        """None when it cannot be used: a backend must not be spoken to with less care than asked for."""
        key = ("stream transport", *resource.key)
        return self._tracker.result(key, lambda: self._build(resource))

    def _build(self, resource: ServersTransportTCP) -> Result[StreamTransport | None]:
        self._tracker.get(ServersTransportTCP, *resource.key)
        spec, ref, problems = resource.spec, resource.ref, list[Problem]()
        dial = _seconds(spec.dial_timeout, "dialTimeout", ref, problems)
        keep_alive = _seconds(spec.dial_keep_alive, "dialKeepAlive", ref, problems)
        delay = _seconds(spec.termination_delay, "terminationDelay", ref, problems)
        if spec.termination_delay != _DEFAULT_DELAY and delay >= 0:
            problems.append(termination_delay(ref, "spec.terminationDelay"))
        tls = self._tls(spec.tls, ref, problems) if spec.tls is not None else None
        if any(problem.is_error for problem in problems):
            return Result(None, tuple(problems))
        transport = StreamTransport(
            name=object_name(*resource.key),
            dial_timeout=dial,
            # As in Go: 0 means the default, a negative interval none at all.
            keep_alive=max(0.0, keep_alive or StreamTransport().keep_alive),
            proxy_protocol=spec.proxy_protocol.version if spec.proxy_protocol is not None else 0,
            tls=tls,
        )
        return Result(transport, tuple(problems))

    def _tls(self, spec: BackendTLSSpec, ref: ObjectRef, problems: list[Problem]) -> BackendTLS:
        cas: list[str] = []
        roots = (*spec.root_cas, *(RootCA(secret=name) for name in spec.root_cas_secrets))
        for index, root in enumerate(roots):
            found = read_authorities(self._tracker, root, ref, f"spec.tls.rootCAs[{index}]")
            if isinstance(found, Problem):
                problems.append(found)
            else:
                cas.append(found)
        uris = [spec.peer_cert_uri] if spec.peer_cert_uri else []
        names = []
        for index, san in enumerate(spec.peer_cert_sans):
            if san.type == "URI":
                uris.append(san.value)
            elif san.type == "DNSName":
                names.append(san.value)
            else:
                message = f"{shorten(san.type)} is not one of URI, DNSName"
                field = f"spec.tls.peerCertSANs[{index}].type"
                problems.append(_problem(ref, field, Reason.INVALID_VALUE, message))
        return BackendTLS(
            insecure_skip_verify=spec.insecure_skip_verify,
            server_name=spec.server_name,
            root_cas=tuple(cas),
            certificates=tuple(self._certificates(spec.certificates_secrets, ref, problems)),
            uris=tuple(uris),
            names=tuple(names),
        )

    def _certificates(
        self, names: Iterable[str], ref: ObjectRef, problems: list[Problem]
    ) -> Iterable[Certificate]:
        for index, name in enumerate(names):
            secret = self._tracker.get(Secret, ref.namespace, name)
            certificate = built_certificate(self._tracker, secret).value if secret is not None else None
            if certificate is not None:
                yield certificate
                continue
            field = f"spec.tls.certificatesSecrets[{index}]"
            message = f"Secret {ref.namespace}/{name} does not exist or cannot serve"
            problems.append(_problem(ref, field, Reason.SECRET_NOT_FOUND, message))


def termination_delay(ref: ObjectRef, field: str) -> Problem:
    """A half-closed connection stays until the other side closes too: nothing that is on its way is cut."""
    message = "is kept as -1: a half-closed connection stays open until the other side closes it too"
    return _problem(ref, field, Reason.UNSUPPORTED, f"terminationDelay {message}", Severity.WARNING)


def _seconds(value: int | str, field: str, ref: ObjectRef, problems: list[Problem]) -> float:
    try:
        return parse_duration(value)
    except ValueError as error:
        problems.append(_problem(ref, f"spec.{field}", Reason.INVALID_VALUE, str(error)))
        return 0.0


def _problem(
    ref: ObjectRef, field: str, reason: Reason, message: str, severity: Severity = Severity.ERROR
) -> Problem:
    return Problem(ref=ref, field=field, reason=reason, message=message, severity=severity)
