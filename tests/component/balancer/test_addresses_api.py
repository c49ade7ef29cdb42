"""Services get addresses through the API, keep them over restarts, and are told why they get none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hearthgate.apiserver.server import ApiServer
from hearthgate.balancer.allocation.book import Book
from hearthgate.balancer.controller import KINDS, AddressController
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.resources.core import Event, Service
from hearthgate.resources.metallb import IPAddressPool
from hearthgate.resources.registry import BY_TYPE
from tests.waiting import eventually

SERVICE, POOL = BY_TYPE[Service], BY_TYPE[IPAddressPool]


@pytest.fixture
async def client(state_dir: Path) -> AsyncIterator[Client]:
    server = ApiServer(state=state_dir, port=0)
    await server.start()
    async with Client(from_files([server.kubeconfig])) as client:
        yield client
    await server.stop()


@contextlib.asynccontextmanager
async def allocating(client: Client) -> AsyncIterator[AddressController]:
    hub, events = Hub(client, [BY_TYPE[kind] for kind in KINDS]), EventWriter(client)
    controller = AddressController(client, events, Book())
    async with asyncio.TaskGroup() as group:
        runs = (hub.run(), events.run(), controller.run(hub.snapshots()))
        tasks = [group.create_task(run) for run in runs]
        yield controller
        for task in tasks:
            task.cancel()


async def make_pool(client: Client, name: str, *addresses: str, **spec: Any) -> None:
    metadata = {"name": name, "namespace": "default"}
    content = {"apiVersion": POOL.api_version, "kind": POOL.kind, "metadata": metadata}
    await client.create(POOL, {**content, "spec": {"addresses": list(addresses), **spec}})


async def make_service(client: Client, name: str, annotations: dict[str, str] | None = None, **spec: Any) -> None:
    metadata = {"name": name, "namespace": "default", "annotations": annotations or {}}
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], **spec}
    await client.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


async def addresses(client: Client, name: str) -> list[str]:
    found = await client.get(SERVICE, "default", name)
    return [point["ip"] for point in found.get("status", {}).get("loadBalancer", {}).get("ingress", [])]


async def until(client: Client, name: str, *expected: str) -> None:
    async def is_so() -> bool:
        return await addresses(client, name) == list(expected)

    await eventually(is_so, what=f"{name} at {expected}")


async def until_marked(client: Client, name: str, marks: dict[str, str]) -> None:
    async def is_so() -> bool:
        found = await client.get(SERVICE, "default", name)
        return bool(found["metadata"].get("annotations", {}) == marks)

    await eventually(is_so, what=f"{name} with the annotations {marks}")


async def until_told(client: Client, name: str, words: str) -> None:
    async def is_told() -> bool:
        page = await client.list_page(BY_TYPE[Event])
        events = [msgspec.json.decode(raw, type=Event) for raw in page.items]
        return any(words in event.message for event in events if event.involved_object.name == name)

    await eventually(is_told, what=f"an Event of {name} with {words!r}")


async def test_addresses_come_move_and_go(client: Client) -> None:
    async with allocating(client):
        await make_service(client, "a")
        await until_told(client, "a", "there is no IPAddressPool")
        await make_pool(client, "first", "192.168.1.240/28")
        await until(client, "a", "192.168.1.240")
        await make_service(client, "proxy", loadBalancerIP="192.168.1.245")
        await until(client, "proxy", "192.168.1.245")
        await until_marked(client, "proxy", {"metallb.io/ip-allocated-from-pool": "first"})

        await client.merge_patch(SERVICE, "default", "a", {"spec": {"loadBalancerIP": "192.168.1.250"}})
        await until(client, "a", "192.168.1.250")
        edit = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
        await client.patch_status(SERVICE, "default", "a", edit)
        await until(client, "a", "192.168.1.250")
        await client.merge_patch(SERVICE, "default", "a", {"spec": {"type": "ClusterIP", "loadBalancerIP": None}})
        await until(client, "a")
        await until_marked(client, "a", {})


async def test_restarts_change_nothing(client: Client) -> None:
    await make_pool(client, "first", "10.0.0.0/24")
    names = [f"s{number}" for number in range(20)]
    async with allocating(client):
        for name in names:
            await make_service(client, name)
        await asyncio.gather(*(until_any(client, name) for name in names))
    before = {name: await addresses(client, name) for name in names}
    await client.delete(SERVICE, "default", "s3")
    async with allocating(client) as controller:
        await make_service(client, "new")
        await until(client, "new", *before["s3"])
        assert {name: await addresses(client, name) for name in names if name != "s3"} == {
            name: held for name, held in before.items() if name != "s3"
        }
        assert controller.book.usage() == {"first": (20, 0)}


async def until_any(client: Client, name: str) -> None:
    async def has_one() -> bool:
        return bool(await addresses(client, name))

    await eventually(has_one, what=f"an address of {name}")


async def test_who_waits_gets_what_is_freed(client: Client) -> None:
    await make_pool(client, "one", "10.0.0.1/32")
    async with allocating(client):
        await make_service(client, "a")
        await until(client, "a", "10.0.0.1")
        await make_service(client, "b")
        await until_told(client, "b", "1 in use")
        await client.delete(SERVICE, "default", "a")
        await until(client, "b", "10.0.0.1")


async def test_pools_tell_how_much_of_them_is_used_and_what_is_wrong(client: Client) -> None:
    await make_pool(client, "first", "10.0.0.0/28")
    async with allocating(client) as controller:
        await make_service(client, "a")
        await until(client, "a", "10.0.0.0")
        await make_pool(client, "second", "10.0.0.8-10.0.0.99")
        await until_told(client, "second", "overlaps with 10.0.0.0-10.0.0.15")
        assert [problem.field for problem in controller.book.problems] == ["spec.addresses[0]"]

        async def counted() -> bool:
            found = await client.get(POOL, "default", "first")
            return found.get("status") == {
                "assignedIPv4": 1,
                "assignedIPv6": 0,
                "availableIPv4": 15,
                "availableIPv6": 0,
            }

        await eventually(counted, what="the counts")
