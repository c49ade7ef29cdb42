"""CertificateRequest.spec and Order.spec: that the signing request can be read and does not contradict the fields
beside it. An extension that the signing request lacks contradicts nothing."""

import base64
import binascii
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from hearthgate.model.durations import parse_duration
from hearthgate.resources.certmanager import usages
from hearthgate.resources.certmanager.checks.wording import invalid, issuer_ref
from hearthgate.resources.certmanager.orders import OrderSpec
from hearthgate.resources.certmanager.request import CertificateRequestSpec
from hearthgate.resources.walk import Mistake


class _Asked(NamedTuple):
    """What the extensions of a signing request say; None where there is none."""

    key_usage: frozenset[str] | None = None
    extended: frozenset[str] | None = None
    is_ca: bool | None = None


def mistakes(spec: CertificateRequestSpec) -> Iterator[Mistake]:
    yield from issuer_ref("spec.issuerRef", spec.issuer_ref)
    if spec.duration is not None and parse_duration(spec.duration) <= 0:
        yield invalid("spec.duration", f"{spec.duration} is not greater than 0")
    asked = _read(spec.request)
    if asked is None:
        yield invalid("spec.request", "is not a signing request: PEM of PKCS #10, in base64")
        return
    wanted = usages.effective(spec.usages, is_ca=spec.is_ca)
    bits, purposes = usages.key_usage(wanted), usages.extended(wanted)
    key_usage = usages.words_of_key_usage(bits) if bits is not None else frozenset[str]()
    extended = usages.words_of_extended(purposes) if purposes is not None else frozenset[str]()
    for name, found, expected in (
        ("key usage", asked.key_usage, key_usage),
        ("extended key usage", asked.extended, extended),
    ):
        if found is not None and found != expected:
            yield invalid(
                "spec.request", f"its {name} is {_listed(found)}, but usages and isCA ask for {_listed(expected)}"
            )
    if asked.is_ca is not None and asked.is_ca != spec.is_ca:
        yield invalid(
            "spec.request", f"its basic constraints say CA: {asked.is_ca}, but isCA is {spec.is_ca}".lower()
        )


def order_mistakes(spec: OrderSpec) -> Iterator[Mistake]:
    yield from issuer_ref("spec.issuerRef", spec.issuer_ref)
    if _read(spec.request) is None:
        yield invalid("spec.request", "is not a signing request: PEM of PKCS #10, in base64")


@lru_cache(maxsize=1024)
def _read(request: str) -> _Asked | None:
    """None when it cannot be read."""
    asked = _Asked()
    try:
        for extension in x509.load_pem_x509_csr(base64.b64decode(request, validate=True)).extensions:
            match extension.value:
                case x509.KeyUsage() as bits:
                    asked = asked._replace(key_usage=usages.words_of_key_usage(bits))
                case x509.ExtendedKeyUsage() as purposes:
                    asked = asked._replace(extended=usages.words_of_extended(purposes))
                case x509.BasicConstraints() as basic:
                    asked = asked._replace(is_ca=basic.ca)
                case _:
                    continue
    except (
        ValueError,
        binascii.Error,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return None
    return asked


def _listed(found: frozenset[str]) -> str:
    return ", ".join(sorted(found)) or "empty"
