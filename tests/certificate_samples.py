"""Certificates, their Secrets and requests, as tests of the certificates room need them."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from cryptography import x509

from hearthgate.certificates.secrets.contents import annotations, secret_data
from hearthgate.certificates.x509.csr import RequestFacts, parse_request, request_of
from hearthgate.certificates.x509.keys import Key, PrivateKeySpec, encode_key, generate
from hearthgate.certificates.x509.leaf import parse_chain, pem_of
from hearthgate.certificates.x509.sign import CA, Terms, self_sign, sign
from hearthgate.resources.certmanager import Certificate, CertificateRequest
from hearthgate.resources.core import Base64Secret, Secret
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import ObjectMeta

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ECDSA = {"algorithm": "ECDSA", "size": 256}


def certificate(name: str = "web", *, status: dict[str, Any] | None = None, **spec: Any) -> Certificate:
    """A Certificate in `apps` for web.test, unless its spec says otherwise. Its key is ECDSA: made fast."""
    content: dict[str, Any] = {
        "secretName": f"{name}-tls",
        "issuerRef": {"name": "ca"},
        "privateKey": ECDSA,
        **spec,
    }
    names = ("dnsNames", "commonName", "literalSubject", "ipAddresses", "uris", "emailAddresses", "otherNames")
    if not any(field in content for field in names):
        content["dnsNames"] = ["web.test"]
    decoded = decode_mapping(
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": name, "namespace": "apps", "uid": f"uid-{name}"},
            "spec": content,
            **({"status": status} if status is not None else {}),
        }
    )
    assert isinstance(decoded.resource, Certificate), decoded.problems
    return decoded.resource


@cache
def key_of(algorithm: str = "ECDSA", size: int = 256, number: int = 0) -> Key:
    """The same one for the same number."""
    return generate(PrivateKeySpec(algorithm, size))


def facts(made: Certificate, key: Key) -> RequestFacts:
    request = request_of(made.spec, key)
    assert isinstance(request, bytes), request
    read = parse_request(request)
    assert isinstance(read, RequestFacts), read
    return read


@cache
def authority(name: str = "authority", *, days: int = 3650, above: CA | None = None) -> CA:
    """A CA that begins a year before NOW: a root, or one below another."""
    key = generate(PrivateKeySpec("ECDSA", 256))
    asked = facts(certificate(isCA=True, commonName=name, usages=["cert sign"]), key)
    terms = Terms(usages=("cert sign",), is_ca=True, duration=days * DAY)
    start = NOW - 365 * DAY
    made = self_sign(asked, terms, key, start) if above is None else sign(asked, terms, above, start)
    return CA(made, key)


def signed(
    made: Certificate, key: Key, *, since: datetime = NOW - DAY, days: float = 90, ca: CA | None = None
) -> x509.Certificate:
    terms = Terms(usages=made.spec.usages, is_ca=made.spec.is_ca, duration=days * DAY)
    return sign(facts(made, key), terms, ca or authority(), since)


def requested(made: Certificate, key: Key, revision: int = 1, **spec: Any) -> CertificateRequest:
    """The CertificateRequest that the Certificate leads to. spec: what its own spec says otherwise."""
    csr = request_of(made.spec, key)
    assert isinstance(csr, bytes), csr
    fields = {
        "request": base64.b64encode(csr).decode(),
        "issuerRef": {
            "name": made.spec.issuer_ref.name,
            "kind": made.spec.issuer_ref.kind,
            "group": made.spec.issuer_ref.group,
        },
        "usages": list(made.spec.usages),
        "isCA": made.spec.is_ca,
        **({"duration": made.spec.duration} if made.spec.duration else {}),
        **spec,
    }
    decoded = decode_mapping(
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "CertificateRequest",
            "metadata": {"name": f"{made.metadata.name}-{revision}", "namespace": "apps"},
            "spec": fields,
        }
    )
    assert isinstance(decoded.resource, CertificateRequest), decoded.problems
    return decoded.resource


class Issued(NamedTuple):
    """A Certificate with all that belongs to it, as it is the day after it was issued."""

    certificate: Certificate
    key: Key
    request: CertificateRequest
    secret: Secret


def issued(made: Certificate | None = None, *, since: datetime = NOW - DAY, days: float = 90) -> Issued:
    made = made or certificate()
    private = made.spec.private_key
    key = generate(PrivateKeySpec.of(private))
    chain = pem_of((signed(made, key, since=since, days=days), authority().certificate))
    data = secret_data(made.spec, encode_key(key), chain)
    marks = annotations(made.metadata.name, made.spec.issuer_ref, parse_chain(data["tls.crt"]).leaf)
    return Issued(made, key, requested(made, key), secret(made.spec.secret_name, data, marks))


def secret(name: str, data: dict[str, bytes], marks: dict[str, str] | None = None, **labels: str) -> Secret:
    return Secret(
        metadata=ObjectMeta(name=name, namespace="apps", annotations=marks or {}, labels=labels),
        type="kubernetes.io/tls",
        data={key: Base64Secret(value) for key, value in data.items()},
    )
