"""Several nodes: whatever happens to the one that announces an address, another takes it over."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest
from yarl import URL

from hearthgate.apiserver.server import ApiServer
from tests.announcing import ADDRESS, PORT, ROOT, Speakers, api, speakers
from tests.lan import Client, Lan
from tests.ports import free_port
from tests.waiting import eventually

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        shutil.which("ip") is None or shutil.which("arping") is None,
        reason="needs the Debian packages iproute2 and arping",
    ),
]
LONG = 30.0
METRICS = 7472


class Home(NamedTuple):
    lan: Lan
    api: ApiServer
    speakers: Speakers
    client: Client

    async def owner(self, since: float, *but: str) -> str:
        """Who answers after the moment, and is none of these."""

        def found() -> str:
            others = (one.node for one in tuple(self.client.answers) if one.at > since and one.node not in but)
            return next(others, "")

        return await eventually(found, within=LONG, what=f"an answer of another node than {but}")

    def mac(self, node: str) -> str:
        return self.lan.on(node, "cat", "/sys/class/net/lan/address").strip()

    def answering(self) -> set[str]:
        """The hardware addresses of all that answer for the address: two in a split."""
        said = self.lan.on("client", "arping", "-c", "3", "-W", "0.1", "-w", "1", "-i", "lan", ADDRESS)
        return set(re.findall(r"from ([0-9a-f:]{17})", said))

    async def settled(self) -> str:
        """Who answers once all nodes live."""

        def all_live() -> bool:
            lines = [self.speakers.log(node).rpartition("living nodes changed")[2] for node in self.lan.nodes]
            return all(f"'{node}'" in line.partition("before")[0] for node in self.lan.nodes for line in lines)

        await eventually(all_live, within=LONG, what="all nodes see each other")
        return await self.owner(time.monotonic())


@contextlib.asynccontextmanager
async def home(folder: Path, nodes: tuple[str, ...], *arguments: str) -> AsyncIterator[Home]:
    (folder / "api").mkdir(mode=0o700)
    async with contextlib.AsyncExitStack() as stack:
        lan = stack.enter_context(Lan(nodes))
        server = await stack.enter_async_context(api(folder / "api"))
        await stack.enter_async_context(lan.relay(URL(server.url).port or 0))
        stack.enter_context(lan.serving(ADDRESS, PORT))
        made = stack.enter_context(speakers(lan, folder, server.kubeconfig, *arguments))
        yield Home(lan, server, made, stack.enter_context(Client(lan, ADDRESS, PORT)))


async def test_whatever_happens_to_a_node_another_takes_over(tmp_path: Path) -> None:
    async with home(tmp_path, ("n1", "n2"), "--set", f"loadBalancer.metricsAddress=:{METRICS}") as here:
        first = await here.settled()
        with here.lan.inside("client"):
            url = f"http://{here.lan.addresses[first]}:{METRICS}/metrics"
            page = urlopen(url, timeout=LONG).read().decode()  # noqa: ASYNC210 - this thread is in that namespace
        assert f'node="{first}",ip="{ADDRESS}"}} 1' in page

        began = time.monotonic()
        here.speakers.send(first, signal.SIGKILL)
        second = await here.owner(began, first)
        here.speakers.wait(first)
        here.speakers.start(first)

        owner = await here.settled()
        began = time.monotonic()
        here.speakers.send(owner, signal.SIGSTOP)
        other = await here.owner(began, owner)
        mac = here.mac(other)
        here.lan.on("client", "ip", "neigh", "flush", "all")
        await eventually(lambda: mac in here.lan.on("client", "ip", "neigh", "show", ADDRESS), what="its MAC")
        here.speakers.send(owner, signal.SIGCONT)
        assert {first, second} == {"n1", "n2"} == {owner, other}

        owner = await here.settled()
        began = time.monotonic()
        here.lan.cut(owner)
        other = await here.owner(began, owner)
        assert here.answering() == {here.mac(other)}
        here.lan.join(owner)

        owner = await here.settled()
        await eventually(lambda: here.answering() == {here.mac(owner)}, within=LONG, what="one node that answers")
        began = time.monotonic()
        here.speakers.send(owner, signal.SIGTERM)
        await here.owner(began, owner)
        assert here.speakers.wait(owner) == 0
        assert ADDRESS not in here.lan.on(owner, "ip", "route", "show", "table", "local")


async def test_without_the_api_speakers_go_on_and_start_with_what_they_knew(tmp_path: Path) -> None:
    async with home(tmp_path, ("n1", "n2")) as here:
        owner = await here.settled()
        kept = [tmp_path / node / "last-good" for node in here.lan.nodes]
        await eventually(lambda: all(_knows_members(place) for place in kept), within=LONG, what="what they keep")
        await here.api.stop()
        began = time.monotonic()
        here.speakers.send(owner, signal.SIGKILL)
        other = await here.owner(began, owner)
        here.speakers.wait(owner)
        here.speakers.start(owner)
        await here.settled()
        began = time.monotonic()
        here.speakers.send(other, signal.SIGKILL)
        assert await here.owner(began, other) == owner


async def test_a_second_box_takes_over_when_the_one_with_the_api_dies(tmp_path: Path) -> None:
    """The Service is that of the proxy, which the second box has too, as far as the API knows."""
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "home.json").write_text(json.dumps(_proxy_at(ADDRESS)))
    port, state = free_port(), tmp_path / "state"
    find = ("--set", "loadBalancer.findMembers=true")
    async with contextlib.AsyncExitStack() as stack:
        lan = stack.enter_context(Lan(("nas", "pi")))
        stack.enter_context(lan.serving(ADDRESS, PORT))
        options = ("--state", str(state), "--set", f"embeddedAPI.address=127.0.0.1:{port}", *find)
        up = _start_up(lan, "nas", tmp_path, *options)
        stack.callback(up.wait, 30)
        stack.callback(up.terminate)
        client = stack.enter_context(Client(lan, ADDRESS, PORT))
        await eventually(lambda: client.last() == "nas", within=60, what="the address on the nas")
        await stack.enter_async_context(lan.relay(port, to="nas"))
        made = Speakers(lan, tmp_path, state / "kubeconfig", *find)
        stack.callback(made.end)
        made.start("pi")

        kept = tmp_path / "pi" / "last-good"
        await eventually(lambda: kept.exists() and _knows_members(kept), within=LONG, what="both Nodes")
        up.terminate()
        await eventually(lambda: client.last() == "pi", within=LONG, what="the address on the pi")
        assert up.wait(40) == 0
        assert client.last() == "pi"


def _start_up(lan: Lan, node: str, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    program = [str(Path(sys.executable).parent / "hearthgate"), "up", str(folder / "manifests"), *options]
    with (folder / "up.log").open("wb") as log:
        return subprocess.Popen(lan.command(node, *program), stdout=log, stderr=log, cwd=ROOT)


def _proxy_at(address: str) -> dict[str, Any]:
    def made(api: str, kind: str, name: str, **spec: Any) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "default"}
        return {"apiVersion": api, "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {})}

    proxy = {"type": "LoadBalancer", "loadBalancerIP": address, "selector": {"app.kubernetes.io/name": "traefik"}}
    items = [
        made("metallb.io/v1beta1", "IPAddressPool", "first", addresses=["10.9.0.48/28"]),
        made("metallb.io/v1beta1", "L2Advertisement", "all"),
        made("v1", "Service", "proxy", **proxy, ports=[{"name": "web", "port": 80}]),
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _knows_members(last_good: Path) -> bool:
    """Both nodes and where they are; a snapshot is kept every few seconds."""
    return last_good.exists() and last_good.read_text().count("InternalIP") >= 2
