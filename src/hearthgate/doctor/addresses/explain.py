"""One address: who has it, who announces it and why, and what the network says. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.allocation.validation import read_pools
from hearthgate.balancer.layer2.conflicts import Foreign
from hearthgate.balancer.speaker.layer2 import Placed, place
from hearthgate.balancer.speaker.nodes import nodes_of
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.addresses.table import (
    ANNOUNCED,
    FOREIGN,
    FREE,
    OUTSIDE,
    RESERVED,
    SILENT,
    Row,
    announcing,
    table,
)
from hearthgate.resources.core import Namespace, Node, Service
from hearthgate.resources.metallb import IPAddressPool


class Seen(NamedTuple):
    """What this machine finds out. is_here: its own kernel takes the address. neighbour: hardware address by the
    kernel's table. foreign: who answered when the network was asked. unasked: why it was not. ports: by port,
    empty when somebody accepts connections there, else why not."""

    is_here: bool = False
    neighbour: str = ""
    foreign: Foreign | None = None
    unasked: str = ""
    ports: Mapping[int, str] = {}


class Explanation(NamedTuple):
    """verdict: one sentence. is_well: whether clients can reach it, or nothing has to be. facts: (what, finding).
    way_out: what to do, empty when nothing."""

    address: Address
    verdict: str
    is_well: bool
    facts: tuple[tuple[str, str], ...]
    way_out: str = ""

    def as_json(self) -> dict[str, Any]:
        facts = [{"about": about, "finding": finding} for about, finding in self.facts]
        return {
            "address": str(self.address),
            "verdict": self.verdict,
            "ok": self.is_well,
            "facts": facts,
            "wayOut": self.way_out,
        }


def row_of(snapshot: Snapshot, address: Address) -> Row | None:
    """None for an address that no pool has and nobody holds."""
    for row in table(snapshot).rows:
        if row.first.version == address.version and int(row.first) <= int(address) <= int(row.last):
            return row._replace(first=address, last=address)
    return None


def ports_of(snapshot: Snapshot, address: Address) -> tuple[int, ...]:
    """TCP ports of the Services that hold the address."""
    row = row_of(snapshot, address)
    services = [snapshot.get(Service, *key) for key in row.services] if row is not None else []
    return tuple(
        sorted(
            {
                port.port
                for service in services
                if service is not None
                for port in service.spec.ports
                if port.protocol == "TCP"
            }
        )
    )


def explain(snapshot: Snapshot, address: Address, seen: Seen) -> Explanation:
    row = row_of(snapshot, address)
    facts = list(_owner(row))
    if row is not None and row.services and row.state != RESERVED:
        facts += _announcing(snapshot, address, row)
    facts += _network(seen)
    verdict, is_well, way_out = _verdict(snapshot, address, row, seen)
    return Explanation(address, verdict, is_well, tuple(facts), way_out)


def _owner(row: Row | None) -> list[tuple[str, str]]:
    if row is None:
        return []
    owners = ", ".join("/".join(key) for key in row.services)
    facts = [("pool", row.pool or "none: it was given before its pool changed, or by hand")]
    if owners:
        facts.append(("kept for" if row.state == RESERVED else "Service", owners))
    return facts


def _announcing(snapshot: Snapshot, address: Address, row: Row) -> list[tuple[str, str]]:
    by = announcing(snapshot, row.services)
    facts = [("announced by", ", ".join(map(str, by)) or "nobody")]
    alive = frozenset(one.node for one in by) | frozenset(
        node.metadata.name for node in snapshot.all(Node) if _is_ready(node)
    )
    placements = place(snapshot, nodes_of(snapshot, alive))
    placed = placements.placed.get(address)
    if placed is not None and any(one.protocol == "layer2" for one in by):
        facts.append(("why that node", _why(placed)))
    facts += [
        ("not announced for", f"{'/'.join(silence.service)}: {silence.message}")
        for silence in placements.silences
        if silence.address == address and not by
    ]
    return facts


def _why(placed: Placed) -> str:
    others = sorted(placed.candidates - {placed.node})
    if not others:
        return f"{placed.node} is the only one that may announce it"
    return f"of {', '.join(sorted(placed.candidates))} it has the fewest addresses, or comes first by the hash"


def _network(seen: Seen) -> list[tuple[str, str]]:
    facts = []
    if seen.is_here:
        facts.append(("this machine", "takes it itself"))
    if seen.neighbour:
        facts.append(("neighbour table", f"it is at {seen.neighbour}"))
    if seen.foreign is not None:
        facts.append(("asked the network", f"{seen.foreign.mac} answers on {seen.foreign.interface}"))
    elif seen.unasked:
        facts.append(("asked the network", f"not: {seen.unasked}"))
    else:
        facts.append(("asked the network", "no other machine answers"))
    facts += [(f"port {port}", why or "accepts connections") for port, why in sorted(seen.ports.items())]
    return facts


def _verdict(snapshot: Snapshot, address: Address, row: Row | None, seen: Seen) -> tuple[str, bool, str]:
    """(verdict, whether all is well, way out)"""
    if row is None:
        return _verdict_outside(snapshot, address)
    owners = ", ".join("/".join(key) for key in row.services)
    if row.state in {FREE, RESERVED}:
        what = "free" if row.state == FREE else f"kept for Service {owners}, which has not come yet"
        if seen.foreign is not None:
            way_out = "take it out of the pool, or the pool out of the range of your DHCP server"
            return f"{address} is {what}, but {seen.foreign.mac} has it already", False, way_out
        return f"{address} is {what}", True, ""
    if row.state == FOREIGN:
        return f"Service {owners} has {address}, but nobody announces it: {row.message}", False, ""
    if row.state == SILENT or (row.state == OUTSIDE and not row.announced_by):
        return f"Service {owners} has {address}, but nobody announces it: {row.message}", False, ""
    if seen.is_here and seen.foreign is not None:
        verdict = (
            f"Service {owners} has {address}, announced by this machine, but {seen.foreign.mac} claims it too"
        )
        return verdict, False, "take it from that machine, or the address out of the pool"
    shut = [str(port) for port, why in sorted(seen.ports.items()) if why]
    by = ", ".join(map(str, row.announced_by))
    verdict = f"Service {owners} has {address}, announced by {by}"
    if shut:
        way_out = "see what serves it: kubectl get endpointslices, and whether something listens on these ports"
        return f"{verdict}, but nothing answers on port {', '.join(shut)}", False, way_out
    return verdict, row.state == ANNOUNCED, "" if row.state == ANNOUNCED else "put it back into a pool"


def _verdict_outside(snapshot: Snapshot, address: Address) -> tuple[str, bool, str]:
    pools = read_pools(snapshot.all(IPAddressPool), snapshot.all(Namespace))
    for pool in pools.usable:
        if address in pool:
            return f"{address} is in pool {pool.name}, which does not hand it out (avoidBuggyIPs)", True, ""
    names = ", ".join(f"{pool.name} ({', '.join(map(str, pool.blocks))})" for pool in pools.usable)
    return f"{address} is in no usable IPAddressPool (there are: {names or 'none'})", False, "add it to a pool"


def _is_ready(node: Node) -> bool:
    conditions = node.status.conditions if node.status is not None else ()
    return any(one.type == "Ready" and one.status == "True" for one in conditions)
