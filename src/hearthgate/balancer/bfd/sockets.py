"""The UDP sockets of BFD: RFC 5881 and 5883, section 4. A packet counts only with its TTL."""

import errno
import random
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

from hearthgate.balancer.allocation.blocks import Address

SINGLE_HOP: Final = 3784
MULTIHOP: Final = 4784
TTL: Final = 255
_SOURCE_PORTS: Final = range(49152, 65536)
_ATTEMPTS: Final = 64
_LARGEST: Final = 512
_IP_RECVTTL: Final = 12
"""Of Linux; the module socket has it from Python 3.14 on."""
_INT: Final = struct.Struct("=i")
_chance = random.SystemRandom()


class Received(NamedTuple):
    """ttl: 0 where the kernel did not say."""

    sender: Address
    data: bytes
    ttl: int


def own_address(peer: Address) -> Address:
    """The address that this machine sends from. Raises OSError without a route."""
    with socket.socket(_family(peer), socket.SOCK_DGRAM) as probe:
        probe.connect((str(peer), SINGLE_HOP))
        return ip_address(probe.getsockname()[0])


def listen(local: Address, port: int) -> socket.socket:
    """Raises OSError."""
    sock = _made(local)
    try:
        if local.version == 4:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        sock.bind((str(local), port))
    except OSError:
        sock.close()
        raise
    return sock


def speak(local: Address) -> socket.socket:
    """Sends from a port of the range that BFD has, always the same one for a session. Raises OSError."""
    sock = _made(local)
    try:
        if local.version == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, TTL)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, TTL)
        for port in _chance.sample(_SOURCE_PORTS, _ATTEMPTS):
            try:
                sock.bind((str(local), port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return sock
        raise OSError(errno.EADDRINUSE, "no port from 49152 to 65535 is free")
    except OSError:
        sock.close()
        raise


def receive(sock: socket.socket) -> Iterator[Received]:
    """All that waits there."""
    while True:
        try:
            data, ancillary, _, sender = sock.recvmsg(_LARGEST, socket.CMSG_SPACE(_INT.size))
        except OSError:  # nothing waits, or an ICMP error was for us
            return
        ttl = next((_INT.unpack(value)[0] for _, _, value in ancillary if len(value) == _INT.size), 0)
        yield Received(ip_address(sender[0].partition("%")[0]), data, ttl)


def _made(address: Address) -> socket.socket:
    return socket.socket(_family(address), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)


def _family(address: Address) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6
