"""What happens when parts die: Envoy, the whole program, the API server of a cluster."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.processes import is_alive
from tests.system.running import Hearthgate, homelab, seen
from tests.waiting import wait_for

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: by-hand, namespace: default}
data: {kept: "yes"}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearthgate]:
    with homelab(tmp_path_factory.mktemp("survival")) as running:
        yield running


def answers(site: Hearthgate) -> bool:
    try:
        return site.request("whoami").status_code == 200
    except httpx.TransportError:
        return False


def restarts(site: Hearthgate) -> int:
    """As `kubectl get pods` counts them."""
    line = site.kubectl("get", "pods", "-n", "infra", "-l", "component=proxy", "--no-headers")
    return int(line.split()[3])


def test_envoy_killed(site: Hearthgate) -> None:
    before = restarts(site)
    (victim,) = site.envoys()
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: victim not in site.envoys() and answers(site), within=10, what="service after the kill")
    assert time.monotonic() - killed < 2
    assert len(site.envoys()) == 1
    wait_for(lambda: restarts(site) == before + 1, what="the restart to be counted")
    pod = site.kubectl("describe", "pod", "-n", "infra", "-l", "component=proxy")
    assert "Exit Code:    137" in pod
    wait_for(
        lambda: "BackOff" in site.kubectl("events", "-n", "infra", "--types=Warning"), what="an Event of the crash"
    )
    last_words = site.kubectl("logs", "-n", "infra", "-l", "component=proxy", "--previous")
    assert "envoy exited" in last_words


def test_second_signal_cuts_the_drain_short(site: Hearthgate) -> None:
    assert site.process is not None
    with site.stream("jellyfin", "/sse") as response:
        assert next(response.iter_lines()) == "id: 0"
        said = len(site.log.read_text())
        site.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "finishing what has begun" in site.log.read_text()[said:], what="the drain")
        assert site.process.poll() is None
        told = time.monotonic()
        site.process.send_signal(signal.SIGINT)
        assert site.process.wait(10) == 0
        assert time.monotonic() - told < 4  # the drain alone would wait 10 s for this stream
    site.stop()
    site.start()


def test_signal_while_it_starts(tmp_path: Path) -> None:
    """The first pass over the folder waits for a kubectl that hangs."""
    gateway = Hearthgate(tmp_path)
    (gateway.manifests / "app").mkdir(parents=True)
    (gateway.manifests / "app" / "kustomization.yaml").write_text("resources: []\n")
    hanging = tmp_path / "bin" / "kubectl"
    hanging.parent.mkdir()
    hanging.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/kubectl.pid\nexec sleep 300\n")
    hanging.chmod(0o755)
    gateway.launch_with({"PATH": f"{hanging.parent}{os.pathsep}{os.environ['PATH']}"})
    pid = int(wait_for(lambda: (tmp_path / "kubectl.pid").exists() and (tmp_path / "kubectl.pid").read_text()))
    told = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - told < 5
    assert not is_alive(pid)
    assert not gateway.envoys()


def test_program_killed(site: Hearthgate) -> None:
    site.kubectl("apply", "-f", "-", stdin=CONFIG_MAP)
    before = site.kubectl("get", "services,ingressroutes,middlewares,secrets", "-A", "-o", "name")
    old = site.envoys()
    site.stop(signal.SIGKILL)
    site.start()
    wait_for(lambda: answers(site), within=5, what="service after the restart")
    assert site.kubectl("get", "configmap", "by-hand", "-o", "jsonpath={.data.kept}") == "yes"
    assert site.kubectl("get", "services,ingressroutes,middlewares,secrets", "-A", "-o", "name") == before
    wait_for(lambda: len(site.envoys()) == 1, within=15, what=f"one Envoy, not {old} and another")


def test_stopped_program_leaves_nothing(tmp_path: Path) -> None:
    gateway = Hearthgate(tmp_path)
    gateway.manifests.mkdir()
    try:
        gateway.start()
        (envoy,) = gateway.envoys()
    finally:
        status = gateway.stop()
    assert status == 0
    wait_for(lambda: not is_alive(envoy), within=15, what="the end of Envoy")


def test_api_server_gone(site: Hearthgate, tmp_path: Path) -> None:
    """A second program reads the first one's API like a cluster's; then that API goes away and comes back."""
    second = Hearthgate(tmp_path, arguments=("--kubeconfig", str(site.kubeconfig)))
    shutil.copy(site.authority, second.authority)
    second.start_on_cluster()
    try:
        wait_for(lambda: answers(second), what="the second gateway")
        site.stop(signal.SIGKILL)
        gone = time.monotonic()
        wait_for(lambda: time.monotonic() - gone > 10 or not answers(second), within=20, what="ten seconds")
        assert answers(second)
        shutil.copy(site.manifests / "infra" / "whoami.yaml", tmp_path / "whoami.yaml")
        changed = (tmp_path / "whoami.yaml").read_text().replace("whoami.my-homelab", "renamed.my-homelab")
        (site.manifests / "infra" / "whoami.yaml").write_text(changed)
        site.start()
        wait_for(lambda: second.request("renamed").status_code == 200, within=30, what="the change")
        assert seen(second.request("renamed"))["site"] == "whoami"
    finally:
        second.stop()
