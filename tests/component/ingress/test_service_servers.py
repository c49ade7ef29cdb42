"""Which servers of a Service serve: some leave, some fail; its own address, ports of nodes, strategies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.component.ingress.gateway import Answer, ask
from tests.component.ingress.site import Manifest, Script, Site, manifest, script, site

TRAEFIK = "traefik.io/v1alpha1"
READY = {"ready": True, "serving": True, "terminating": False}
LEAVING = {"ready": False, "serving": True, "terminating": True}
GONE = {"ready": False, "serving": False, "terminating": True}


class Pods:
    """Servers `a` and `b`, both of the Service `app`."""

    def __init__(self, running: Site, servers: dict[str, Script]) -> None:
        self.site, self.servers = running, servers

    def __getitem__(self, name: str) -> Script:
        return self.servers[name]

    def documents(self, reference: dict[str, Any], conditions: dict[str, Any], **service: Any) -> list[Manifest]:
        spec = {"ports": [{"name": "http", "port": 80}], **service}
        route = {"match": "Host(`t.test`)", "services": [{"name": "app", "port": 80, **reference}]}
        return [
            manifest("v1", "Service", "app", spec=spec),
            *(self._slice(name, one.port, conditions.get(name, READY)) for name, one in self.servers.items()),
            manifest(TRAEFIK, "IngressRoute", "t", spec={"entryPoints": ["web"], "routes": [route]}),
        ]

    def _slice(self, name: str, port: int, conditions: dict[str, bool]) -> Manifest:
        """Each server has a port of its own here, so it has a slice of its own."""
        made = manifest(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            name,
            addressType="IPv4",
            ports=[{"name": "http", "port": port}],
            endpoints=[{"addresses": ["127.0.0.1"], "conditions": conditions}],
        )
        made["metadata"]["labels"] = {"kubernetes.io/service-name": "app"}
        return made

    async def serve(self, reference: dict[str, Any], **conditions: Any) -> list[str]:
        return await self.site.apply(self.documents(reference, conditions))

    async def ask(self, **options: Any) -> Answer:
        return await ask(self.site.plain, host="t.test", **options)

    async def reached(self, times: int, **options: Any) -> Counter[str]:
        return Counter([(await self.ask(**options)).body.decode() for _ in range(times)])


@pytest.fixture
async def pods(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Pods]:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(site(tmp_path, free_port))
        servers = {name: await stack.enter_async_context(script()) for name in ("a", "b")}
        for name, one in servers.items():
            one.answer = lambda _, name=name: web.Response(text=name)  # type: ignore[misc]
        yield Pods(running, servers)


STICKY = {"sticky": {"cookie": {"name": "lb"}}}


async def session_at(pods: Pods, name: str) -> dict[str, str]:
    while (first := await pods.ask()).body.decode() != name:
        pass
    return {"Cookie": (first.header("set-cookie") or "").partition(";")[0]}


async def test_a_server_that_leaves_keeps_its_sessions_only(pods: Pods) -> None:
    assert not await pods.serve(STICKY)
    session = await session_at(pods, "b")
    assert not await pods.serve(STICKY, b=LEAVING)
    assert await pods.reached(10, headers=session) == Counter(b=10)
    assert await pods.reached(20) == Counter(a=20)
    assert not await pods.serve(STICKY, b=GONE)
    assert await pods.reached(10, headers=session) == Counter(a=10)


async def test_without_sessions_a_server_that_leaves_gets_nothing(pods: Pods) -> None:
    assert not await pods.serve({}, b=LEAVING)
    assert await pods.reached(20) == Counter(a=20)


async def test_servers_that_leave_are_better_than_none(pods: Pods) -> None:
    assert not await pods.serve({}, a=LEAVING, b=LEAVING)
    assert set(await pods.reached(20)) == {"a", "b"}
    await pods.serve({}, a=GONE, b=GONE)
    assert (await pods.ask()).status == 503


@pytest.mark.parametrize("strategy", ["wrr", "RoundRobin", "p2c", "hrw", "leasttime"])
async def test_strategies(pods: Pods, strategy: str) -> None:
    assert not await pods.serve({"strategy": strategy})
    if strategy != "hrw":
        assert set(await pods.reached(40)) == {"a", "b"}
        return
    found = {source: await pods.reached(3, source=source) for source in (f"127.0.0.{n}" for n in range(2, 40))}
    assert all(len(one) == 1 for one in found.values())
    assert {name for one in found.values() for name in one} == {"a", "b"}


async def test_a_slow_server_gets_less(pods: Pods) -> None:
    """Requests under way at `a` keep others away from it."""
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await reader.read()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    pods.servers["a"].port = server.sockets[0].getsockname()[1]
    assert not await pods.serve({"strategy": "leasttime"})
    waiting = []
    while not held:
        waiting.append(asyncio.create_task(pods.ask()))
        await asyncio.wait(waiting, timeout=0.05)
    assert await pods.reached(15) == Counter(b=15)
    for task in waiting:
        task.cancel()
    for writer in held:
        writer.close()
    server.close()


async def test_passive_checks_let_a_server_rest(pods: Pods) -> None:
    pods["a"].answer = lambda _: web.Response(status=500, text="a")
    assert not await pods.serve({"passiveHealthCheck": {"failureWindow": "1s", "maxFailedAttempts": 2}})
    async with asyncio.timeout(10):
        while "a" in await pods.reached(10):
            pass
    pods["a"].answer = lambda _: web.Response(text="a")

    async with asyncio.timeout(10):
        while "a" not in await pods.reached(4):
            pass
    assert len(await pods.reached(10)) == 2


async def test_all_servers_rest(pods: Pods) -> None:
    """None is tried in the hope that it is well again: 503, not whatever comes."""
    for one in pods.servers.values():
        one.answer = lambda _: web.Response(status=500)
    assert not await pods.serve({"passiveHealthCheck": {"failureWindow": "60s"}})
    async with asyncio.timeout(10):  # each worker hears a moment later that a server rests
        while (answer := await pods.ask()).status == 500:
            pass
    assert (answer.status, answer.body) == (503, b"no available server")


async def test_the_services_own_address(pods: Pods) -> None:
    port = pods["a"].port
    documents = pods.documents({"nativeLB": True, "port": port}, {}, clusterIP="127.0.0.1", ports=[{"port": port}])
    assert not await pods.site.apply(documents)
    assert await pods.reached(10) == Counter(a=10)


async def test_ports_of_nodes(pods: Pods) -> None:
    port = {"port": 80, "nodePort": pods["b"].port}
    node = manifest("v1", "Node", "one", status={"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]})
    del node["metadata"]["namespace"]
    documents = pods.documents({"nodePortLB": True}, {}, ports=[port])
    assert not await pods.site.apply([*documents, node])
    assert await pods.reached(10) == Counter(b=10)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no address of its own": ({"nativeLB": True}, {"clusterIP": "None"}, "nativeLB"),
    "no port of nodes": ({"nodePortLB": True}, {}, "nodePortLB"),
    "no such mode": ({"healthCheck": {"mode": "tcp"}}, {}, "healthCheck.mode"),
    "another server": ({"healthCheck": {"path": "http://elsewhere/"}}, {}, "healthCheck.path"),
    "no duration": ({"healthCheck": {"interval": "often"}}, {}, "healthCheck.interval"),
    "no such window": ({"passiveHealthCheck": {"failureWindow": "soon"}}, {}, "passiveHealthCheck.failureWindow"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused(pods: Pods, case: str) -> None:
    reference, service, field = REFUSED[case]
    problems = await pods.site.apply(pods.documents(reference, {}, **service))
    wanted = f"error: IngressRoute default/t: spec.routes[0].services[0].{field}:"
    assert any(text.startswith(wanted) for text in problems), problems
    assert (await pods.ask()).status == 404


async def test_a_port_that_says_how_it_is_spoken_to(pods: Pods) -> None:
    ports = [{"name": "http", "port": 80, "appProtocol": "https"}]
    (problem,) = await pods.site.apply(pods.documents({}, {}, ports=ports))
    assert "set scheme to https" in problem
    assert problem.startswith("warning")
