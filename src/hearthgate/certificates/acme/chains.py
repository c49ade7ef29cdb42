"""Chains as a CA sends them: PEM, leaf first, and the choice among several (RFC 8555, section 7.4.2)."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urljoin

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hearthgate.certificates.acme.errors import BadAnswer

_ALTERNATE: Final = re.compile(r'<([^>]*)>[^,]*;\s*rel="?alternate"?', re.IGNORECASE)
_BOUNDARY: Final = re.compile(rb"-----BEGIN ([^-]*)-----")


def read_chain(body: bytes, *, asked: str) -> str:
    """The same certificates, written anew. Raises BadAnswer when there is anything else in it, such as a key."""
    kinds = set(_BOUNDARY.findall(body))
    try:
        if kinds != {b"CERTIFICATE"}:
            raise ValueError("other content than certificates")
        chain = x509.load_pem_x509_certificates(body)
    except ValueError:
        raise BadAnswer(f"{asked}: the answer is not a certificate chain in PEM") from None
    return "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in chain)


def alternates(links: Iterable[str], url: str) -> tuple[str, ...]:
    """URLs of further chains, from the Link headers of the answer from `url`."""
    found = [urljoin(url, target) for link in links for target in _ALTERNATE.findall(link)]
    return tuple(target for target in found if target.startswith("https://"))


def ends_with(chain: str, name: str) -> bool:
    """Whether the issuer of the last certificate has this common name: how `preferredChain` chooses."""
    last = x509.load_pem_x509_certificates(chain.encode("ascii"))[-1]
    return any(found.value == name for found in last.issuer.get_attributes_for_oid(NameOID.COMMON_NAME))
