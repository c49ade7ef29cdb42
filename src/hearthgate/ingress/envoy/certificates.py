"""Which certificate answers which name (RFC 6066 3, RFC 9525 6.3): exact, then one-label wildcard, then default.

Any certificate that any object refers to may serve any name that it covers, as upstream does it. Of several
for one name the one that lasts longest is taken, then the first by reference.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from hearthgate.ingress.envoy.messages import make
from hearthgate.ingress.envoy.tls_context import NO_SNI, NO_SNI_STRICT
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, Certificate, EntryPoint, TLSOptions
from hearthgate.ingress.xds.resources import Versioned, versioned
from hearthgate.model.hostnames import parent_wildcard


class QuicCertificates(NamedTuple):
    """Names of secrets for HTTP/3, where Envoy cannot ask for certificates on demand: it holds them all, and
    chooses by SNI as we do.

    They are named after their objects, so that a renewed certificate changes no listener. They must not be
    names that a client could ask for: Envoy would not ask again. default: empty when there is none.
    hosts: the DNS names that `others` cover.
    """

    default: str = ""
    others: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class CertificateIndex:
    """Answers for the names of TLS handshakes. Never changes."""

    def __init__(
        self,
        certificates: Iterable[Certificate] = (),
        default: Certificate | None = None,
        *,
        tls_options: Iterable[TLSOptions] = (),
        entrypoints: Iterable[EntryPoint] = (),
    ) -> None:
        self._certificates = tuple(sorted(certificates, key=lambda c: c.ref))
        self._by_name: dict[str, Certificate] = {}
        for certificate in sorted(self._certificates, key=lambda c: (-c.not_after, c.ref)):
            for name in certificate.names:
                self._by_name.setdefault(name, certificate)
        self._default = default
        self._secrets: dict[int, Versioned] = {}
        """Made when first asked for; the certificates live as long as this index."""
        self._strict = _Strictness(tuple(tls_options), tuple(entrypoint.name for entrypoint in entrypoints))

    def resolve(self, sni: str) -> Certificate | None:
        """The certificate for a name; None to refuse the handshake."""
        name = sni.lower().removesuffix(".")
        found = self._by_name.get(name) or self._by_name.get(parent_wildcard(name) or "")
        if found is not None:
            return found
        return None if name == NO_SNI_STRICT or self._strict(name) else self._default

    def is_known(self, sni: str) -> bool:
        """Whether a certificate has exactly this name.

        Names that a wildcard or another spelling covers do not count: clients can make up any number of them.
        """
        return sni in self._by_name

    def secret(self, sni: str) -> Versioned | None:
        """The Secret resource that answers Envoy's question for a name; None to refuse."""
        certificate = self.resolve(sni)
        return None if certificate is None else self._secret(certificate)

    @property
    def quic(self) -> QuicCertificates:
        """What HTTP/3 listeners refer to."""
        return QuicCertificates(
            _QUIC_DEFAULT if self._default is not None else "",
            tuple(map(_quic_name, self._certificates)),
            tuple(sorted(name for name in self._by_name if not _is_ip(name))),
        )

    def quic_secrets(self) -> dict[str, Versioned]:
        """The Secret resources behind `quic`."""
        found = {_quic_name(certificate): self._secret(certificate) for certificate in self._certificates}
        if self._default is not None:
            found[_QUIC_DEFAULT] = self._secret(self._default)
        return found

    def _secret(self, certificate: Certificate) -> Versioned:
        known = self._secrets.get(id(certificate))
        if known is None:
            known = self._secrets[id(certificate)] = secret_resource(certificate)
        return known


_QUIC_DEFAULT = "quic/default"


def _quic_name(certificate: Certificate) -> str:
    return f"quic/{certificate.ref.kind}/{certificate.ref.namespace}/{certificate.ref.name}"


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class _Strictness:
    """Whether a name without certificate is refused. Envoy does not say on which entrypoint it was asked for, so
    it is refused only where the options that rule it are strict on every entrypoint."""

    def __init__(self, options: tuple[TLSOptions, ...], entrypoints: tuple[str, ...]) -> None:
        self._strict = {one.name: one.sni_strict for one in options}
        self._default = self._strict.get(DEFAULT_TLS_OPTIONS, False)
        self._rulers: list[Mapping[str, str]] = [
            {host: one.name for one in options for host in one.hosts.get(entrypoint, ())}
            for entrypoint in entrypoints
        ]

    def __call__(self, name: str) -> bool:
        if name == NO_SNI or not any(self._strict.values()):
            return False
        return all(self._rules(rulers, name) for rulers in self._rulers)

    def _rules(self, rulers: Mapping[str, str], name: str) -> bool:
        options = rulers.get(name) or rulers.get(parent_wildcard(name) or "")
        return self._default if options is None else self._strict[options]


def secret_resource(certificate: Certificate) -> Versioned:
    """The Secret resource of a certificate. Its name is filled in where it is sent."""
    secret = make(
        "envoy.extensions.transport_sockets.tls.v3.Secret",
        tls_certificate={
            "certificate_chain": {"inline_string": certificate.chain},
            "private_key": {"inline_bytes": certificate.key.reveal()},
        },
    )
    return versioned(secret.SerializeToString(deterministic=True))
