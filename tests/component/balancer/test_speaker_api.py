"""The speaker through the API: what it announces, whom it asks before, and what it writes about it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hearthgate.apiserver.server import ApiServer
from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.frames.ethernet import Mac
from hearthgate.balancer.layer2.announcer import Announced, Counts
from hearthgate.balancer.layer2.conflicts import Conflict, Foreign
from hearthgate.balancer.speaker.speaker import KINDS, Speaker
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.resources.core import Event, Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.metallb import IPAddressPool, L2Advertisement, ServiceL2Status
from hearthgate.resources.registry import BY_TYPE
from tests.waiting import eventually

FOREIGN = Foreign(Mac.parse("02:00:00:00:00:01"), "eth0")


class Network:
    """What the speaker does to the network. taken: addresses that somebody else has."""

    missing = ""

    def __init__(self) -> None:
        self.announced: dict[Address, Announced] = {}
        self.probed: list[Address] = []
        self.repeated: list[Address] = []
        self.taken: set[str] = set()

    @property
    def state(self) -> dict[Address, Announced]:
        return self.announced

    @property
    def counts(self) -> dict[Address, Counts]:
        return {address: Counts(3, 2, 1) for address in self.announced}

    def announce(self, address: Address, *, interfaces: frozenset[str] | None) -> None:
        self.announced[address] = Announced(("eth0",), "", None)

    def repeat(self, address: Address) -> None:
        self.repeated.append(address)

    def keep_only(self, addresses: Iterable[Address], *, in_reach: Iterable[Address] = ()) -> None:
        kept = set(addresses)
        self.announced = {address: one for address, one in self.announced.items() if address in kept}

    async def probe(self, address: Address, interfaces: frozenset[str] | None) -> Foreign | None:
        self.probed.append(address)
        return FOREIGN if str(address) in self.taken else None


class Node:
    """One speaker at work. alive: what its heartbeats would say."""

    def __init__(self, client: Client, hub: Hub, events: EventWriter) -> None:
        self.network = Network()
        self.alive = frozenset({"nas"})
        self.client = client
        self.speaker = Speaker("nas", client, events, self.network, alive=lambda: self.alive, namespace="default")
        self.hub = hub

    def addresses(self) -> list[str]:
        return sorted(map(str, self.network.announced))

    async def until_told(self, words: str) -> None:
        async def is_told() -> bool:
            page = await self.client.list_page(BY_TYPE[Event])
            return any(words in msgspec.json.decode(raw, type=Event).message for raw in page.items)

        await eventually(is_told, what=f"an Event with {words!r}")

    async def statuses(self) -> list[dict[str, Any]]:
        page = await self.client.list_page(BY_TYPE[ServiceL2Status])
        found = (msgspec.json.decode(raw) for raw in page.items)
        return [one["status"] for one in found if "status" in one]  # it is written after the object


@pytest.fixture
async def client(state_dir: Path) -> AsyncIterator[Client]:
    server = ApiServer(state=state_dir, port=0)
    await server.start()
    async with Client(from_files([server.kubeconfig])) as client:
        yield client
    await server.stop()


@contextlib.asynccontextmanager
async def speaking(client: Client) -> AsyncIterator[Node]:
    hub, events = Hub(client, [BY_TYPE[kind] for kind in KINDS]), EventWriter(client)
    node = Node(client, hub, events)
    async with asyncio.TaskGroup() as group:
        runs = (hub.run(), events.run(), node.speaker.run(hub.snapshots()))
        tasks = [group.create_task(run) for run in runs]
        yield node
        for task in tasks:
            task.cancel()


async def make(client: Client, kind: type, name: str, **content: Any) -> None:
    described = BY_TYPE[kind]
    labels = content.pop("labels", {})
    metadata = {"name": name, "namespace": "default", "labels": labels}
    status = content.pop("status", None)
    await client.create(
        described, {"apiVersion": described.api_version, "kind": described.kind, "metadata": metadata, **content}
    )
    if status is not None:
        await client.patch_status(described, "default", name, {"status": status})


@pytest.fixture
async def served(client: Client) -> Client:
    """A Service at 10.0.0.1 with an endpoint, and its pool."""
    await make(client, IPAddressPool, "first", spec={"addresses": ["10.0.0.0/24"]})
    ingress = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}
    await make(client, Service, "web", spec={"type": "LoadBalancer", "ports": [{"port": 80}]}, status=ingress)
    await make(
        client,
        EndpointSlice,
        "web-1",
        labels={"kubernetes.io/service-name": "web"},
        addressType="IPv4",
        endpoints=[{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        ports=[],
    )
    return client


async def test_announces_what_an_advertisement_covers_and_tells(served: Client) -> None:
    async with speaking(served) as node:
        await node.until_told("no L2Advertisement covers pool first")
        assert node.addresses() == []
        await make(served, L2Advertisement, "all")
        await eventually(lambda: node.addresses() == ["10.0.0.1"], what="the announcement")
        await node.until_told("10.0.0.1 is announced by node nas")
        assert list(map(str, node.network.probed)) == ["10.0.0.1"], "asked before"

        async def is_written() -> bool:
            return [one.get("node") for one in await node.statuses()] == ["nas"]

        await eventually(is_written, what="the ServiceL2Status")
        labels = 'service="default/web",protocol="layer2",node="nas",ip="10.0.0.1"'
        assert f"metallb_speaker_announced{{{labels}}} 1.0\n" in set(node.speaker.lines())
        assert 'metallb_layer2_requests_received{ip="10.0.0.1"} 3.0\n' in set(node.speaker.lines())

        await served.delete(BY_TYPE[L2Advertisement], "default", "all")
        await eventually(lambda: node.addresses() == [], what="silence")

        async def is_gone() -> bool:
            return await node.statuses() == []

        await eventually(is_gone, what="the end of the status")


async def test_what_somebody_else_has_is_not_announced(served: Client) -> None:
    async with speaking(served) as node:
        node.network.taken.add("10.0.0.1")
        await make(served, L2Advertisement, "all")
        await node.until_told("02:00:00:00:00:01 on eth0 has it already")
        assert node.addresses() == []


async def test_what_somebody_else_claims_later_is_told(served: Client) -> None:
    await make(served, L2Advertisement, "all")
    async with speaking(served) as node:
        await eventually(lambda: node.addresses() == ["10.0.0.1"], what="the announcement")
        node.speaker.contested(Conflict(ip_address("10.0.0.1"), FOREIGN))
        await node.until_told("but 02:00:00:00:00:01 on eth0 claims it too")
        assert node.addresses() == ["10.0.0.1"]
        node.speaker.contested(Conflict(ip_address("10.0.0.9"), FOREIGN))


async def test_addresses_move_with_the_nodes_that_live(served: Client) -> None:
    await make(served, L2Advertisement, "all")
    async with speaking(served) as node:
        await eventually(lambda: node.addresses() == ["10.0.0.1"], what="the announcement")
        node.alive = frozenset({"other"})
        node.speaker.look()
        assert node.addresses() == []
        node.alive = frozenset({"nas"})
        node.speaker.look()
        await eventually(lambda: node.addresses() == ["10.0.0.1"], what="the announcement again")


async def test_what_a_node_announced_that_died_needs_no_probe(served: Client) -> None:
    await make(served, L2Advertisement, "all")
    async with speaking(served) as node:
        node.alive = frozenset({"other"})
        status = {"node": "other", "serviceName": "web", "serviceNamespace": "default"}
        await make(served, ServiceL2Status, "l2-other", status=status)
        await eventually(lambda: node.speaker._free, what="the word of the other node")
        node.network.taken.add("10.0.0.1")
        node.alive = frozenset({"nas"})
        node.speaker.look()
        assert node.addresses() == ["10.0.0.1"]
        assert node.network.probed == []

        async def is_put_right() -> bool:
            return [one.get("node") for one in await node.statuses()] == ["nas"]

        await eventually(is_put_right, what="one status, of the node that lives")
        node.alive = frozenset({"nas", "third"})
        node.speaker.look()
        assert list(map(str, node.network.repeated)) == node.addresses()
