"""Signing requests and key pairs as users and the Certificate's reconciler put them into the API."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hearthgate.certificates.x509.csr import request_of
from hearthgate.certificates.x509.keys import Key, PrivateKeySpec, encode_key, generate
from hearthgate.certificates.x509.leaf import Chain, parse_chain
from hearthgate.resources.certmanager import Certificate, CertificateRequest, Issuer
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Condition
from tests.component.certificates.stage import Stage
from tests.waiting import eventually

EC = PrivateKeySpec("ECDSA", 256)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def csr_of(key: Key, **spec: Any) -> str:
    """As `spec.request` has it."""
    wanted = msgspec.convert({"secretName": "s", "issuerRef": {"name": "i"}, **spec}, CertificateSpec)
    made = request_of(wanted, key)
    assert isinstance(made, bytes), made
    return b64(made)


def forged_csr(**spec: Any) -> str:
    """One with a wrong signature: it can be read, so that the API takes it."""
    asked = x509.load_pem_x509_csr(base64.b64decode(csr_of(generate(EC), **spec))).public_bytes(Encoding.DER)
    forged = asked[:-1] + bytes([asked[-1] ^ 1])
    return b64(x509.load_der_x509_csr(forged).public_bytes(Encoding.PEM))


async def request(
    stage: Stage,
    name: str,
    *,
    issuer: str,
    key: Key | None = None,
    kind: str = "Issuer",
    csr: str = "",
    annotations: Mapping[str, str] = {},
    labels: Mapping[str, str] = {},
    more: Mapping[str, Any] = {},
    **spec: Any,
) -> None:
    """A CertificateRequest in `default`, for the names in `spec`. more: further fields of its own spec."""
    content = {
        "request": csr or csr_of(key or generate(EC), **spec),
        "issuerRef": {"name": issuer, "kind": kind},
        **more,
    }
    metadata = {"name": name, "namespace": "default", "annotations": annotations, "labels": labels}
    await stage.create(CertificateRequest, {"metadata": metadata, "spec": content})


async def ready_of(stage: Stage, name: str) -> Condition | None:
    """Of a CertificateRequest in `default`."""
    found = await stage.get(CertificateRequest, "default", name)
    return None if found is None else condition(found, "Ready")


async def said(stage: Stage, name: str, words: str = "", *, within: float = 10.0) -> Condition:
    """Its condition Ready, once that has these words."""
    return await _once(stage, name, lambda ready: words in ready.message, within)


async def ended(stage: Stage, name: str, *, within: float = 10.0) -> Condition:
    """Its condition Ready, once it is final."""
    return await _once(stage, name, lambda ready: ready.reason in ("Issued", "Failed", "Denied"), within)


async def _once(stage: Stage, name: str, is_it: Callable[[Condition], bool], within: float) -> Condition:
    async def found() -> Condition | None:
        ready = await ready_of(stage, name)
        return ready if ready is not None and is_it(ready) else None

    condition = await eventually(found, within=within, what=f"the expected condition of {name}")
    assert condition is not None
    return condition


def condition(resource: CertificateRequest | Issuer | Certificate | Any, type_: str) -> Condition | None:
    conditions: Sequence[Condition] = resource.status.conditions if resource.status is not None else ()
    return next((one for one in conditions if one.type == type_), None)


async def chain_of(stage: Stage, name: str) -> Chain:
    """What a CertificateRequest in `default` was given."""
    found = await stage.get(CertificateRequest, "default", name)
    assert found is not None
    assert found.status is not None
    return parse_chain(base64.b64decode(found.status.certificate))


async def secret(stage: Stage, name: str, *, namespace: str = "default", **data: bytes) -> None:
    """Keys of `data`: with `_` for `.`."""
    content = {key.replace("_", "."): b64(value) for key, value in data.items()}
    await stage.create(Secret, {"metadata": {"name": name, "namespace": namespace}, "data": content})


def key_pem(key: Key) -> bytes:
    return encode_key(key, "PKCS8")


def make_ca(
    name: str = "test root",
    *,
    above: tuple[x509.Certificate, Key] | None = None,
    is_ca: bool = True,
    ends: timedelta = timedelta(days=3650),
) -> tuple[x509.Certificate, Key]:
    """Signed by the one above, or by itself."""
    key = generate(EC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (subject, key) if above is None else (above[0].subject, above[1])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate, key
