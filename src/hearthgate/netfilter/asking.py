"""Asks the kernel by netlink, and tells it what to change."""

import os
import socket
from collections.abc import Iterator

from hearthgate.netfilter.messages import DONE, ERROR, Message, error_of, messages

_LARGEST = 1 << 16


def ask(question: bytes, *, protocol: int = 0) -> Iterator[Message]:
    """The kernel's list; of a change, nothing once it is done. protocol: whom in the kernel; 0: routing. Raises
    OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as asking:
        asking.bind((0, 0))
        asking.send(question)
        while True:
            for message in messages(asking.recv(_LARGEST)):
                if message.kind == DONE:
                    return
                if message.kind == ERROR:
                    if number := error_of(message):
                        raise OSError(number, os.strerror(number))
                    return  # a change that was asked to be acknowledged
                yield message
