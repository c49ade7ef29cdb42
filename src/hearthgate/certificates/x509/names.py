"""The names of a certificate: subject alternative names by type (RFC 5280, 4.2.1.6), asked for and found."""

import ipaddress
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from cryptography import x509

from hearthgate.model.hostnames import canonical_host, host_matches
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.certmanager.subjects import OID
from hearthgate.resources.walk import Mistake

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_UTF8_STRING: Final = 0x0C


class Names(NamedTuple):
    """Names by type, as they are written; addresses in canonical text. others: (OID, text), text None when the
    name is not a UTF8String."""

    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    others: tuple[tuple[str, str | None], ...] = ()

    def __bool__(self) -> bool:
        return any(self[:])


def names_of(spec: CertificateSpec) -> Names:
    """What a Certificate asks for, the common name aside; what cannot be read stays as it is written."""
    return Names(
        spec.dns_names,
        tuple(canonical_address(address) for address in spec.ip_addresses),
        spec.uris,
        spec.email_addresses,
        tuple((name.oid, name.utf8_value) for name in spec.other_names),
    )


def canonical_address(text: str) -> str:
    """As Go compares addresses: an IPv4 address in IPv6 is the IPv4 address."""
    address = read_address(text)
    return text if address is None else str(address)


def read_address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address


def general_names(spec: CertificateSpec) -> tuple[x509.GeneralName, ...] | Mistake:
    """The names of a request for this Certificate; the first that no certificate can hold as a Mistake."""
    found: list[x509.GeneralName] = []
    for index, name in enumerate(spec.dns_names):
        if not name or not name.isascii():
            return _wrong(f"dnsNames[{index}]", f"{shorten(name)} is not a host name in ASCII{_punycode(name)}")
        found.append(x509.DNSName(name))
    for index, text in enumerate(spec.ip_addresses):
        address = read_address(text)
        if address is None:
            return _wrong(f"ipAddresses[{index}]", f"{shorten(text)} is not an IP address")
        found.append(x509.IPAddress(address))
    for index, text in enumerate(spec.uris):
        if not text or not text.isascii():
            return _wrong(f"uris[{index}]", f"{shorten(text)} is not a URI in ASCII (escape other characters)")
        found.append(x509.UniformResourceIdentifier(text))
    for index, text in enumerate(spec.email_addresses):
        try:
            found.append(x509.RFC822Name(text))
        except ValueError:
            return _wrong(f"emailAddresses[{index}]", f"{shorten(text)} is not an address such as me@example.org")
    for index, other in enumerate(spec.other_names):
        if not OID.fullmatch(other.oid) or not other.utf8_value:
            return _wrong(f"otherNames[{index}]", f"{shorten(other.oid)} is not an object identifier with a value")
        try:
            found.append(x509.OtherName(x509.ObjectIdentifier(other.oid), utf8_string(other.utf8_value)))
        except ValueError:
            return _wrong(f"otherNames[{index}].oid", f"{shorten(other.oid)} is not an object identifier")
    return tuple(found)


def found_in(names: Iterable[x509.GeneralName]) -> Names:
    """By type; names of types that cert-manager has no list for are left out."""
    dns, ips, uris, emails = [], [], [], []
    others: list[tuple[str, str | None]] = []
    for name in names:
        match name:
            case x509.DNSName():
                dns.append(name.value)
            case x509.IPAddress():
                ips.append(canonical_address(str(name.value)))
            case x509.UniformResourceIdentifier():
                uris.append(name.value)
            case x509.RFC822Name():
                emails.append(name.value)
            case x509.OtherName():
                others.append((name.type_id.dotted_string, _text(name.value)))
            case _:
                continue
    return Names(tuple(dns), tuple(ips), tuple(uris), tuple(emails), tuple(others))


def _wrong(field: str, message: str) -> Mistake:
    return Mistake(f"spec.{field}", Reason.INVALID_VALUE, message)


def covers(names: Names, host: str) -> bool:
    """Whether a client that asks for the host (a name, or an IP address) would take the certificate (RFC 9525): a
    wildcard stands for exactly one label."""
    if (address := read_address(host.strip("[]"))) is not None:
        return str(address) in names.ips
    host = canonical_host(host)
    return any(host_matches(name, host) for name in names.dns)


def utf8_string(text: str) -> bytes:
    """DER."""
    return tagged(_UTF8_STRING, text.encode())


def tagged(tag: int, content: bytes) -> bytes:
    """One value in DER: tag, length, content."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _text(der: bytes) -> str | None:
    if der[:1] != bytes([_UTF8_STRING]) or len(der) < 2:
        return None
    start = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    try:
        return der[start:].decode()
    except UnicodeDecodeError:
        return None


def _punycode(name: str) -> str:
    try:
        written = name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return f" (write {written!r})" if written else ""
