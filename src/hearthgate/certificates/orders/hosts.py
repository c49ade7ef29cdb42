"""Addresses of hosts, from this machine's resolver or from others that were named."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

PATIENCE: Final = 5.0
"""Seconds for an answer of resolvers."""


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def addresses_of(host: str, servers: Sequence[str] = ()) -> tuple[str, ...]:
    """IPv4 first. servers: `ip:port`, or URLs of DNS-over-HTTPS; none: this machine's. Raises OSError."""
    if is_address(host):
        return (host,)
    if not servers:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(one[4][0]) for one in sorted(found, key=lambda one: one[0])))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [_server(text) for text in servers]
    resolver.lifetime = PATIENCE
    answers = await asyncio.gather(*(_asked(resolver, host, kind) for kind in ("A", "AAAA")))
    return tuple(address for answer in answers for address in answer)


async def _asked(resolver: dns.asyncresolver.Resolver, host: str, kind: str) -> tuple[str, ...]:
    try:
        answer = await resolver.resolve(host, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return ()
    except dns.exception.DNSException as error:
        raise OSError(f"{host} {kind}: {error}") from error
    return tuple(str(record) for record in answer)


def _server(text: str) -> dns.nameserver.Nameserver:
    if text.startswith("https://"):
        return dns.nameserver.DoHNameserver(text)
    host, _, port = text.rpartition(":")
    if host and port.isdecimal() and (is_address(host.strip("[]"))):
        return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
    return dns.nameserver.Do53Nameserver(text.strip("[]"), 53)
