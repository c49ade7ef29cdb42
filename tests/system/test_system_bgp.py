"""A box and its router, as docs/bgp.md has them: the router learns the address, and reaches the proxy there."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.resources.metallb import BGPAdvertisement, BGPPeer, ServiceBGPStatus
from hearthgate.resources.registry import BY_TYPE
from tests.announcing import ADDRESS, api, make
from tests.routers import NEEDS_FRR, OURS, THEIRS, frr, wire
from tests.system.running import ROOT
from tests.waiting import eventually, wait_for

pytestmark = NEEDS_FRR
PAGE = (ROOT / "docs" / "bgp.md").read_text()
VIP = "192.168.50.10"


def test_a_router_learns_and_reaches_the_proxy(tmp_path: Path) -> None:
    def here(text: str) -> str:
        return text.replace("192.168.1.1", THEIRS).replace("192.168.1.2", OURS)

    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (config,) = re.findall(r"```\n(bfd.*?)```", PAGE, re.DOTALL)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "all.yaml").write_text(here(text))
    bfd, _, bgp = here(config).partition("router bgp")
    program = [str(Path(sys.executable).parent / "hearthgate"), "up", str(tmp_path / "manifests")]
    with wire() as lan, frr(lan, f"router bgp{bgp}", bfd=bfd, head="") as router:

        def reaches() -> bool:
            asks = ["ip", "netns", "exec", lan.there, "curl", "-sk", "-m", "2", "-o", "/dev/null"]
            return subprocess.run([*asks, f"https://{VIP}/"], check=False).returncode == 0

        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [*program, "--state", str(tmp_path / "state")], stdout=log, stderr=log, cwd=ROOT
            )
        try:
            wait_for(lambda: lan.has(VIP), within=60, what="the route at the router")
            wait_for(reaches, within=30, what="the proxy behind it")
            wait_for(lambda: router.show("bfd peers")[0]["status"] == "up", within=20, what="BFD up")
            process.send_signal(signal.SIGTERM)
            wait_for(lan.has, within=20, what="no route once the program stops")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextlib.contextmanager
def speaker(folder: Path, kubeconfig: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = [str(Path(sys.executable).parent / "hearthgate"), "speaker", "--node", "pi"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*program, "--kubeconfig", str(kubeconfig), "--state", str(folder / "state")],
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_speaker_beside_the_api_announces_to_routers_too(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir(mode=0o700)
    with wire() as lan, frr(lan, f" neighbor {OURS} remote-as 65001\n"):
        async with api(tmp_path / "api") as server, Client(from_files([server.kubeconfig])) as client:
            peer = {"myASN": 65001, "peerASN": 65002, "peerAddress": THEIRS}
            await make(client, BGPPeer, "router", spec=peer)
            await make(client, BGPAdvertisement, "all", spec={})

            async def is_told() -> bool:
                page = await client.list_page(BY_TYPE[ServiceBGPStatus])
                found = [msgspec.json.decode(raw).get("status", {}) for raw in page.items]
                return [(one.get("node"), one.get("peers")) for one in found] == [("pi", ["router"])]

            with speaker(tmp_path, server.kubeconfig) as process:
                await eventually(lambda: lan.has(ADDRESS), within=60, what="the route at the router")
                await eventually(is_told, within=20, what="the status")
                process.send_signal(signal.SIGTERM)
                await eventually(lan.has, within=20, what="no route once the speaker ends")
                assert await asyncio.to_thread(process.wait, 30) == 0
