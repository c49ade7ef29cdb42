"""All addresses of all pools at one glance. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from hearthgate.balancer.allocation.asked import held_by
from hearthgate.balancer.allocation.blocks import Address, Block
from hearthgate.balancer.allocation.pools import Pool
from hearthgate.balancer.allocation.reservations import reservations
from hearthgate.balancer.allocation.validation import read_pools
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.doctor.addresses.told import last_word
from hearthgate.model.problems import Problem
from hearthgate.resources.core import Event, Namespace, Node, Pod, Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.meta import Resource
from hearthgate.resources.metallb import (
    BGPAdvertisement,
    IPAddressPool,
    L2Advertisement,
    ServiceBGPStatus,
    ServiceL2Status,
)

READ: Final[tuple[type[Resource], ...]] = (
    BGPAdvertisement,
    EndpointSlice,
    Event,
    IPAddressPool,
    L2Advertisement,
    Namespace,
    Node,
    Pod,
    Service,
    ServiceBGPStatus,
    ServiceL2Status,
)
"""What the answers are made from."""
ANNOUNCED: Final = "announced"
SILENT: Final = "not announced"
FOREIGN: Final = "taken by another machine"
RESERVED: Final = "reserved"
FREE: Final = "free"
OUTSIDE: Final = "outside of pools"


class Announcing(NamedTuple):
    """protocol: layer2 or bgp. peers: of BGP."""

    node: str
    protocol: str
    peers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.node} (BGP: {', '.join(self.peers)})" if self.protocol == "bgp" else self.node


class Row(NamedTuple):
    """One address, or a range of free ones from `first` to `last`. services: who holds it, or whom it is kept for.
    message: why it is as it is, where that is not plain."""

    pool: str
    first: Address
    last: Address
    state: str
    services: tuple[Key, ...] = ()
    announced_by: tuple[Announcing, ...] = ()
    message: str = ""


class Table(NamedTuple):
    """rows: by pool and address; those in no pool last. waiting: Services that ask for an address and have none,
    with the reason. problems: of the pools."""

    rows: tuple[Row, ...]
    waiting: tuple[tuple[Key, str], ...]
    problems: tuple[Problem, ...]


def table(snapshot: Snapshot) -> Table:
    pools = read_pools(snapshot.all(IPAddressPool), snapshot.all(Namespace))
    holders = _holders(snapshot)
    kept = reservations(snapshot.all(IPAddressPool))
    rows: list[Row] = []
    for pool in sorted(pools.usable, key=lambda pool: pool.name):
        of_pool = [
            _held(pool.name, address, keys, snapshot) for address, keys in holders.items() if address in pool
        ]
        of_pool += [
            Row(pool.name, address, address, RESERVED, (key,))
            for address, key in kept.items()
            if address in pool and address not in holders
        ]
        taken = {row.first for row in of_pool}
        of_pool += [Row(pool.name, *ends, FREE) for ends in _free(pool, taken)]
        rows += sorted(of_pool, key=lambda row: (row.first.version, row.first))
    rows += [
        _held("", address, keys, snapshot)._replace(state=OUTSIDE)
        for address, keys in holders.items()
        if not any(address in pool for pool in pools.usable)
    ]
    waiting = tuple(
        (service.key, last_word(snapshot, service.key) or "nothing has been said of it")
        for service in snapshot.all(Service)
        if service.spec.type == "LoadBalancer" and not held_by(service)
    )
    return Table(tuple(rows), waiting, pools.problems)


def announcing(snapshot: Snapshot, keys: Iterable[Key]) -> tuple[Announcing, ...]:
    """Who announces the addresses of Services, as the speakers have written it."""
    wanted = frozenset(keys)
    found = {
        Announcing(one.status.node, "layer2")
        for one in snapshot.all(ServiceL2Status)
        if one.status is not None and (one.status.service_namespace, one.status.service_name) in wanted
    }
    found |= {
        Announcing(one.status.node, "bgp", one.status.peers)
        for one in snapshot.all(ServiceBGPStatus)
        if one.status is not None and (one.status.service_namespace, one.status.service_name) in wanted
    }
    return tuple(sorted(found))


def as_json(found: Table) -> dict[str, Any]:
    """`addresses`: one object for each address or free range; `waiting`: Services without one."""
    return {
        "addresses": [_row_as_json(row) for row in found.rows],
        "waiting": [{"service": "/".join(key), "message": message} for key, message in found.waiting],
        "problems": [str(problem) for problem in found.problems],
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    return {
        "pool": row.pool,
        "address": str(row.first),
        **({"last": str(row.last), "count": int(row.last) - int(row.first) + 1} if row.state == FREE else {}),
        "state": row.state,
        "services": ["/".join(key) for key in row.services],
        "announcedBy": [one._asdict() for one in row.announced_by],
        "message": row.message,
    }


def _holders(snapshot: Snapshot) -> Mapping[Address, tuple[Key, ...]]:
    found: dict[Address, list[Key]] = {}
    for service in snapshot.all(Service):
        if service.spec.type == "LoadBalancer":
            for address in held_by(service):
                found.setdefault(address, []).append(service.key)
    return {address: tuple(keys) for address, keys in found.items()}


def _held(pool: str, address: Address, keys: tuple[Key, ...], snapshot: Snapshot) -> Row:
    by = announcing(snapshot, keys)
    if by:
        return Row(pool, address, address, ANNOUNCED, keys, by)
    foreign = last_word(snapshot, *keys, about=str(address), reasons=("AddressInUse",))
    message = (foreign or last_word(snapshot, *keys, about=str(address))).removeprefix(
        f"{address} is not announced: "
    )
    state = FOREIGN if foreign else SILENT
    return Row(pool, address, address, state, keys, (), message or "no speaker has said why: is one running?")


def _free(pool: Pool, taken: Iterable[Address]) -> Iterator[tuple[Address, Address]]:
    """Ranges of addresses that the pool can still hand out: ends, both included."""
    numbers = sorted((address.version, int(address)) for address in taken)
    for block in pool.blocks:
        start = block.first
        for version, number in (*numbers, (block.version, block.last + 1)):
            if version == block.version and block.first <= number <= block.last + 1:
                if start < number:
                    yield from _without_buggy(pool, block, start, number - 1)
                start = number + 1


def _without_buggy(pool: Pool, block: Block, first: int, last: int) -> Iterator[tuple[Address, Address]]:
    """One range; where the pool avoids .0 and .255, those at its ends are left out."""
    while first <= last and not pool.hands_out(block.address(first)):
        first += 1
    while first <= last and not pool.hands_out(block.address(last)):
        last -= 1
    if first <= last:
        yield block.address(first), block.address(last)
