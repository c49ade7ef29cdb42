"""What Gateways and routes are told, in the embedded API: beside other controllers, and once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hearthgate.apiserver.server import ApiServer
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.documents import DocumentWriter
from hearthgate.cluster.hub import Hub
from hearthgate.ingress.providers import KubernetesGateway, StatusAddress
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.routing.gateway.statuses import GatewayDocument
from hearthgate.ingress.settings import EntryPoint, IngressSettings, Providers
from hearthgate.resources.gateway.kinds import KINDS
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_API_VERSION
from tests.component.ingress.gateway_api import front, gateway_class, http_route, to
from tests.component.ingress.site import Manifest
from tests.waiting import eventually

SETTINGS = IngressSettings(
    entry_points={"web": EntryPoint(address=":80")},
    providers=Providers(kubernetes_gateway=KubernetesGateway(status_address=StatusAddress(ip="192.168.1.7"))),
)
BY_KIND = {kind.kind: kind for kind in KINDS}
FOREIGN = {
    "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "theirs"},
    "controllerName": "example.net/other",
    "conditions": [
        {
            "type": "Accepted",
            "status": "True",
            "reason": "Accepted",
            "message": "",
            "lastTransitionTime": "2020-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
    ],
}


class Stage:
    """An API with a controller that tells what became of Gateways and routes."""

    def __init__(self, client: Client, hub: Hub) -> None:
        self.client = client
        self.hub = hub
        self.writer = DocumentWriter(client)
        self.builder = RoutingBuilder(SETTINGS)
        self.programmed = True

    async def follow(self) -> None:
        async for snapshot in self.hub.snapshots():
            verdicts = self.builder.build(snapshot).verdicts
            for verdict in verdicts:
                subject = snapshot.subject(verdict.ref)
                assert isinstance(subject, Resource)
                self.writer.want(subject, GatewayDocument(verdict, self.programmed))
            self.writer.retain({verdict.ref for verdict in verdicts})

    async def apply(self, *documents: Manifest) -> None:
        for document in documents:
            await self.client.apply(BY_API_VERSION[document["apiVersion"], document["kind"]], document)

    async def status(self, kind: str, name: str) -> Any:
        namespace = "" if kind == "GatewayClass" else "default"
        found = await self.client.get(BY_KIND[kind], namespace, name)
        return found.get("status") or {}

    async def told(self, kind: str, name: str, *wanted: str) -> Any:
        """Waits until the status has these conditions, `Type=Status Reason`, and gives it."""
        seen: list[Any] = []

        async def is_told() -> bool:
            seen[:] = [await self.status(kind, name)]
            return set(wanted) <= set(conditions(seen[0]))

        for _ in range(200):
            if await is_told():
                return seen[0]
            await self.settled()
        raise AssertionError(f"{kind} {name} is told {seen}")

    async def settled(self) -> None:
        before = self.writer.written
        await self.writer.idle()
        await eventually(lambda: self.writer.written >= before, what="the writer")
        await asyncio.wait_for(self.client.get(BY_KIND["GatewayClass"], "", "home"), 5)


def conditions(found: Any) -> list[str]:
    """Every condition anywhere in a status."""
    if isinstance(found, dict):
        if "lastTransitionTime" in found:
            return [f"{found['type']}={found['status']} {found['reason']}"]
        return [text for value in found.values() for text in conditions(value)]
    return [text for value in found for text in conditions(value)] if isinstance(found, list) else []


@asynccontextmanager
async def background(*coroutines: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one) for one in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        failed = [task.exception() for task in tasks if not task.cancelled() and task.exception()]
        assert not failed, failed


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    server = ApiServer(state=tmp_path, port=0)
    await server.start()
    extra: tuple[Kind, ...] = (BY_API_VERSION["v1", "Service"], BY_API_VERSION["v1", "Namespace"])
    async with Client(from_files([server.kubeconfig])) as client:
        hub = Hub(client, [*KINDS, *extra])
        stage = Stage(client, hub)
        async with background(hub.run(), stage.writer.run(), stage.follow()):
            yield stage
    await server.stop()


async def test_everybody_is_told_and_nobody_twice(stage: Stage) -> None:
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    broken = {"name": "broken", "port": 81, "protocol": "HTTP"}
    await stage.apply(
        gateway_class(), front(listener, broken), http_route("app", {"backendRefs": [to("missing")]})
    )
    told = await stage.told("GatewayClass", "home", "Accepted=True Accepted")
    assert {"name": "HTTPRoute"} in told["supportedFeatures"]
    told = await stage.told(
        "Gateway", "front", "Accepted=True ListenersNotValid", "Accepted=False PortUnavailable"
    )
    assert told["addresses"] == [{"type": "IPAddress", "value": "192.168.1.7"}]

    async def are_attached() -> bool:
        """A Gateway may be told of before its route is there."""
        listeners = (await stage.status("Gateway", "front"))["listeners"]
        return {one["name"]: one["attachedRoutes"] for one in listeners} == {"http": 1, "broken": 1}

    await eventually(are_attached, what="the route at both")
    told = await stage.told("HTTPRoute", "app", "Accepted=True Accepted", "ResolvedRefs=False BackendNotFound")
    [parent] = told["parents"]
    assert parent["controllerName"] == "traefik.io/gateway-controller"
    assert parent["parentRef"] == {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "namespace": "default",
        "name": "front",
    }
    assert parent["conditions"][0]["observedGeneration"] == 1
    await stage.settled()
    written = stage.writer.written
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "other", "namespace": "default"},
        "spec": {"ports": [{"port": 80}]},
    }
    await stage.apply(service)
    await eventually(lambda: _has(stage, "other"), what="the Service in a snapshot")
    await stage.settled()
    assert stage.writer.written == written
    service["metadata"] = {"name": "missing", "namespace": "default"}
    await stage.apply(service)
    before = parent["conditions"]
    told = await stage.told("HTTPRoute", "app", "ResolvedRefs=True ResolvedRefs")
    after = {one["type"]: one for one in told["parents"][0]["conditions"]}
    same = next(one for one in before if one["type"] == "Accepted")
    assert after["Accepted"]["lastTransitionTime"] == same["lastTransitionTime"]


def _has(stage: Stage, name: str) -> bool:
    kind = BY_API_VERSION["v1", "Service"].resource_type
    assert kind is not None
    return stage.hub.snapshot is not None and stage.hub.snapshot.get(kind, "default", name) is not None


async def test_what_other_controllers_say_stays(stage: Stage) -> None:
    await stage.apply(
        gateway_class(),
        front({"name": "http", "port": 80, "protocol": "HTTP"}),
        http_route("app", {"backendRefs": []}, parentRefs=[{"name": "front"}, {"name": "theirs"}]),
    )
    await stage.told("HTTPRoute", "app", "Accepted=True Accepted")
    kind = BY_KIND["HTTPRoute"]
    ours = (await stage.status("HTTPRoute", "app"))["parents"]
    await stage.client.patch_status(kind, "default", "app", {"status": {"parents": [FOREIGN, *ours]}})
    route = http_route("app", {"backendRefs": []}, parentRefs=[{"name": "front", "sectionName": "no"}])
    await stage.apply(route)
    told = await stage.told("HTTPRoute", "app", "Accepted=False NoMatchingParent")
    assert told["parents"][0] == FOREIGN
    assert len(told["parents"]) == 2
    # What is no longer ours to speak of goes, and nothing else.
    await stage.apply(http_route("app", {"backendRefs": []}, parentRefs=[{"name": "theirs"}]))
    for _ in range(200):
        if (await stage.status("HTTPRoute", "app"))["parents"] == [FOREIGN]:
            return
        await stage.settled()
    raise AssertionError(await stage.status("HTTPRoute", "app"))
