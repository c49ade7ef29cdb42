"""The whole program with everything recorded: standard output, files that move, and what is told of its end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.system.running import Hearthgate, homelab
from tests.waiting import wait_for


def arguments(*settings: str) -> tuple[str, ...]:
    return tuple(word for setting in settings for word in ("--set", setting))


@pytest.fixture(scope="module")
def pages() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, pages: str) -> Iterator[Hearthgate]:
    folder = tmp_path_factory.mktemp("observed")
    chosen = arguments(
        f"entryPoints.traefik.address={pages.removeprefix('http://')}",
        "entryPoints.traefik.transport={lifeCycle: {requestAcceptGraceTimeout: 3s}}",
        "metrics.prometheus={}",
        "ping={}",
        "api={insecure: true}",
        f"accessLog={{format: json, filePath: {folder}/logs/access.log}}",
    )
    with homelab(folder, *chosen) as running:
        yield running


def entries(file: Path) -> list[str]:
    return [json.loads(line)["RequestPath"] for line in file.read_text().splitlines()] if file.exists() else []


def test_metrics_api_and_ping_of_the_whole_program(site: Hearthgate, pages: str) -> None:
    assert site.request("grafana").status_code == 200
    assert httpx.get(f"{pages}/ping").text == "OK"
    overview = httpx.get(f"{pages}/api/overview").json()
    assert overview["http"]["routers"]["total"] > 20
    assert overview["http"]["routers"]["errors"] == 0
    metrics = httpx.get(f"{pages}/metrics").text
    assert (
        'traefik_service_requests_total{code="200",method="GET",protocol="http",service="monitoring-grafana-'
        in metrics
    )
    assert "hearthgate_proxy_up 1" in metrics


def test_sigusr1_opens_the_log_anew(site: Hearthgate) -> None:
    log = site.folder / "logs" / "access.log"
    site.request("grafana", "/before")
    wait_for(lambda: "/before" in entries(log), what="the first line")
    log.rename(log.with_suffix(".1"))
    assert site.process is not None
    site.process.send_signal(signal.SIGUSR1)
    wait_for(log.exists, what="a new file")
    site.request("grafana", "/after")
    wait_for(lambda: entries(log) == ["/after"], what="a line in the new file")
    assert "/after" not in entries(log.with_suffix(".1"))


def test_ping_tells_of_the_end(site: Hearthgate, pages: str) -> None:
    assert site.process is not None
    os.kill(site.process.pid, signal.SIGTERM)
    wait_for(lambda: httpx.get(f"{pages}/ping").status_code == 503, within=3, what="the end to be told")
    assert site.process.wait(40) == 0


def test_without_a_file_lines_go_to_standard_output(tmp_path: Path) -> None:
    with homelab(tmp_path, *arguments("accessLog={}")) as running:
        running.request("grafana", "/seen")
        wait_for(lambda: '"GET /seen HTTP/1.1" 200' in running.log.read_text(), what="the line")


def test_a_log_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    command = ["hearthgate", "up", "--state", str(tmp_path / "state"), str(tmp_path)]
    command[0] = str(Path(sys.executable).parent / "hearthgate")
    (tmp_path / "file").touch()
    chosen = arguments(
        f"accessLog.filePath={tmp_path}/file/access.log", f"embeddedAPI.address=127.0.0.1:{free_port()}"
    )
    done = subprocess.run([*command, *chosen], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "accessLog.filePath" in done.stderr
