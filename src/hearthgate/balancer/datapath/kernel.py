"""What the data path does to the kernel, and reads of it: the table of nftables, its memory of datagrams, whether
it forwards."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.datapath.ctnetlink import flow_of, stale
from hearthgate.balancer.datapath.rules import Rule
from hearthgate.balancer.datapath.ruleset import TABLE
from hearthgate.balancer.layer2.netlink import interfaces
from hearthgate.netfilter import connections
from hearthgate.netfilter.nft import nft

SWITCHES: Final = {
    4: Path("/proc/sys/net/ipv4/ip_forward"),
    6: Path("/proc/sys/net/ipv6/conf/all/forwarding"),
}


async def apply(text: str) -> None:
    """All of it or nothing. Raises Permanent when nft is missing, may not, or refuses the text, and Transient when
    it does not end in time."""
    await nft("-f", "-", stdin=text.encode())


async def is_there() -> bool:
    """Whether the kernel has our table. Raises as `apply` does."""
    listed = await nft("list", "tables", "inet")
    return f"table inet {TABLE}" in listed.splitlines()


def forget_stale(rules: Iterable[Rule], before: Iterable[Rule]) -> int:
    """Takes datagrams off targets that are gone; returns of how many clients. Blocks. Raises OSError."""
    every = (entry for version in (4, 6) for entry in connections.entries(version))
    flows = [flow for entry in every if (flow := flow_of(entry)) is not None]
    count = 0
    for flow in stale(flows, rules, before):
        connections.forget(flow.place.address.version, flow.key)
        count += 1
    return count


def own_addresses() -> frozenset[Address]:
    """Of this machine's interfaces. Raises OSError."""
    return frozenset(one.address for one in interfaces().addresses)


def forwards(version: int) -> bool:
    """Whether packets of others are passed on. What cannot be read counts as no."""
    try:
        return SWITCHES[version].read_text().strip() != "0"
    except OSError:
        return False


def start_forwarding(version: int) -> None:
    """Until the machine starts anew. Raises OSError."""
    SWITCHES[version].write_text("1\n")
