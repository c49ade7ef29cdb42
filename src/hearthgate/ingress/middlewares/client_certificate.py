"""passTLSClientCert (traefik.io Middleware): tells the backend of the certificate that the client showed."""

from typing import Final

import msgspec

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.resources.traefik import access as spec

_PARTS: Final = {
    "DC": "domain_component",
    "C": "country",
    "ST": "province",
    "L": "locality",
    "O": "organization",
    "OU": "organizational_unit",
    "SN": "serial_number",
    "CN": "common_name",
}
"""Short names of a distinguished name's parts, in the order in which upstream writes them."""


class CertificateInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is told. `subject` and `issuer`: the short names of their parts that are; None = none at all."""

    subject: tuple[str, ...] | None = None
    issuer: tuple[str, ...] | None = None
    serial: bool = False
    begins: bool = False
    ends: bool = False
    names: bool = False


class ClientCertificate(Middleware, frozen=True, kw_only=True):
    """`pem`: the whole certificate. `info`: parts of it; None = no such header."""

    pem: bool = False
    info: CertificateInfo | None = None


def pass_tls_client_cert(options: spec.PassTLSClientCert, draft: Draft) -> ClientCertificate:
    info = options.info
    return ClientCertificate(
        name=draft.name,
        pem=options.pem,
        info=CertificateInfo(
            subject=_parts(info.subject),
            issuer=_parts(info.issuer),
            serial=info.serial_number,
            begins=info.not_before,
            ends=info.not_after,
            names=info.sans,
        )
        if info is not None
        else None,
    )


def _parts(name: spec.DistinguishedName | None) -> tuple[str, ...] | None:
    return None if name is None else tuple(short for short, field in _PARTS.items() if getattr(name, field))
