"""Ports for servers that bind later than they are chosen."""

import contextlib
import os
import random
import socket

_WORKERS = 16
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_RANGE = range(10_000 + _WORKER, 32_000, _WORKERS)
"""Below those that the kernel gives to connections, and none that another worker of this run chooses:
either would take a port before its server does."""
_chance = random.SystemRandom()
"""Tests may seed the shared generator; runs beside each other shall not choose alike."""
_given: set[int] = set()


def free_port() -> int:
    """A port on which nothing listens, neither on TCP nor on UDP, on any IPv4 address; no port twice."""
    while True:
        port = _chance.choice(_RANGE)
        if port in _given:
            continue
        with (
            contextlib.suppress(OSError),
            socket.socket() as stream,
            socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        ):
            stream.bind(("", port))
            datagrams.bind(("", port))
            _given.add(port)
            return port
