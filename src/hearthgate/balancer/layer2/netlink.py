"""Asks the kernel about interfaces, and hears when they change."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator

from hearthgate.balancer.layer2 import rtnetlink
from hearthgate.balancer.layer2.links import Interfaces

_LARGEST = 1 << 16


def ask(question: bytes, *, protocol: int = 0) -> Iterator[rtnetlink.Message]:
    """The kernel's list; of a change, nothing once it is done. protocol: whom in the kernel; 0: routing. Raises
    OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as asking:
        asking.bind((0, 0))
        asking.send(question)
        while True:
            for message in rtnetlink.messages(asking.recv(_LARGEST)):
                if message.kind == rtnetlink.DONE:
                    return
                if message.kind == rtnetlink.ERROR:
                    if number := rtnetlink.error_of(message):
                        raise OSError(number, os.strerror(number))
                    return  # a change that was asked to be acknowledged
                yield message


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
