"""Nodes of other boxes say in the API whether their speakers are heard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hearthgate.apiserver.server import ApiServer
from hearthgate.app import member_nodes
from hearthgate.app.box.node import Facts, node, node_status
from hearthgate.app.member_nodes import MemberNodes
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.hub import Hub
from hearthgate.resources.core import Node
from hearthgate.resources.registry import BY_TYPE
from tests.waiting import eventually

NODE = BY_TYPE[Node]
FACTS = Facts("pi", ("192.168.1.9",), "arm64", "6.1", "Debian", "boot", 4, 1024, "1.0")


class Home(NamedTuple):
    """alive: the nodes that are heard."""

    client: Client
    alive: set[str]

    async def show(self, name: str) -> None:
        facts = FACTS._replace(host=name)
        await self.client.apply(NODE, node(facts), manager="hearthgate-speaker")
        status = node_status(facts, {}, datetime.now(UTC))
        await self.client.patch_status(NODE, "", name, {"status": status})

    async def ready(self, name: str) -> tuple[str, str]:
        held: dict[str, Any] = await self.client.get(NODE, "", name)
        (ready,) = (one for one in held["status"]["conditions"] if one["type"] == "Ready")
        return ready["status"], ready["reason"]

    async def until(self, name: str, status: str) -> None:
        async def is_so() -> bool:
            return (await self.ready(name))[0] == status

        await eventually(is_so, what=f"{name} being ready: {status}")


@pytest.fixture
async def home(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    monkeypatch.setattr(member_nodes, "GRACE", 0.2)
    monkeypatch.setattr(member_nodes, "LOOK", 0.02)
    server = ApiServer(state=state_dir, port=0)
    await server.start()
    alive = {"nas", "pi"}
    async with Client(from_files([server.kubeconfig])) as client:
        hub = Hub(client, [NODE])
        members = MemberNodes(client, hub, "nas", alive=lambda: frozenset(alive))
        tasks = [asyncio.create_task(hub.run()), asyncio.create_task(members.run())]
        yield Home(client, alive)
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    await server.stop()


async def test_a_crashed_speakers_node_is_not_ready_until_it_is_heard_again(home: Home) -> None:
    await home.show("nas")
    await home.show("pi")
    home.alive.remove("pi")
    home.alive.remove("nas")
    await home.until("pi", "Unknown")
    assert (await home.ready("pi"))[1] == "NodeStatusUnknown"
    assert await home.ready("nas") == ("True", "HearthgateReady"), "its own says itself what it is"
    home.alive.add("pi")
    await home.until("pi", "True")
    held = await home.client.get(NODE, "", "pi")
    assert held["status"]["addresses"][0]["address"] == "192.168.1.9", "nothing else is touched"
