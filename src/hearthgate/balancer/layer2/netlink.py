"""Asks the kernel about interfaces, and hears when they change."""

import asyncio
import socket
from collections.abc import Callable

from hearthgate.balancer.layer2 import rtnetlink
from hearthgate.balancer.layer2.links import Interfaces
from hearthgate.netfilter.asking import ask

_LARGEST = 1 << 16


def interfaces() -> Interfaces:
    links = [link for one in ask(rtnetlink.list_links()) if (link := rtnetlink.read_link(one))]
    addresses = [found for one in ask(rtnetlink.list_addresses()) if (found := rtnetlink.read_address(one))]
    return Interfaces(tuple(sorted(links)), frozenset(addresses))


class Watch:
    """on_change: an interface or an address came, went or is another; many events in a row are one."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        self._socket.bind((0, rtnetlink.GROUPS))
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        # What is said does not matter, nor that something was lost (ENOBUFS): everything is asked for again.
        while self._once():
            pass
        self._on_change()

    def _once(self) -> bool:
        try:
            self._socket.recv(_LARGEST)
        except BlockingIOError:
            return False
        except OSError:  # ENOBUFS
            return True
        return True
