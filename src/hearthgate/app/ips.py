"""What `hearthgate ips` and `hearthgate explain ip` read from the API and find out in the network."""

import asyncio
import contextlib
import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.layer2 import rtnetlink
from hearthgate.balancer.layer2.announcer import Announcer
from hearthgate.balancer.layer2.conflicts import Foreign
from hearthgate.cluster.client import Client
from hearthgate.cluster.once import Once, read_once
from hearthgate.doctor.addresses.explain import Explanation, Seen, explain, ports_of
from hearthgate.doctor.addresses.table import READ
from hearthgate.netfilter.asking import ask
from hearthgate.resources.registry import BY_TYPE

PORT_WITHIN: Final = 2.0
"""Seconds that a port has to accept a connection."""
_NEIGHBOURS: Final = Path("/proc/net/arp")


async def read_addresses(client: Client) -> Once:
    return await read_once(client, [BY_TYPE[kind] for kind in READ])


async def explain_address(client: Client, address: Address) -> tuple[Explanation, Once]:
    once = await read_addresses(client)
    seen = await look(address, ports_of(once.snapshot, address))
    return explain(once.snapshot, address, seen), once


async def look(address: Address, ports: Iterable[int]) -> Seen:
    """Asks the network who has the address, and the ports whether they answer."""
    wanted = tuple(ports)
    (foreign, unasked), answers = await asyncio.gather(
        _ask_network(address), asyncio.gather(*(_try_port(address, port) for port in wanted))
    )
    return Seen(
        is_here=_taken_here(address),
        neighbour=_neighbour(address),
        foreign=foreign,
        unasked=unasked,
        ports=dict(zip(wanted, answers, strict=True)),
    )


async def _ask_network(address: Address) -> tuple[Foreign | None, str]:
    """(who answered, why nobody was asked)"""
    announcer = Announcer(may_answer=lambda: False, on_conflict=lambda conflict: None)
    await announcer.start()
    try:
        if why := announcer.why_not(address):
            return None, why
        foreign = await announcer.probe(address, None)
        return foreign, announcer.missing
    finally:
        await announcer.stop()


async def _try_port(address: Address, port: int) -> str:
    """Empty when somebody accepts a connection there."""
    try:
        async with asyncio.timeout(PORT_WITHIN):
            _, writer = await asyncio.open_connection(str(address), port)
    except TimeoutError:
        return f"no answer within {PORT_WITHIN:g} s"
    except OSError as error:
        return "refused" if error.errno == errno.ECONNREFUSED else (error.strerror or str(error))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ""


def _taken_here(address: Address) -> bool:
    """Whether this machine's kernel takes the address for its own."""
    routes = (rtnetlink.read_local_route(message) for message in ask(rtnetlink.list_routes(type(address))))
    return any(route is not None and route.address == address for route in routes)


def _neighbour(address: Address) -> str:
    """The hardware address that the kernel has learnt; empty when it knows none, or of IPv6."""
    with contextlib.suppress(OSError):
        for line in _NEIGHBOURS.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[0] == str(address) and int(fields[2], 16):
                return fields[3]
    return ""
