"""ServersTransport to Transport."""

from collections.abc import Iterable, Iterator
from typing import Final

from cryptography import x509

from hearthgate.ingress.routing.certificates import built_certificate
from hearthgate.ingress.routing.model import Certificate, Transport
from hearthgate.ingress.routing.names import object_name
from hearthgate.ingress.routing.tls_values import checked_ciphers, checked_version
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.traefik import ServersTransport
from hearthgate.resources.traefik.transport import ForwardingTimeouts, PeerCertSAN, RootCA, ServersTransportSpec

CA_KEYS = ("tls.ca", "ca.crt")
"""Upstream's keys for authorities in a Secret or ConfigMap, in order."""
_SOONEST_PING: Final = 0.001
"""The shortest interval of pings that the proxy takes, in seconds."""


class Transports:
    """Builds each ServersTransport once."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def built(self, resource: ServersTransport) -> Result[Transport | None]:
        """None when it cannot be used: a backend must not be spoken to with less care than asked for."""
        return self._tracker.result(("transport", *resource.key), lambda: self._build(resource))

    def _build(self, resource: ServersTransport) -> Result[Transport | None]:
        self._tracker.get(ServersTransport, *resource.key)
        found = _Draft(self._tracker, resource)
        transport = found.transport()
        failed = any(problem.is_error for problem in found.problems)
        return Result(None if failed else transport, tuple(found.problems))


class _Draft:
    """One ServersTransport while it is read. `problems`: what is wrong with it so far."""

    def __init__(self, tracker: Tracker, resource: ServersTransport) -> None:
        self.problems: list[Problem] = []
        self._tracker = tracker
        self._resource = resource

    def transport(self) -> Transport:
        spec = self._resource.spec
        timeouts = spec.forwarding_timeouts or ForwardingTimeouts()
        times = {attribute: self._seconds(name, getattr(timeouts, source)) for name, source, attribute in _TIMES}
        if times["ping_after"]:
            times["ping_after"] = max(_SOONEST_PING, times["ping_after"])
        low = self._version("minVersion", spec.min_version, "1.2")
        high = self._version("maxVersion", spec.max_version, "1.3")
        if low > high:
            # Upstream: a lone minVersion is above its maxVersion of nothing, and the default transport serves.
            self._refuse("minVersion", f"TLS {low} is above maxVersion, which is {high}")
        uris, names = self._identities(spec)
        if spec.max_idle_conns_per_host > 0:
            message = f"is not bounded to {spec.max_idle_conns_per_host}: idleConnTimeout ends what is not used"
            self._add("maxIdleConnsPerHost", Reason.UNSUPPORTED, message, Severity.WARNING)
        return Transport(
            name=object_name(*self._resource.key),
            certificates=tuple(self._certificates(spec.certificates_secrets)),
            insecure_skip_verify=spec.insecure_skip_verify,
            server_name=spec.server_name,
            root_cas=tuple(self._authorities(spec)),
            uris=uris,
            names=names,
            min_version=low,
            max_version=high,
            ciphers=self._ciphers(spec.cipher_suites),
            http2=not spec.disable_http2,
            reuse=spec.max_idle_conns_per_host >= 0,
            **times,
        )

    def _add(self, field: str, reason: Reason, message: str, severity: Severity = Severity.ERROR) -> None:
        ref = self._resource.ref
        self.problems.append(
            Problem(ref=ref, field=f"spec.{field}", reason=reason, message=message, severity=severity)
        )

    def _refuse(self, field: str, message: str) -> None:
        self._add(field, Reason.INVALID_VALUE, message)

    def _seconds(self, field: str, value: int | str) -> float:
        try:
            return max(0.0, parse_duration(value))
        except ValueError as error:
            self._refuse(f"forwardingTimeouts.{field}", str(error))
            return 0.0

    def _version(self, field: str, value: str, default: str) -> str:
        version, complaint = checked_version(value, default)
        if complaint:
            self._refuse(field, complaint)
        return version

    def _ciphers(self, names: tuple[str, ...]) -> tuple[str, ...]:
        for index, reason, message in checked_ciphers(names):
            self._add(f"cipherSuites[{index}]", reason, message)
        return names

    def _authorities(self, spec: ServersTransportSpec) -> Iterator[str]:
        older = (RootCA(secret=name) for name in spec.root_cas_secrets)
        for index, root in enumerate((*spec.root_cas, *older)):
            found = read_authorities(self._tracker, root, self._resource.ref, f"spec.rootCAs[{index}]")
            if isinstance(found, Problem):
                self.problems.append(found)
            else:
                yield found

    def _certificates(self, names: Iterable[str]) -> Iterator[Certificate]:
        namespace = self._resource.metadata.namespace
        for index, name in enumerate(names):
            secret = self._tracker.get(Secret, namespace, name)
            certificate = built_certificate(self._tracker, secret).value if secret is not None else None
            if certificate is not None:
                yield certificate
            else:
                message = f"Secret {namespace}/{name} does not exist or holds no key pair that can be shown"
                self._add(f"certificatesSecrets[{index}]", Reason.SECRET_NOT_FOUND, message)

    def _identities(self, spec: ServersTransportSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """URIs and DNS names, one of which the backend's certificate must hold."""
        listed = [PeerCertSAN(type="URI", value=spec.peer_cert_uri)] if spec.peer_cert_uri else []
        for index, san in enumerate(spec.peer_cert_sans):
            if san.type not in ("URI", "DNSName"):
                self._refuse(f"peerCertSANs[{index}].type", f"{shorten(san.type)} is not one of URI, DNSName")
            elif not san.value:
                self._add(f"peerCertSANs[{index}].value", Reason.MISSING_FIELD, "is required")
            else:
                listed.append(san)
        uris = tuple(san.value for san in listed if san.type == "URI")
        return uris, tuple(san.value for san in listed if san.type == "DNSName")


