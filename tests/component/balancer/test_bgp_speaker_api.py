"""BGP through the API, to a router's kernel: what is announced when, and what is written about it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hearthgate.apiserver.server import ApiServer
from hearthgate.balancer.speaker.bgp import KINDS, BGPSpeaker
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.model.problems import Problem
from hearthgate.resources.core import Event, Secret, Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.metallb import BGPAdvertisement, BGPPeer, IPAddressPool, ServiceBGPStatus
from hearthgate.resources.registry import BY_TYPE
from tests.component.balancer.test_speaker_api import make
from tests.routers import NEEDS_FRR, OURS, THEIRS, Wire, frr, wire
from tests.waiting import eventually

pytestmark = NEEDS_FRR
WITHIN = 20.0
ROUTER = f" neighbor {OURS} remote-as 65001\n neighbor {OURS} passive\n neighbor {OURS} password s3cret\n"


@pytest.fixture
def lan() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture
async def client(state_dir: Path, lan: Wire) -> AsyncIterator[Client]:
    server = ApiServer(state=state_dir, port=0)
    await server.start()
    async with Client(from_files([server.kubeconfig])) as client:
        yield client
    await server.stop()


@contextlib.asynccontextmanager
async def speaking(client: Client, problems: list[tuple[Problem, ...]]) -> AsyncIterator[BGPSpeaker]:
    hub, events = Hub(client, [BY_TYPE[kind] for kind in KINDS]), EventWriter(client)
    speaker = BGPSpeaker(
        "nas", client, events, alive=lambda: frozenset({"nas"}), namespace="default", on_problems=problems.append
    )
    async with asyncio.TaskGroup() as group:
        runs = (hub.run(), events.run(), speaker.run(hub.snapshots()))
        tasks = [group.create_task(run) for run in runs]
        yield speaker
        for task in tasks:
            task.cancel()


async def until_told(client: Client, words: str) -> None:
    async def is_told() -> bool:
        page = await client.list_page(BY_TYPE[Event])
        return any(words in msgspec.json.decode(raw, type=Event).message for raw in page.items)

    await eventually(is_told, within=WITHIN, what=f"an Event with {words!r}")


async def until_status(client: Client, wanted: list[list[str]]) -> None:
    async def is_written() -> bool:
        page = await client.list_page(BY_TYPE[ServiceBGPStatus])
        return [msgspec.json.decode(raw)["status"]["peers"] for raw in page.items] == wanted

    await eventually(is_written, within=WITHIN, what=f"ServiceBGPStatus {wanted}")


async def endpoints(client: Client, *, ready: bool) -> None:
    with contextlib.suppress(Exception):
        await client.delete(BY_TYPE[EndpointSlice], "default", "web-1")
    slice_: dict[str, Any] = {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}],
        "ports": [],
    }
    await make(client, EndpointSlice, "web-1", labels={"kubernetes.io/service-name": "web"}, **slice_)


async def test_a_service_reaches_the_router_with_its_endpoints(client: Client, lan: Wire) -> None:
    await make(client, IPAddressPool, "first", spec={"addresses": ["10.50.0.0/24"]})
    ingress = {"loadBalancer": {"ingress": [{"ip": "10.50.0.1"}]}}
    await make(client, Service, "web", spec={"type": "LoadBalancer", "ports": [{"port": 80}]}, status=ingress)
    await endpoints(client, ready=True)
    await make(client, BGPAdvertisement, "all")
    spec = {"myASN": 65001, "peerASN": 65002, "peerAddress": THEIRS, "connectTime": "1s"}
    await make(client, BGPPeer, "router", spec={**spec, "passwordSecret": {"name": "router"}})
    problems: list[tuple[Problem, ...]] = []
    with frr(lan, ROUTER):
        async with speaking(client, problems) as speaker:
            await until_told(client, "Secret default/router does not exist")
            assert [one.reason.value for one in problems[-1]] == ["SecretNotFound"]
            await until_told(client, "this node has no usable BGPPeer")
            await make(
                client, Secret, "router", type="kubernetes.io/basic-auth", stringData={"password": "s3cret"}
            )
            await eventually(lambda: asyncio.to_thread(lan.has, "10.50.0.1"), within=WITHIN, what="the route")
            assert problems[-1] == ()
            await until_told(client, "10.50.0.1: announced by node nas to BGP peers router")
            await until_told(client, f"node nas has a session with {THEIRS}:179")
            await until_status(client, [["router"]])
            lines = set(speaker.lines())
            assert f'metallb_bgp_session_up{{peer="{THEIRS}:179"}} 1.0\n' in lines
            assert f'metallb_bgp_announced_prefixes_total{{peer="{THEIRS}:179"}} 1.0\n' in lines
            assert list(speaker.announced()) == [(("default/web", "bgp", "nas", "10.50.0.1"), 1.0)]

            await endpoints(client, ready=False)
            await eventually(lambda: asyncio.to_thread(lan.has), within=WITHIN, what="no route without endpoints")
            await until_told(client, "none of its endpoints is ready")
            await until_status(client, [])
