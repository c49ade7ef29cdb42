"""Envoy as a process: deaths, adoption, replacement, drain."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog

from hearthgate.ingress.proxy.binary import envoy_version
from hearthgate.ingress.proxy.bootstrap import BootstrapOptions, bootstrap
from hearthgate.ingress.proxy.process import Proxy, validate_bootstrap
from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, Resources
from hearthgate.ingress.xds.server import AdsServer
from hearthgate.model.errors import Permanent
from tests.component.ingress import control_plane
from tests.component.ingress.envoy_process import (
    cluster,
    endpoints,
    listener,
    reply,
    routes,
    to_cluster,
    together,
)
from tests.component.ingress.load import ask, load
from tests.processes import is_alive
from tests.waiting import eventually

Port = Callable[[], int]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, since the path of a unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="hg-") as path:
        yield Path(path)


def site(port: int, text: str = "hello") -> Resources:
    return together({LISTENER: {"web": listener("web", port)}, ROUTE: {"web": routes("web", reply(text))}})


@asynccontextmanager
async def running(folder: Path, resources: Resources, *, grace: float = 3.0) -> AsyncIterator[Proxy]:
    server = AdsServer(folder / "xds.sock")
    proxy = Proxy(folder, BootstrapOptions(xds_socket=folder / "xds.sock"), concurrency=1, grace=grace)
    await server.start()
    await proxy.start()
    await server.apply(resources)
    try:
        await eventually(proxy.ready)
        yield proxy
    finally:
        await proxy.stop()
        await server.stop()


class ControlPlane(NamedTuple):
    process: asyncio.subprocess.Process
    envoy: int
    adopted: bool

    async def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        await asyncio.wait_for(self.process.wait(), 10)


async def start_control_plane(folder: Path, port: int, *arguments: str) -> ControlPlane:
    process = await asyncio.create_subprocess_exec(
        sys.executable, control_plane.__file__, str(folder), str(port), *arguments,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while (line := await process.stdout.readline()) and not line.startswith(b"{"):
            pass
    said = json.loads(line)
    return ControlPlane(process, said["envoy"], said["adopted"])


async def test_serves_again_soon_after_a_kill_with_its_whole_configuration(folder: Path, free_port: Port) -> None:
    port = free_port()
    async with running(folder, site(port)) as proxy:
        loop = asyncio.get_running_loop()
        assert await ask(port) == "200 hello"
        first = proxy.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        killed = loop.time()

        async def serves() -> bool:
            return proxy.pid not in (None, first) and await ask(port) == "200 hello"

        await eventually(serves, within=2.0, what="serving again")
        assert loop.time() - killed < 2.0
        assert proxy.restarts == 1
        assert not is_alive(first)


async def test_tells_when_envoy_exits(folder: Path) -> None:
    told: list[int | None] = []
    options = BootstrapOptions(xds_socket=folder / "xds.sock")
    proxy = Proxy(folder, options, concurrency=1, grace=0.1, on_exit=told.append)
    await proxy.start()
    try:
        assert proxy.pid is not None
        os.kill(proxy.pid, signal.SIGKILL)
        await eventually(lambda: told == [-signal.SIGKILL])
    finally:
        await proxy.stop()


async def test_is_not_ready_before_its_first_configuration(folder: Path, free_port: Port) -> None:
    port = free_port()
    server = AdsServer(folder / "xds.sock")
    proxy = Proxy(folder, BootstrapOptions(xds_socket=folder / "xds.sock"), concurrency=1, grace=0.1)
    await server.start()
    await proxy.start()
    try:
        await asyncio.wait_for(server.connected.wait(), 5)
        assert not await proxy.ready()
        assert not server.first_config_acked.is_set()
        applied = await server.apply(site(port))
        assert applied.acked
        await eventually(proxy.ready, within=2)
        assert server.first_config_acked.is_set()
    finally:
        await proxy.stop()
        await server.stop()


async def test_killed_control_plane_leaves_traffic_unharmed_and_the_next_adopts(
    folder: Path, free_port: Port
) -> None:
    port = free_port()
    first = await start_control_plane(folder, port, "same")
    async with load(port) as answers:
        await first.end(signal.SIGKILL)
        alone = answers.total()
        await eventually(lambda: answers.total() > alone + 100)
        second = await start_control_plane(folder, port, "same")
        adopted = answers.total()
        await eventually(lambda: answers.total() > adopted + 100)
    assert set(answers) == {"200 same"}
    assert second.adopted
    assert second.envoy == first.envoy
    await second.end(signal.SIGTERM)
    assert not is_alive(first.envoy)


async def test_adopted_envoy_takes_changes_and_is_replaced_when_it_dies(folder: Path, free_port: Port) -> None:
    port = free_port()
    first = await start_control_plane(folder, port, "one")
    await first.end(signal.SIGKILL)
    second = await start_control_plane(folder, port, "two")
    assert second.adopted
    await eventually(lambda: _is(port, "200 two"))
    os.kill(second.envoy, signal.SIGKILL)
    await eventually(lambda: not is_alive(second.envoy))
    await eventually(lambda: _is(port, "200 two"), within=2)
    await second.end(signal.SIGTERM)
    assert await _refuses(port)


async def test_another_bootstrap_replaces_envoy_without_a_failed_request(folder: Path, free_port: Port) -> None:
    port = free_port()
    first = await start_control_plane(folder, port, "same")
    await first.end(signal.SIGKILL)
    async with load(port) as answers:
        second = await start_control_plane(folder, port, "same", "another-node")
        await eventually(lambda: not is_alive(first.envoy))
        seen = answers.total()
        await eventually(lambda: answers.total() > seen + 50)
    assert set(answers) == {"200 same"}
    assert not second.adopted
    assert second.envoy != first.envoy
    assert await ask(port) == "200 same"
    await second.end(signal.SIGTERM)
    assert not is_alive(second.envoy)
    assert "bootstrap" not in modes(folder)


async def test_stop_lets_a_slow_request_finish(folder: Path, free_port: Port) -> None:
    port = free_port()
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nslow")
        writer.close()

    backend = await asyncio.start_server(slow, "127.0.0.1", 0)
    backend_port = backend.sockets[0].getsockname()[1]
    resources = together(
        site(port),
        {
            ROUTE: {"web": routes("web", to_cluster("slow"))},
            CLUSTER: {"slow": cluster("slow")},
            ENDPOINT: {"slow": endpoints("slow", backend_port)},
        },
    )
    async with backend, running(folder, resources) as proxy:
        request = asyncio.create_task(ask(port))
        await asyncio.wait_for(asked.wait(), 5)
        stopping = asyncio.create_task(proxy.stop())
        await eventually(lambda: _refuses(port), what="the end of listening")
        assert proxy.pid is not None
        answer.set()
        assert await request == "200 slow"
        await asyncio.wait_for(stopping, 2)
        assert proxy.pid is None


async def test_stop_does_not_wait_longer_than_the_grace(folder: Path, free_port: Port) -> None:
    port = free_port()
    asked = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    backend = await asyncio.start_server(never, "127.0.0.1", 0)
    resources = together(
        site(port),
        {
            ROUTE: {"web": routes("web", to_cluster("never"))},
            CLUSTER: {"never": cluster("never")},
            ENDPOINT: {"never": endpoints("never", backend.sockets[0].getsockname()[1])},
        },
    )
    async with backend, running(folder, resources, grace=0.5) as proxy:
        request = asyncio.create_task(ask(port))
        await asyncio.wait_for(asked.wait(), 5)
        await asyncio.wait_for(proxy.stop(), 2)
        assert (await request).startswith(("Server", "Client"))


async def test_files_are_for_this_user_only(folder: Path, free_port: Port) -> None:
    async with running(folder, site(free_port())):
        files = ("admin", "bootstrap", "envoy.log", "envoy.out", "xds.sock")
        private = dict.fromkeys(files, 0o600)
        assert modes(folder) == {".": 0o700, **private}


async def test_what_envoy_logs_reaches_our_log(folder: Path) -> None:
    options = BootstrapOptions(xds_socket=folder / "nobody.sock")
    with structlog.testing.capture_logs() as entries:
        proxy = Proxy(folder, options, concurrency=1, grace=0.1)
        await proxy.start()
        try:
            await eventually(lambda: [entry for entry in entries if entry.get("component") == "config"])
        finally:
            await proxy.stop()
    entry = next(entry for entry in entries if entry.get("component") == "config")
    assert entry["event"] == "envoy says"
    assert entry["log_level"] == "warning"
    assert "DeltaAggregatedResources gRPC config stream" in entry["text"]


async def test_bootstrap_that_envoy_refuses_is_an_error_with_its_reason(folder: Path) -> None:
    options = BootstrapOptions(xds_socket=folder / "xds.sock", stats_prefixes=("",))
    proxy = Proxy(folder, options, concurrency=1)
    with pytest.raises(Permanent, match=r"envoy refuses the configuration: .*StringMatcherValidationError"):
        await proxy.start()
    assert proxy.pid is None
    with pytest.raises(Permanent, match="StringMatcherValidationError"):
        await validate_bootstrap(bootstrap(options, admin_socket=folder / "admin.sock"))


async def test_envoy_accepts_our_bootstrap(folder: Path) -> None:
    options = BootstrapOptions(xds_socket=folder / "xds.sock", stats_prefixes=("hearthgate.",))
    await validate_bootstrap(bootstrap(options, admin_socket=folder / "admin.sock"))
    assert envoy_version()


def modes(folder: Path) -> dict[str, int]:
    """The permissions of a folder and of what is in it, without the hashes in the names."""
    found = {entry.name.partition("-")[0]: entry.stat().st_mode & 0o777 for entry in folder.iterdir()}
    return {".": folder.stat().st_mode & 0o777, **found}


async def _refuses(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def _is(port: int, answer: str) -> bool:
    return await ask(port) == answer
