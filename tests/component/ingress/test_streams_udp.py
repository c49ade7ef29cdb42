"""Datagrams on the real proxy: sessions of clients, weights, and their end."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from hearthgate.ingress.routing.model import (
    Endpoint,
    Endpoints,
    EndpointsKey,
    StreamBalancer,
    StreamMember,
    UDPEntryPoint,
    UDPRouter,
)
from hearthgate.model.refs import ObjectRef
from tests.component.ingress.gateway import Gateway, gateway, model
from tests.waiting import eventually


class Echo(asyncio.DatagramProtocol):
    """Answers a datagram with its own name and where it came from."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.peers: list[int] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.peers.append(addr[1])
        self.transport.sendto(self.name.encode() + b": " + data, addr)

    @property
    def key(self) -> EndpointsKey:
        return EndpointsKey("default", self.name, "dns")

    def member(self, weight: int = 1) -> StreamMember:
        return StreamMember(weight=weight, balancer=StreamBalancer(name=self.name, endpoints=self.key))


@asynccontextmanager
async def echo(name: str) -> AsyncIterator[Echo]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Echo(name), local_addr=("127.0.0.1", 0))
    yield protocol
    transport.close()


class Client:
    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(("127.0.0.1", port))

    async def ask(self, text: str = "q") -> str:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, text.encode())
        return (await asyncio.wait_for(loop.sock_recv(self._socket, 65535), 5)).decode()

    def close(self) -> None:
        self._socket.close()


class Stage(NamedTuple):
    gateway: Gateway
    one: Echo
    two: Echo
    port: int

    async def serve(
        self, *members: StreamMember, silence: float = 3.0, endpoints: Endpoints | None = None
    ) -> None:
        entrypoint = UDPEntryPoint(name="dns", host="127.0.0.1", port=self.port, timeout=silence)
        ref = ObjectRef("IngressRouteUDP", "default", "dns")
        routed = UDPRouter(name="dns", ref=ref, field="spec.routes[0]", entrypoint="dns", members=members)
        both = {each.key: (Endpoint("127.0.0.1", each.port),) for each in (self.one, self.two)}
        served = model([], [], udp_entrypoints=(entrypoint,), udp_routers=(routed,) if members else ())
        await self.gateway.serve(served, both if endpoints is None else endpoints)

    async def asked(self) -> str:
        client = Client(self.port)
        try:
            return await client.ask()
        finally:
            client.close()


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with gateway(tmp_path) as running, echo("one") as one, echo("two") as two:
        yield Stage(running, one, two, free_port())


async def test_datagrams_go_and_come_back(stage: Stage) -> None:
    await stage.serve(stage.one.member())
    client = Client(stage.port)
    assert await client.ask("hello") == "one: hello"
    assert await client.ask("x" * 1400) == "one: " + "x" * 1400
    client.close()


async def test_a_session_stays_with_its_server_until_it_falls_silent(stage: Stage) -> None:
    both = tuple(Endpoint("127.0.0.1", each.port) for each in (stage.one, stage.two))
    await stage.serve(stage.one.member(), silence=0.3, endpoints={stage.one.key: both})
    client = Client(stage.port)
    answers = {await client.ask() for _ in range(10)}
    assert len(answers) == 1
    assert len({*stage.one.peers, *stage.two.peers}) == 1, "one session, one port"

    async def another_session() -> bool:
        await client.ask()
        return len({*stage.one.peers, *stage.two.peers}) > 1

    assert await another_session() is False
    silent = asyncio.Event()
    asyncio.get_running_loop().call_later(0.6, silent.set)
    await silent.wait()
    assert await another_session()
    client.close()


async def test_weights(stage: Stage) -> None:
    await stage.serve(stage.one.member(3), stage.two.member(1))
    counts = Counter([(await stage.asked()).partition(":")[0] for _ in range(80)])
    assert 50 <= counts["one"] <= 70, counts
    assert counts["one"] + counts["two"] == 80


async def test_a_service_without_server_gets_nothing(stage: Stage) -> None:
    only_two = {stage.two.key: (Endpoint("127.0.0.1", stage.two.port),)}
    await stage.serve(stage.one.member(3), stage.two.member(1), endpoints=only_two)
    assert {await stage.asked() for _ in range(8)} == {"two: q"}


async def test_endpoints_that_move(stage: Stage) -> None:
    await stage.serve(stage.one.member())
    assert await stage.asked() == "one: q"
    await stage.serve(stage.one.member(), endpoints={stage.one.key: (Endpoint("127.0.0.1", stage.two.port),)})

    async def moved() -> bool:
        return await stage.asked() == "two: q"

    await eventually(moved)


async def test_without_a_route_nobody_listens(stage: Stage) -> None:
    await stage.serve(stage.one.member())
    assert await stage.asked() == "one: q"
    await stage.serve()

    async def refused() -> bool:
        try:
            await asyncio.wait_for(stage.asked(), 0.2)
        except (ConnectionRefusedError, TimeoutError):
            return True
        return False

    await eventually(refused)
