"""What the data path does to the kernel, and reads of it: the table of nftables, its memory of datagrams, whether
it forwards."""

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.datapath import ctnetlink
from hearthgate.balancer.datapath.rules import Rule
from hearthgate.balancer.datapath.ruleset import TABLE
from hearthgate.balancer.layer2.netlink import interfaces
from hearthgate.netfilter import conntrack
from hearthgate.netfilter.asking import ask
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
    flows = [
        flow
        for version in (4, 6)
        for message in ask(conntrack.list_entries(version), protocol=conntrack.PROTOCOL)
        if (flow := ctnetlink.read_flow(message))
    ]
    count = 0
    for flow in ctnetlink.stale(flows, rules, before):
        try:
            for _ in ask(ctnetlink.forget(flow), protocol=conntrack.PROTOCOL):
                continue
        except OSError as error:
            if error.errno != errno.ENOENT:  # it ended meanwhile
                raise
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
