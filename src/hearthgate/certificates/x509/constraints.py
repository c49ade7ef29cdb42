"""Name constraints of a CA (RFC 5280, 4.2.1.10), from `spec.nameConstraints`."""

import ipaddress

from cryptography import x509

from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.certmanager.certificate import NameConstraintItem, NameConstraints
from hearthgate.resources.walk import Mistake


def constraints_of(wanted: NameConstraints) -> x509.NameConstraints | Mistake:
    """Of what admission takes: at least one name is permitted or excluded."""
    trees: list[list[x509.GeneralName] | None] = []
    for field, item in (("permitted", wanted.permitted), ("excluded", wanted.excluded)):
        read = _names(item, f"spec.nameConstraints.{field}") if item is not None else []
        if isinstance(read, Mistake):
            return read
        trees.append(read or None)
    if trees == [None, None]:
        return Mistake(
            "spec.nameConstraints", Reason.MISSING_FIELD, "says neither what is permitted nor what is excluded"
        )
    return x509.NameConstraints(*trees)


def _names(item: NameConstraintItem, path: str) -> list[x509.GeneralName] | Mistake:
    found: list[x509.GeneralName] = []
    for field, texts, read in (
        ("dnsDomains", item.dns_domains, x509.DNSName),
        ("ipRanges", item.ip_ranges, _network),
        ("emailAddresses", item.email_addresses, x509.RFC822Name),
        ("uriDomains", item.uri_domains, x509.UniformResourceIdentifier),
    ):
        for index, text in enumerate(texts):
            try:
                found.append(read(text))
            except ValueError:
                why = f"{shorten(text)} is not {'a range such as 10.0.0.0/8' if read is _network else 'in ASCII'}"
                return Mistake(f"{path}.{field}[{index}]", Reason.INVALID_VALUE, why)
    return found


def _network(text: str) -> x509.IPAddress:
    if "/" not in text:
        raise ValueError("no range")
    return x509.IPAddress(ipaddress.ip_network(text, strict=False))
