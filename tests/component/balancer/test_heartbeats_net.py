"""Heartbeats over real sockets: nodes find each other, and notice who is gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from hearthgate.balancer.heartbeats.service import Heartbeats
from hearthgate.balancer.settings import Where
from tests.waiting import eventually

KEY = b"k" * 32


class Node:
    """On 127.0.0.<number>. alive: what it was last told."""

    def __init__(self, number: int, port: int, others: list[int], key: bytes = KEY) -> None:
        self.address = f"127.0.0.{number}"
        self.port = port
        self.alive: frozenset[str] = frozenset()
        self.beats = Heartbeats(
            f"n{number}",
            key,
            peers=lambda: [Where(f"127.0.0.{other}", port) for other in others],
            on_change=self.on_change,
            interval=0.02,
        )
        self.task: asyncio.Task[None] | None = None

    def on_change(self, alive: frozenset[str]) -> None:
        self.alive = alive

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        self.task = asyncio.create_task(self.beats.run(Where(self.address, self.port)))
        try:
            yield self
        finally:
            await self.end()

    async def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


async def until(node: Node, *alive: str) -> None:
    await eventually(lambda: node.alive == set(alive), what=f"{alive} alive at {node.address}")


@pytest.fixture
def port(free_port: Callable[[], int]) -> int:
    return free_port()


async def test_nodes_find_each_other_and_miss_who_leaves(port: int) -> None:
    async with Node(1, port, [2, 3]).running() as one, Node(2, port, [1, 3]).running() as two:
        async with Node(3, port, [1, 2]).running():
            for node in (one, two):
                await until(node, "n1", "n2", "n3")
        for node in (one, two):
            await until(node, "n1", "n2")
        assert one.beats.is_awake()


async def test_a_farewell_is_quicker_than_silence(port: int) -> None:
    patient = Node(1, port, [2])
    patient.beats.members._patience = 60.0
    patient.beats.members._awake_from = 0.0
    async with patient.running(), Node(2, port, [1]).running() as two:
        await until(patient, "n1", "n2")
        await two.end()
        await until(patient, "n1")


async def test_another_key_convinces_nobody(port: int) -> None:
    async with Node(1, port, [2]).running() as one, Node(2, port, [1], key=b"other").running() as two:
        await eventually(lambda: one.beats.refused > 3 and two.beats.refused > 3, what="refusals")
        assert one.alive == {"n1"}
