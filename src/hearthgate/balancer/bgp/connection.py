"""The TCP connection below a session: TTL, password (RFC 2385), and messages out of a stream of bytes."""

import asyncio
import os
import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.bgp.messages import HEADER, Family, Kind, read_header
from hearthgate.balancer.bgp.model import Peer
from hearthgate.balancer.layer2.links import Interfaces
from hearthgate.model.errors import Transient
from hearthgate.model.secret import SecretBytes

CONNECT_WITHIN: Final = 10.0
"""Seconds. A router that has another password does not answer at all."""
_TCP_MD5SIG: Final = 14
_MD5_STRUCT: Final = struct.Struct("=128sBBHI80s")
"""struct tcp_md5sig of Linux: address, flags, prefix length, key length, interface, key."""


async def connect(peer: Peer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises Transient with words for people."""
    family = socket.AF_INET if peer.address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    where = f"{peer.address} port {peer.port}"
    try:
        _prepare(sock, peer)
        async with asyncio.timeout(CONNECT_WITHIN):
            await asyncio.get_running_loop().sock_connect(sock, (str(peer.address), peer.port))
        return await asyncio.open_connection(sock=sock)
    except TimeoutError:
        sock.close()
        hint = " (a router with another password keeps silent too)" if peer.password else ""
        raise Transient(f"{where} does not answer{hint}") from None
    except OSError as error:
        sock.close()
        raise Transient(f"no connection to {where}: {os.strerror(error.errno or 0)}") from error
    except BaseException:
        sock.close()
        raise


def local_address(writer: asyncio.StreamWriter) -> Address:
    return ip_address(writer.get_extra_info("sockname")[0])


async def receive(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    """Raises WireError, and Transient once the router has closed."""
    try:
        kind, length = read_header(await reader.readexactly(HEADER))
        return kind, await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        raise Transient("the router closed the connection") from None
    except OSError as error:
        raise Transient(f"the connection broke: {error.strerror}") from error


def next_hops(local: Address, families: Iterable[int], interfaces: Interfaces) -> dict[Family, Address]:
    """By family an address of ours that the router can send to: that of the connection, and for the other family
    one of the same interface. Families without any are left out. Pure."""
    number = next((one.number for one in interfaces.addresses if one.address == local), None)
    found: dict[Family, Address] = {}
    for version in families:
        if version == local.version:
            found[Family.of(version)] = local
            continue
        beside = sorted(
            (one.address for one in interfaces.addresses if one.number == number and _fits(one.address, version)),
            key=int,
        )
        if beside:
            found[Family.of(version)] = beside[0]
    return found


def router_id(local: Address, interfaces: Interfaces) -> IPv4Address | None:
    """An IPv4 address of the interface of the connection. Pure."""
    if isinstance(local, IPv4Address):
        return local
    hop = next_hops(local, (4,), interfaces).get(Family.IPV4)
    return hop if isinstance(hop, IPv4Address) else None


def _fits(address: Address, version: int) -> bool:
    return address.version == version and not address.is_link_local and not address.is_loopback


def _prepare(sock: socket.socket, peer: Peer) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not peer.is_internal:
        # Routers of other ASes are neighbours unless ebgpMultiHop says otherwise: nobody else hears us then.
        hops = 255 if peer.multihop else 1
        if peer.address.version == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    if peer.password is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_MD5SIG, _md5(peer.address, peer.password))
    if peer.source is not None:
        sock.bind((str(peer.source), 0))


def _md5(address: Address, password: SecretBytes) -> bytes:
    key = password.reveal()
    if isinstance(address, IPv6Address):
        storage = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, address.packed, 0)
    else:
        storage = struct.pack("=HH4s", socket.AF_INET, 0, address.packed)
    return _MD5_STRUCT.pack(storage, 0, 0, len(key), 0, key)
