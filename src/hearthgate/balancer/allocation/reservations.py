"""Addresses that a pool keeps for Services which do not exist yet. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.cluster.snapshot import Key
from hearthgate.resources.metallb import IPAddressPool

ANNOTATION: Final = "hearthgate.dev/reservations"
"""On a pool: `192.168.1.245=infra/traefik`, several with commas between."""


def reservations(pools: Iterable[IPAddressPool]) -> Mapping[Address, Key]:
    """Those that can be read."""
    return dict(entry for pool in pools for entry in _of(pool) if isinstance(entry, tuple))


def mistakes(pool: IPAddressPool) -> tuple[str, ...]:
    """In words, one for each entry that cannot be read."""
    return tuple(entry for entry in _of(pool) if isinstance(entry, str))


def _of(pool: IPAddressPool) -> Iterator[tuple[Address, Key] | str]:
    for item in pool.metadata.annotations.get(ANNOTATION, "").split(","):
        if not item.strip():
            continue
        address_text, equals, service = item.strip().partition("=")
        namespace, slash, name = service.partition("/")
        try:
            address = ipaddress.ip_address(address_text.strip())
        except ValueError:
            address = None
        if address is None or not equals or not slash or not namespace or not name:
            yield f"{item.strip()!r} is no reservation such as 192.168.1.245=infra/traefik"
        else:
            yield address, (namespace, name)
