"""The proxy at an address of its own: a client in the same network finds it by ARP and gets a site over HTTPS."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.system.running import ROOT
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        shutil.which("ip") is None or shutil.which("curl") is None, reason="needs iproute2 and curl"
    ),
]
PROXY = "192.168.1.245"


class Home(NamedTuple):
    """box, client: namespaces, one machine each, on one wire."""

    box: str
    client: str
    folder: Path

    def on(self, namespace: str, *command: str) -> subprocess.CompletedProcess[str]:
        whole = ["ip", "netns", "exec", namespace, *command]
        return subprocess.run(whole, capture_output=True, text=True, check=False)

    def code(self) -> str:
        """What the client gets for the site."""
        resolve = f"web.home.test:443:{PROXY}"
        url = "https://web.home.test/"
        words = ("-sk", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", resolve, url)
        return self.on(self.client, "curl", *words).stdout


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    mark = uuid.uuid4().hex[:8]
    found = Home(f"hg-box-{mark}", f"hg-cli-{mark}", tmp_path)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "home.json").write_text(json.dumps({"items": objects(), **LIST}))
    try:
        for command in (
            f"netns add {found.box}",
            f"netns add {found.client}",
            f"link add lan netns {found.box} type veth peer name cli netns {found.client}",
            f"-n {found.box} addr add 192.168.1.2/24 dev lan",
            f"-n {found.client} addr add 192.168.1.9/24 dev cli",
            f"-n {found.box} link set lan up",
            f"-n {found.box} link set lo up",
            f"-n {found.client} link set cli up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
        yield found
    finally:
        for name in (found.box, found.client):
            subprocess.run(["ip", "netns", "del", name], check=False)


@pytest.fixture
def gateway(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    program = [str(Path(sys.executable).parent / "hearthgate"), "up", str(home.folder / "manifests")]
    command = ["ip", "netns", "exec", home.box, *program, "--state", str(home.folder / "state")]
    with (
        (home.folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


LIST = {"apiVersion": "v1", "kind": "List"}


def objects() -> list[dict[str, Any]]:
    def made(api: str, kind: str, name: str, **spec: Any) -> dict[str, Any]:
        content: dict[str, Any] = {"apiVersion": api, "kind": kind}
        metadata = {"name": name, "namespace": "infra"}
        return {**content, "metadata": metadata, **({"spec": spec} if spec else {})}

    answer = {"match": "Host(`web.home.test`)", "services": [{"name": "noop@internal", "kind": "TraefikService"}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}},
        made("metallb.io/v1beta1", "IPAddressPool", "first-pool", addresses=["192.168.1.240/28"]),
        made("metallb.io/v1beta1", "L2Advertisement", "empty"),
        made(
            "v1",
            "Service",
            "traefik",
            type="LoadBalancer",
            loadBalancerIP=PROXY,
            selector={"app.kubernetes.io/name": "traefik"},
            ports=[{"port": 443}],
        ),
        made("traefik.io/v1alpha1", "IngressRoute", "web", entryPoints=["websecure"], routes=[answer]),
    ]


@pytest.mark.usefixtures("gateway")
def test_the_seeds_case(home: Home) -> None:
    wait_for(lambda: home.code() == "418", within=30, what="the site at the address of the proxy")
    told = home.on(home.client, "ip", "neigh", "show", PROXY).stdout
    mac = home.on(home.box, "cat", "/sys/class/net/lan/address").stdout.strip()
    assert mac in told, "found by ARP"
    assert home.on(home.client, "ping", "-c1", "-W2", PROXY).returncode == 0


def test_an_address_of_another_machine_is_left_to_it(home: Home, request: pytest.FixtureRequest) -> None:
    subprocess.run(["ip", "-n", home.client, "addr", "add", f"{PROXY}/24", "dev", "cli"], check=True)
    request.getfixturevalue("gateway")
    wait_for(lambda: "AddressInUse" in (home.folder / "log").read_text(), within=30, what="the warning")
    assert "proto 72" not in home.on(home.box, "ip", "route", "show", "table", "local").stdout
