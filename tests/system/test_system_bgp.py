"""A box and its router, as docs/bgp.md has them: the router learns the address, and reaches the proxy there."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.routers import NEEDS_FRR, OURS, THEIRS, frr, wire
from tests.system.running import ROOT
from tests.waiting import wait_for

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
