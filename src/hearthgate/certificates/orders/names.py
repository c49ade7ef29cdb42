"""Names of objects and of what an order is for. Pure."""

import hashlib
from ipaddress import ip_address

import msgspec

from hearthgate.resources.certmanager.orders import OrderSpec

_SHORTENED: int = 52
"""Characters of the owner's name that are kept, as upstream does."""


def derived_name(owner: str, content: object) -> str:
    """`owner`, shortened, and a number that the content gives: the same content, the same name."""
    digest = hashlib.blake2b(msgspec.json.encode(content, order="deterministic"), digest_size=4).digest()
    return f"{owner[:_SHORTENED].rstrip('-.')}-{int.from_bytes(digest)}"


def identifiers(spec: OrderSpec) -> tuple[str, ...]:
    """What the order is for, sorted: host names, addresses, and the common name when it is one of those."""
    names = {*spec.dns_names, *spec.ip_addresses}
    if spec.common_name and (_is_address(spec.common_name) or "." in spec.common_name):
        names.add(spec.common_name)
    return tuple(sorted({str(ip_address(name)) if _is_address(name) else name.lower() for name in names}))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
