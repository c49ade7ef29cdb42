"""Active health checks on live traffic: servers go out and come back, requests follow."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web

from hearthgate.ingress.routing.model import EndpointState
from tests.component.ingress.certificates import self_signed
from tests.component.ingress.live import Live, live
from tests.component.ingress.site import Manifest, Script, manifest, script, secret
from tests.waiting import eventually

TRAEFIK = "traefik.io/v1alpha1"
OFTEN: dict[str, Any] = {"path": "/health", "interval": "100ms", "timeout": "500ms"}


class Stage:
    """Servers `a` and `b`. Each says its name, and at `/health` whatever `health[name]` says."""

    def __init__(self, running: Live, servers: dict[str, Script]) -> None:
        self.live, self.servers = running, servers
        self.health = dict.fromkeys(servers, 200)
        for name, one in servers.items():
            one.answer = lambda request, name=name: self._answer(name, request)  # type: ignore[misc]

    def _answer(self, name: str, request: web.BaseRequest) -> web.Response:
        status = self.health[name] if request.path == "/health" else 200
        headers = {"Location": "/elsewhere"} if 300 < status < 309 else {}
        return web.Response(status=status, text=name, headers=headers)

    def of(self, *names: str, service: str = "app", **spec: Any) -> list[Manifest]:
        """A Service with these servers."""
        found = [manifest("v1", "Service", service, spec={"ports": [{"name": "http", "port": 80}], **spec})]
        for name in names:
            made = manifest(
                "discovery.k8s.io/v1",
                "EndpointSlice",
                f"{service}-{name}",
                addressType="IPv4",
                ports=[{"name": "http", "port": self.servers[name].port}],
                endpoints=[{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
            )
            made["metadata"]["labels"] = {"kubernetes.io/service-name": service}
            found.append(made)
        return found

    def states(self) -> set[EndpointState]:
        checked = {key: ends for key, ends in self.live.outcomes[-1].built.endpoints.items() if key.check}
        return {end.state for ends in checked.values() for end in ends}


def route(*services: dict[str, Any]) -> Manifest:
    routes = [{"match": "Host(`t.test`)", "services": list(services)}]
    return manifest(TRAEFIK, "IngressRoute", "t", spec={"entryPoints": ["web"], "routes": routes})


def to(name: str = "app", check: Any = None, **more: Any) -> dict[str, Any]:
    checked = {"healthCheck": check} if check is not None else {}
    return {"name": name, "port": 80, **checked, **more}


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(live(tmp_path, free_port))
        servers = {name: await stack.enter_async_context(script()) for name in ("a", "b")}
        yield Stage(running, servers)


async def test_traffic_leaves_a_server_that_fails_and_comes_back(stage: Stage) -> None:
    await stage.live.serve([*stage.of("a", "b"), route(to(check=OFTEN))])
    await stage.live.becomes({"a", "b"})
    stage.health["a"] = 503
    await stage.live.becomes({"b"})
    (problem,) = stage.live.problems
    assert "fails its health check: it answered 503 (1 of 2 servers are left)" in problem
    assert stage.states() == {EndpointState.ACTIVE, EndpointState.DOWN}
    stage.health["a"] = 200
    await stage.live.becomes({"a", "b"})
    assert not stage.live.problems


async def test_when_all_fail_nobody_is_tried(stage: Stage) -> None:
    await stage.live.serve([*stage.of("a", "b"), route(to(check=OFTEN))])
    stage.health.update(a=500, b=500)
    await stage.live.becomes({"503"})
    assert any("no server is left" in text for text in stage.live.problems)
    stage.health["b"] = 204
    await stage.live.becomes({"b"})


async def test_a_server_that_is_not_there(stage: Stage, free_port: Callable[[], int]) -> None:
    stage.servers["b"].port = free_port()
    await stage.live.serve([*stage.of("a", "b"), route(to(check=OFTEN))])
    await eventually(lambda: stage.live.problems, what="a problem")
    assert "no connection" in stage.live.problems[0]
    await stage.live.becomes({"a"})


async def test_sessions_leave_a_server_that_fails(stage: Stage) -> None:
    sticky: dict[str, Any] = {"sticky": {"cookie": {"name": "lb"}}}
    await stage.live.serve([*stage.of("a", "b"), route(to(check=OFTEN, **sticky))])
    first = await stage.live.ask()
    session = {"Cookie": (first.header("set-cookie") or "").partition(";")[0]}
    name, other = first.body.decode(), "b" if first.body == b"a" else "a"
    stage.health[name] = 500

    async def at() -> str:
        return (await stage.live.ask(headers=session)).body.decode()

    assert await at() == name
    async with asyncio.timeout(10):
        while await at() != other:
            pass


CHECKS: dict[str, tuple[dict[str, Any], int, bool]] = {
    "any success": ({}, 204, True),
    "a redirection that leads somewhere": ({}, 302, True),
    "a redirection that is not followed": ({"followRedirects": False, "status": 302}, 302, True),
    "a followed one is not what was asked for": ({"status": 302}, 302, False),
    "an error": ({}, 404, False),
    "the very status": ({"status": 418}, 418, True),
    "another status": ({"status": 418}, 200, False),
}


@pytest.mark.parametrize("case", CHECKS)
async def test_what_counts_as_healthy(stage: Stage, case: str) -> None:
    more, status, healthy = CHECKS[case]
    stage.health["a"] = status
    await stage.live.serve([*stage.of("a"), route(to(check={**OFTEN, **more}))])
    asked = stage.servers["a"].asked
    await eventually(
        lambda: len(asked) > 3 and bool(stage.live.problems) is not healthy, what="questions, and the verdict"
    )


async def test_how_a_server_is_asked(stage: Stage) -> None:
    check = {**OFTEN, "method": "HEAD", "hostname": "other.test", "headers": {"X-Check": "yes"}}
    await stage.live.serve([*stage.of("a"), route(to(check={**check, "path": "health?deep=1"}))])
    await eventually(lambda: stage.servers["a"].asked, what="a question")
    asked = stage.servers["a"].last
    assert (asked.method, asked.path) == ("HEAD", "/health?deep=1")
    assert (asked.header("host"), asked.header("x-check")) == ("other.test", "yes")
    assert asked.header("user-agent") == "hearthgate-health/1"


async def test_another_port_is_asked(stage: Stage) -> None:
    check = {**OFTEN, "port": stage.servers["b"].port}
    await stage.live.serve([*stage.of("a"), route(to(check=check))])
    stage.health["b"] = 500
    await stage.live.becomes({"503"})
    assert not [one for one in stage.servers["a"].asked if one.path == "/health"]


async def test_a_server_that_is_down_is_asked_at_its_own_pace(stage: Stage) -> None:
    check = {**OFTEN, "interval": "1h", "unhealthyInterval": "100ms"}
    stage.health["a"] = 500
    await stage.live.serve([*stage.of("a"), route(to(check=check))])
    await stage.live.becomes({"503"})
    stage.health["a"] = 200
    await stage.live.becomes({"a"})


async def test_a_server_that_does_not_answer(stage: Stage) -> None:
    over = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    stage.servers["a"].port = server.sockets[0].getsockname()[1]
    await stage.live.serve([*stage.of("a"), route(to(check={**OFTEN, "timeout": "200ms"}))])
    await eventually(lambda: stage.live.problems, what="a problem")
    assert "no answer within 0.2 s" in stage.live.problems[0]
    over.set()
    server.close()


async def test_plain_where_tls_is_spoken_and_the_reverse(stage: Stage, tmp_path: Path) -> None:
    pair = self_signed("backend.test")
    (tmp_path / "pair.pem").write_bytes(pair.chain + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    async with script(context) as secure:
        plain, stage.servers["a"].port = stage.servers["a"].port, secure.port
        await stage.live.serve([*stage.of("a"), route(to(check=OFTEN))])
        await eventually(lambda: stage.live.problems, what="a problem")
        assert "set scheme to https" in stage.live.problems[0], stage.live.problems
        await stage.live.becomes({"503"})
        stage.servers["a"].port = plain
        transport = manifest(TRAEFIK, "ServersTransport", "own", spec={"insecureSkipVerify": True})
        reference = to(check=OFTEN, scheme="https", serversTransport="own")
        await stage.live.serve([*stage.of("a"), route(reference), transport])
        await eventually(lambda: "set scheme to http" in "".join(stage.live.problems), what="a problem")


async def test_tls_servers_are_asked_as_the_transport_says(stage: Stage, tmp_path: Path) -> None:
    pair = self_signed("backend.test")
    (tmp_path / "pair.pem").write_bytes(pair.chain + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pair.chain.decode())
    async with script(context) as secure:
        stage.servers["a"].port = secure.port
        shown = secret("mine", {"tls.crt": pair.chain.decode(), "tls.key": pair.key.decode()}, "kubernetes.io/tls")
        authority = secret("ca", {"ca.crt": pair.chain.decode()})
        spec: dict[str, Any] = {"rootCAs": [{"secret": "ca"}], "serverName": "backend.test"}
        reference = to(check=OFTEN, scheme="https", serversTransport="own")
        rest = [*stage.of("a"), route(reference), shown, authority]
        await stage.live.serve([*rest, manifest(TRAEFIK, "ServersTransport", "own", spec=spec)])
        await eventually(lambda: stage.live.problems, what="a problem")
        spec = {**spec, "certificatesSecrets": ["mine"]}
        await stage.live.serve([*rest, manifest(TRAEFIK, "ServersTransport", "own", spec=spec)])
        await eventually(lambda: secure.asked and not stage.live.problems, what="health")
        assert secure.asked


async def test_health_over_grpc(stage: Stage) -> None:
    serving = asyncio.Event()
    serving.set()

    async def check(_request: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return b"\x08\x01" if serving.is_set() else b"\x08\x02"

    server = grpc.aio.server()
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        spec = {**OFTEN, "mode": "grpc", "port": port}
        await stage.live.serve([*stage.of("a"), route(to(check=spec))])
        await stage.live.becomes({"a"})
        serving.clear()
        await stage.live.becomes({"503"})
        assert "it says that it does not serve" in stage.live.problems[0]
        serving.set()
        await stage.live.becomes({"a"})
    finally:
        await server.stop(None)


@pytest.mark.parametrize("external", ["localhost", "127.0.0.1"])
async def test_an_external_server_fails_over(stage: Stage, external: str) -> None:
    """What upstream can do as well, and only this: an ExternalName Service with a check."""
    port = stage.servers["a"].port
    outside = manifest("v1", "Service", "outside", spec={"type": "ExternalName", "externalName": external})
    failover = {
        "service": {"name": "outside", "port": port, "healthCheck": OFTEN},
        "fallback": to("app"),
    }
    documents = [
        outside,
        *stage.of("b"),
        manifest(TRAEFIK, "TraefikService", "own", spec={"failover": failover}),
        route({"name": "own", "kind": "TraefikService"}),
    ]
    await stage.live.serve(documents)
    await stage.live.becomes({"a"})
    stage.health["a"] = 500
    await stage.live.becomes({"b"})
    stage.health["a"] = 200
    await stage.live.becomes({"a"})


async def test_the_services_own_address_with_a_check(stage: Stage) -> None:
    port = stage.servers["a"].port
    documents = [
        manifest("v1", "Service", "app", spec={"clusterIP": "127.0.0.1", "ports": [{"port": port}]}),
        route({"name": "app", "port": port, "nativeLB": True, "healthCheck": OFTEN}),
    ]
    await stage.live.serve(documents)
    await stage.live.becomes({"a"})
    stage.health["a"] = 500
    await stage.live.becomes({"503"})


async def test_others_take_the_share_of_a_member_that_fails(stage: Stage) -> None:
    documents = [*stage.of("a", service="one"), *stage.of("b", service="two")]
    await stage.live.serve([*documents, route(to("one", OFTEN), to("two", OFTEN))])
    await stage.live.becomes({"a", "b"})
    stage.health["a"] = 500
    await stage.live.becomes({"b"}, times=40)
    stage.health.update(a=200, b=500)
    await stage.live.becomes({"a"}, times=40)


async def test_a_fallback_waits_until_nobody_is_left(stage: Stage) -> None:
    """Half of the servers are enough to keep all of the traffic."""
    async with script() as other:
        other.answer = lambda _: web.Response(text="fallback")
        stage.servers["c"] = other
        failover = {"service": to("app", OFTEN), "fallback": to("spare")}
        documents = [*stage.of("a", "b"), *stage.of("c", service="spare")]
        own = manifest(TRAEFIK, "TraefikService", "own", spec={"failover": failover})
        await stage.live.serve([*documents, own, route({"name": "own", "kind": "TraefikService"})])
        stage.health["a"] = 500
        await stage.live.becomes({"b"}, times=40)
        stage.health["b"] = 500
        await stage.live.becomes({"fallback"}, times=40)


async def test_nobody_is_asked_any_more_when_the_check_is_gone(stage: Stage) -> None:
    stage.health["a"] = 500
    await stage.live.serve([*stage.of("a"), route(to(check=OFTEN))])
    await stage.live.becomes({"503"})
    await stage.live.serve([*stage.of("a"), route(to())])
    await stage.live.becomes({"a"})
    assert not stage.live.problems
    assert not stage.live.health.failures


async def test_endpoints_move_while_a_check_is_on(stage: Stage) -> None:
    """The next server is asked at once, and a verdict about the last one does not stick to it."""
    stage.health["a"] = 500
    check = {**OFTEN, "interval": "1h", "unhealthyInterval": "1h"}
    await stage.live.serve([*stage.of("a"), route(to(check=check))])
    await stage.live.becomes({"503"})
    await stage.live.serve([*stage.of("b"), route(to(check=check))])
    await stage.live.becomes({"b"})
    assert [one.path for one in stage.servers["b"].asked if one.path == "/health"] == ["/health"]
