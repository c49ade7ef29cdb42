"""What the data path does to the kernel, and reads of it: the table of nftables, its memory of datagrams, whether
it forwards."""

import asyncio
import contextlib
import errno
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.datapath import ctnetlink
from hearthgate.balancer.datapath.rules import Rule
from hearthgate.balancer.datapath.ruleset import TABLE
from hearthgate.balancer.layer2.netlink import ask, interfaces
from hearthgate.model.errors import Permanent, Transient

WITHIN: Final = 30.0
"""Seconds for one transaction: thousands of Services take a fraction of one, unless the machine has no time."""
SWITCHES: Final = {
    4: Path("/proc/sys/net/ipv4/ip_forward"),
    6: Path("/proc/sys/net/ipv6/conf/all/forwarding"),
}
_SHOWN: Final = 300
_FOLDERS: Final = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin"
"""Where it is even when an ordinary user's PATH does not say so."""


async def apply(text: str) -> None:
    """All of it or nothing. Raises Permanent when nft is missing, may not, or refuses the text, and Transient when
    it does not end in time."""
    await _nft("-f", "-", stdin=text.encode())


async def is_there() -> bool:
    """Whether the kernel has our table. Raises as `apply` does."""
    listed = await _nft("list", "tables", "inet")
    return f"table inet {TABLE}" in listed.splitlines()


def forget_stale(rules: Iterable[Rule], before: Iterable[Rule]) -> int:
    """Takes datagrams off targets that are gone; returns of how many clients. Blocks. Raises OSError."""
    flows = [
        flow
        for version in (4, 6)
        for message in ask(ctnetlink.list_flows(version), protocol=ctnetlink.PROTOCOL)
        if (flow := ctnetlink.read_flow(message))
    ]
    count = 0
    for flow in ctnetlink.stale(flows, rules, before):
        try:
            for _ in ask(ctnetlink.forget(flow), protocol=ctnetlink.PROTOCOL):
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


async def _nft(*arguments: str, stdin: bytes = b"") -> str:
    """What it says."""
    program = shutil.which("nft") or shutil.which("nft", path=_FOLDERS)
    if program is None:
        raise Permanent("the program nft is missing: install the package nftables")
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise Transient(f"nft cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(WITHIN):
            listed, said = await process.communicate(stdin)
    except TimeoutError:
        raise Transient(f"nft did not end within {WITHIN:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        words = " ".join(said.decode(errors="replace").split())[:_SHOWN]
        if "Operation not permitted" in words:
            raise Permanent("this machine's rules may not be changed: run as root, or with CAP_NET_ADMIN")
        raise Permanent(f"nft refused the rules: {words}")
    return listed.decode(errors="replace")
