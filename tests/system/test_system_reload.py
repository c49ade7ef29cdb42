"""Settings that change while the program serves: entrypoints come, change and go; the others do not notice."""

import asyncio
import contextlib
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
import yaml

from examples.up import HOMELAB
from tests.ports import free_port
from tests.system.running import Hearthgate, homelab
from tests.waiting import eventually, wait_for


class Served:
    """The example, with a settings file of its own."""

    def __init__(self, gateway: Hearthgate, path: Path) -> None:
        self.gateway = gateway
        self.path = path

    def change(self, **entry_points: object) -> None:
        """Sets entrypoints; None takes one out."""
        settings = yaml.safe_load(self.path.read_text())
        for name, value in entry_points.items():
            if value is None:
                settings["entryPoints"].pop(name)
            else:
                settings["entryPoints"][name] = value
        self.path.write_text(yaml.safe_dump(settings))

    def log(self) -> str:
        return self.gateway.log.read_text(errors="replace")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("reload")
    path = folder / "hearthgate.yaml"
    path.write_text((HOMELAB / "hearthgate.yaml").read_text())
    # The last one given counts.
    with homelab(folder, "--settings", str(path)) as gateway:
        yield Served(gateway, path)


def answers(port: int, path: str = "/") -> bool:
    """Whether anything speaks HTTP there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(100).startswith(b"HTTP/1.1 ")
    except OSError:
        return False


def half_a_request(port: int) -> socket.socket:
    """An open connection that is kept by a request under way: its headers are not complete."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: nobody.test\r\n")
    return connection


def still_answers(connection: socket.socket) -> bool:
    connection.sendall(b"Connection: close\r\n\r\n")
    return connection.recv(100).startswith(b"HTTP/1.1 ")


def test_entrypoints_come_and_go_and_others_keep_their_connections(served: Served) -> None:
    port = free_port()
    kept = half_a_request(served.gateway.http)
    began = time.monotonic()
    served.change(extra={"address": f"127.0.0.1:{port}"})
    wait_for(lambda: answers(port), within=5, what="the new entrypoint")
    assert time.monotonic() - began < 2
    begun = half_a_request(port)
    served.change(extra=None)
    wait_for(lambda: not answers(port), within=5, what="the end of the entrypoint")
    # What was under way there is finished, and elsewhere nothing was noticed.
    assert still_answers(begun)
    assert still_answers(kept)
    begun.close()
    kept.close()


def test_an_entrypoint_moves_to_another_port(served: Served) -> None:
    ports = free_port(), free_port()
    for port in ports:
        served.change(moving={"address": f"127.0.0.1:{port}"})
        wait_for(lambda port=port: answers(port), within=5, what="the entrypoint")  # type: ignore[misc]
    wait_for(lambda: not answers(ports[0]), within=5, what="the end of the old port")
    served.change(moving=None)


def test_a_broken_file_keeps_what_is_served_and_is_told(served: Served) -> None:
    good = served.path.read_text()
    served.path.write_text("entryPoints: {web: {adress: ':1'}}")
    wait_for(lambda: "UnknownField" in served.log(), within=5, what="the problem")
    assert answers(served.gateway.http)

    def events() -> str:
        return served.gateway.kubectl("get", "events", "-A")

    wait_for(lambda: "UnknownField" in events(), within=10, what="the Event")
    served.path.write_text(good)
    wait_for(lambda: "problem solved" in served.log(), within=5, what="the repair")


def test_hangup_reads_the_settings_again(served: Served) -> None:
    before = served.log().count("settings read again")
    assert served.gateway.process is not None
    served.gateway.process.send_signal(signal.SIGHUP)
    wait_for(lambda: served.log().count("settings read again") > before, within=5, what="the reading")
    assert answers(served.gateway.http)


def test_a_port_that_was_taken_is_bound_once_it_is_free(served: Served) -> None:
    with socket.socket() as holder:
        port = free_port()
        holder.bind(("127.0.0.1", port))
        holder.listen()
        served.change(taken={"address": f"127.0.0.1:{port}"})
        wait_for(lambda: "AddressInUse" in served.log(), within=5, what="the problem")
        assert answers(served.gateway.http)
    wait_for(lambda: answers(port), within=15, what="the entrypoint")
    served.change(taken=None)


async def test_a_websocket_on_an_entrypoint_that_does_not_change_lives_on(served: Served) -> None:
    gateway = served.gateway
    context = ssl.create_default_context(cafile=str(gateway.authority))
    host = "jellyfin.my-homelab.party"
    url = f"https://127.0.0.1:{gateway.https}/ws"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers={"Host": host}, ssl=context, server_hostname=host) as socket,
    ):
        port = free_port()
        await asyncio.to_thread(served.change, extra={"address": f"127.0.0.1:{port}"})
        await eventually(lambda: asyncio.to_thread(answers, port), what="the new entrypoint")
        await asyncio.to_thread(served.change, extra=None)
        await eventually(lambda: asyncio.to_thread(lambda: not answers(port)), what="its end")
        await socket.send_str("hello")
        assert await socket.receive_str() == "hello"


def test_a_gateway_of_a_cluster_tells_its_health_by_ping(served: Served, tmp_path: Path) -> None:
    """It has no API of its own, and says so when one is asked for."""
    settings = ("--set", "ping.entryPoint=web", "--set", "embeddedAPI.address=127.0.0.1:1")
    second = Hearthgate(tmp_path, arguments=("--kubeconfig", str(served.gateway.kubeconfig), *settings))
    second.start_on_cluster()
    try:
        wait_for(lambda: pinged(second.http), within=30, what="the answer")
        assert "no effect with --kubeconfig" in second.log.read_text()
    finally:
        assert second.stop() == 0


def pinged(port: int) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/ping").status_code == 200
    return False
