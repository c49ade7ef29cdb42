"""A local network for tests and the benchmark: nodes and a client on a bridge, each a network namespace.

Everything is reached from this process: sockets stay in the namespace that they were made in.
"""

import asyncio
import contextlib
import ctypes
import os
import select
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple

CLIENT = "client"
NETWORK = "10.9.0"
_FREEBIND = 15
_CLONE_NEWNET = 0x40000000
EVERY = 0.01
"""Seconds between two datagrams of the client."""


class Answer(NamedTuple):
    """at: when it came, monotonic. node: who sent it."""

    at: float
    node: str


class Lan:
    """nodes: their names; the first is at .1. Namespaces are there from `__enter__` to `__exit__`."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self._mark = uuid.uuid4().hex[:8]
        self.nodes = tuple(nodes)
        self.addresses = {name: f"{NETWORK}.{number}" for number, name in enumerate((*nodes, CLIENT), 1)}
        self._switch = f"hg-switch-{self._mark}"

    def __enter__(self) -> "Lan":
        try:
            ip("netns", "add", self._switch)
            ip("-n", self._switch, "link", "add", "br0", "type", "bridge")
            ip("-n", self._switch, "link", "set", "br0", "up")
            for name in self.addresses:
                self._plug_in(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in (self._switch, *map(self.namespace, self.addresses)):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def namespace(self, node: str) -> str:
        return f"hg-{node}-{self._mark}"

    def on(self, node: str, *command: str) -> str:
        """What the command says there."""
        whole = self.command(node, *command)
        return subprocess.run(whole, capture_output=True, text=True, check=False).stdout

    def command(self, node: str, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace(node), *command]

    def cut(self, node: str) -> None:
        """Off the network, with its link still up."""
        ip("-n", self._switch, "link", "set", node, "nomaster")

    def join(self, node: str) -> None:
        ip("-n", self._switch, "link", "set", node, "master", "br0")

    def inside(self, node: str) -> contextlib.AbstractContextManager[None]:
        """Sockets that this thread makes are of the node."""
        return inside(self.namespace(node))

    @contextlib.contextmanager
    def serving(self, address: str, port: int) -> Iterator[None]:
        """Each node answers datagrams to the address with its name, if they get there."""
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                with self.inside(node):
                    made = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    made.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
                    made.bind((address, port))
                stack.enter_context(_answering(made, node))
            yield

    @contextlib.asynccontextmanager
    async def relay(self, port: int, *, to: str = "") -> AsyncIterator[None]:
        """Leads loopback of each node to that of `to`, or to our own, as a tunnel of ssh does: the embedded API is
        there only."""

        async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with self.inside(to) if to else contextlib.nullcontext():
                there = socket.socket()
            there.setblocking(False)
            await _relay(reader, writer, there, port)

        async with contextlib.AsyncExitStack() as stack:
            for node in (node for node in self.nodes if node != to):
                with self.inside(node):
                    made = socket.socket()
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    made.bind(("127.0.0.1", port))
                server = await asyncio.start_server(lead, sock=made)
                stack.callback(server.close)
            yield

    def _plug_in(self, name: str) -> None:
        there = self.namespace(name)
        ip("netns", "add", there)
        ip("link", "add", "lan", "netns", there, "type", "veth", "peer", "name", name, "netns", self._switch)
        self.join(name)
        ip("-n", self._switch, "link", "set", name, "up")
        ip("-n", there, "link", "set", "lo", "up")
        ip("-n", there, "addr", "add", f"{self.addresses[name]}/24", "dev", "lan")
        ip("-n", there, "link", "set", "lan", "up")
        ip("-n", there, "route", "add", "default", "via", f"{NETWORK}.254")


class Client:
    """Asks an address all the time, from `__enter__` to `__exit__`. answers: grows."""

    def __init__(self, lan: Lan, address: str, port: int) -> None:
        with lan.inside(CLIENT):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._target = (address, port)
        self._is_ending = False
        self._threads = [threading.Thread(target=one) for one in (self._ask, self._hear)]
        self.answers: list[Answer] = []

    def __enter__(self) -> "Client":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending = True
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def since(self, moment: float) -> str:
        """Who answered first after the moment; empty while nobody did."""
        return next((one.node for one in tuple(self.answers) if one.at > moment), "")

    def last(self) -> str:
        return self.answers[-1].node if self.answers else ""

    def gap(self, after: float) -> float:
        """The longest time without an answer from the last one before the moment on, in seconds."""
        times = [one.at for one in tuple(self.answers)]
        first = max((place for place, at in enumerate(times) if at <= after), default=0)
        pairs = zip(times[first:], times[first + 1 :], strict=False)
        return max((later - earlier for earlier, later in pairs), default=0.0)

    def _ask(self) -> None:
        due = time.monotonic()
        while not self._is_ending:
            with contextlib.suppress(OSError):  # nobody there, or no route for now
                self._socket.sendto(b"?", self._target)
            due = max(due + EVERY, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def _hear(self) -> None:
        ready = _poll(self._socket)
        while not self._is_ending:
            if not ready():
                continue
            with contextlib.suppress(OSError):
                data = self._socket.recv(64)
                self.answers.append(Answer(time.monotonic(), data.decode()))


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Sockets, threads and processes that this thread makes are of the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(home, _CLONE_NEWNET)
        os.close(home)
        os.close(there)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextlib.contextmanager
def _answering(made: socket.socket, node: str) -> Iterator[None]:
    ending = threading.Event()
    thread = threading.Thread(target=_answer, args=(made, node, ending))
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _answer(made: socket.socket, node: str, ending: threading.Event) -> None:
    ready = _poll(made)
    while not ending.is_set():
        if ready():
            with contextlib.suppress(OSError):
                _, sender = made.recvfrom(64)
                made.sendto(node.encode(), sender)


def _poll(made: socket.socket) -> Callable[[], bool]:
    poll = select.poll()
    poll.register(made, select.POLLIN)
    return lambda: bool(poll.poll(100))


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: socket.socket, port: int
) -> None:
    with contextlib.suppress(OSError):
        await asyncio.get_running_loop().sock_connect(there, ("127.0.0.1", port))
        there_reader, there_writer = await asyncio.open_connection(sock=there)
        try:
            await asyncio.wait(
                {
                    asyncio.ensure_future(_copy(reader, there_writer)),
                    asyncio.ensure_future(_copy(there_reader, writer)),
                },
                return_when="FIRST_COMPLETED",
            )
        finally:
            there_writer.close()
    there.close()
    writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
