"""Which open connections outlive a change of routes: Envoy closes those of chains that change, no others."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from hearthgate.ingress.routing.model import EntryPoint, Router, TCPRouter
from tests.component.ingress.envoy_process import bare_envoy
from tests.component.ingress.gateway import Backend, Gateway, backend, model, router
from tests.component.ingress.streams import Stream, StreamBackend, anyone, open_stream, stream_backend, tcp_router
from tests.component.ingress.test_streams_tcp import certificate

DRAIN = ("--drain-time-s", "1", "--drain-strategy", "immediate")


class Stage(NamedTuple):
    gateway: Gateway
    site: Backend
    db: StreamBackend
    port: int
    session: aiohttp.ClientSession

    async def serve(self, *routers: Router | TCPRouter, serial: int = 1) -> None:
        entrypoint = EntryPoint(name="web", host="127.0.0.1", port=self.port)
        tcp = sorted((r for r in routers if isinstance(r, TCPRouter)), key=lambda r: (-r.priority, r.name))
        served = model(
            [entrypoint],
            [r for r in routers if isinstance(r, Router)],
            default_certificate=certificate("default"),
            certificates=(certificate("site.test", serial=serial), certificate("db.test", serial=serial)),
            tcp_routers=tuple(tcp),
        )
        await self.gateway.serve(served, {**self.site.endpoints, **self.db.endpoints})

    def page(self, rule: str = "Host(`site.test`)", *, tls: bool = True) -> Router:
        return router(rule, self.site.balancer(), tls=tls, name=f"{rule} {tls}")

    def stream(self, rule: str, *, weight: int = 1, tls: bool = True) -> TCPRouter:
        return tcp_router(rule, self.db.member(weight), tls=tls)

    async def websocket(self) -> aiohttp.ClientWebSocketResponse:
        url = f"https://127.0.0.1:{self.port}/ws"
        socket = await self.session.ws_connect(
            url, ssl=anyone(), server_hostname="site.test", headers={"Host": "site.test"}
        )
        await socket.receive_str()
        return socket

    async def database(self, sni: str = "db.test") -> Stream:
        stream = await open_stream(self.port, tls=anyone(), sni=sni)
        assert await stream.say("a") == "db: a"
        return stream


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    running = Gateway(tmp_path)
    await running.server.start()
    try:
        async with (
            bare_envoy(tmp_path, *DRAIN),
            backend("site") as site,
            stream_backend("db") as db,
            aiohttp.ClientSession() as session,
        ):
            yield Stage(running, site, db, free_port(), session)
    finally:
        await running.server.stop()


async def still_talks(socket: aiohttp.ClientWebSocketResponse) -> bool:
    await socket.send_str("still")
    return await socket.receive_str(timeout=5) == "site: still"


async def test_a_route_of_connections_comes_changes_and_goes(stage: Stage) -> None:
    """Whatever happens to routes of connections over TLS, requests and the other routes do not notice."""
    await stage.serve(stage.page())
    socket = await stage.websocket()
    await stage.serve(stage.page(), stage.stream("HostSNI(`db.test`)"), stage.stream("HostSNI(`gone.test`)"))
    kept, doomed = await stage.database(), await stage.database("gone.test")
    assert await still_talks(socket)
    await stage.serve(stage.page(), stage.stream("HostSNI(`db.test`)"), stage.stream("HostSNI(`new.test`)"))
    assert await doomed.is_closed(), "its chain is gone"
    assert await kept.say("b") == "db: b"
    assert await still_talks(socket)
    await stage.serve(stage.page())
    assert await kept.is_closed()
    assert await still_talks(socket)


async def test_renewed_certificates_and_other_sites(stage: Stage) -> None:
    routes = (stage.stream("HostSNI(`db.test`)"), stage.stream("HostSNI(`*`)"))
    await stage.serve(stage.page(), *routes)
    socket, kept, doomed = await stage.websocket(), await stage.database(), await stage.database("other.test")
    # The catch-all stands behind sites that name no host: the matcher changes, and no chain.
    await stage.serve(stage.page(), stage.page("Host(`db.test`) || Host(`b.test`)"), *routes, serial=2)
    await stage.serve(stage.page(), stage.page("PathPrefix(`/`)"), *routes[:1], serial=2)
    assert await doomed.is_closed()
    assert await kept.say("b") == "db: b"
    assert await still_talks(socket)


async def test_what_does_not_survive(stage: Stage) -> None:
    """The first TLS route on an entrypoint of plain streams alone makes the proxy read before it decides: Envoy
    counts that as another listener."""
    plain = stage.stream("HostSNI(`*`)", tls=False)
    await stage.serve(plain)
    stream = await open_stream(stage.port)
    assert await stream.say("a") == "db: a"
    await stage.serve(plain, stage.stream("HostSNI(`db.test`)"))
    assert await stream.is_closed()