_TIMES = (
    ("dialTimeout", "dial_timeout", "dial_timeout"),
    ("responseHeaderTimeout", "response_header_timeout", "response_header_timeout"),
    ("idleConnTimeout", "idle_conn_timeout", "idle_timeout"),
    ("readIdleTimeout", "read_idle_timeout", "ping_after"),
    ("pingTimeout", "ping_timeout", "ping_timeout"),
)
"""Field, attribute in the resource, attribute in the model."""


def read_authorities(tracker: Tracker, root: RootCA, ref: ObjectRef, field: str) -> str | Problem:
    """PEM text of the authorities that `root` names in the namespace of `ref`."""
    if bool(root.secret) == bool(root.config_map):
        message = "exactly one of secret and configMap is needed"
        return Problem(ref=ref, field=field, reason=Reason.INVALID_VALUE, message=message)
    kind: type[Secret] | type[ConfigMap] = Secret if root.secret else ConfigMap
    name = root.secret or root.config_map
    where = f"{kind.__name__} {ref.namespace}/{name}"
    values = list(_values(tracker, root, ref.namespace))
    if not values:
        message = f"{where} does not exist or has no key {' or '.join(CA_KEYS)}"
        return Problem(ref=ref, field=field, reason=Reason.SECRET_NOT_FOUND, message=message)
    try:
        x509.load_pem_x509_certificates(values[0])
        return values[0].decode("ascii")
    except ValueError:
        message = f"{where}: no certificate in PEM form can be read"
        return Problem(ref=ref, field=field, reason=Reason.SECRET_INVALID, message=message)


def _values(tracker: Tracker, root: RootCA, namespace: str) -> Iterator[bytes]:
    if root.secret:
        secret = tracker.get(Secret, namespace, root.secret)
        for key in CA_KEYS:
            if secret is not None and (value := secret.value(key)) is not None:
                yield value.reveal()
    else:
        config_map = tracker.get(ConfigMap, namespace, root.config_map)
        for key in CA_KEYS:
            if config_map is not None and key in config_map.data:
                yield config_map.data[key].encode()
