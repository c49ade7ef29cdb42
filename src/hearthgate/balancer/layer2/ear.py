"""The sockets of one interface: hears frames about our addresses, and sends."""

import asyncio
import contextlib
import ctypes
import socket
import struct
from collections.abc import Callable, Collection
from ipaddress import IPv6Address

from hearthgate.balancer.frames import arp, ndp
from hearthgate.balancer.layer2.conflicts import Address
from hearthgate.balancer.layer2.filters import Instruction, arp_filter, encode_filter, ndp_filter
from hearthgate.balancer.layer2.links import Link

_ATTACH_FILTER, _PACKET_LEVEL, _ADD_MEMBERSHIP, _DROP_MEMBERSHIP, _MULTICAST = 26, 263, 1, 2, 0
_AT_ONCE = 64
"""Frames of a turn: other work of the loop shall not wait for a flood."""

Frame = arp.Arp | ndp.Neighbour


class Ear:
    """Raises PermissionError without CAP_NET_RAW. on_frame: called for what the filter let through."""

    def __init__(self, link: Link, on_frame: Callable[["Ear", Frame], None]) -> None:
        self.link = link
        self._on_frame = on_frame
        self._groups: set[IPv6Address] = set()
        self._member: socket.socket | None = None
        """Joins groups as any program does, so that the kernel tells switches of it (MLD): those that look into
        multicast forward questions to members only."""
        self._arp = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        self._ndp = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        # A filter first: a socket hears everything from the moment it is bound.
        self.listen(())
        self._arp.bind((link.name, arp.ETHERTYPE))
        self._ndp.bind((link.name, ndp.ETHERTYPE))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._arp, self._read, self._arp, arp.decode_arp)
        loop.add_reader(self._ndp, self._read, self._ndp, ndp.decode_neighbour)

    def close(self) -> None:
        for one in (self._arp, self._ndp):
            asyncio.get_running_loop().remove_reader(one)
            one.close()
        if self._member is not None:
            self._member.close()

    def listen(self, addresses: Collection[Address]) -> None:
        """For frames about these only."""
        _attach(self._arp, arp_filter([int(one) for one in addresses if one.version == 4]))
        _attach(self._ndp, ndp_filter([int(one) for one in addresses if one.version == 6]))
        groups = {ndp.solicited_node(one) for one in addresses if one.version == 6}
        for group in groups ^ self._groups:
            with contextlib.suppress(OSError):  # the interface is gone, which the watch tells, or is without IPv6
                self._belong(group, joins=group in groups)
        self._groups = groups

    def send(self, frame: Frame) -> bool:
        """Whether it left."""
        out = self._arp if isinstance(frame, arp.Arp) else self._ndp
        try:
            out.send(frame.encode())
        except OSError:
            return False
        return True

    def _belong(self, group: IPv6Address, *, joins: bool) -> None:
        """The interface takes frames to the group, and switches learn that it does."""
        raw = ndp.multicast_mac(group).raw
        frames = struct.pack("=iHH8s", self.link.number, _MULTICAST, len(raw), raw)
        self._ndp.setsockopt(_PACKET_LEVEL, _ADD_MEMBERSHIP if joins else _DROP_MEMBERSHIP, frames)
        if self._member is None:
            self._member = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        option = socket.IPV6_JOIN_GROUP if joins else socket.IPV6_LEAVE_GROUP
        self._member.setsockopt(socket.IPPROTO_IPV6, option, group.packed + struct.pack("@I", self.link.number))

    def _read(self, source: socket.socket, decode: Callable[[bytes], Frame | None]) -> None:
        for _ in range(_AT_ONCE):
            try:
                data = source.recv(256)
            except OSError:  # nothing more, or the interface went down: the watch tells
                return
            if (frame := decode(data)) is not None:
                self._on_frame(self, frame)


def _attach(to: socket.socket, program: Collection[Instruction]) -> None:
    memory = ctypes.create_string_buffer(encode_filter(program))
    value = struct.pack("@HP", len(program), ctypes.addressof(memory))
    to.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, value)
