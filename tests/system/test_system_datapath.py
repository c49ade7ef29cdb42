"""Services that lead elsewhere, through `hearthgate up`: a client reaches a server behind the box."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.lan import ip
from tests.system.running import ROOT
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("ip", "curl", "nft", "setpriv")),
        reason="needs iproute2, curl, nftables and util-linux",
    ),
]
ADDRESS = "192.168.1.241"
SERVER = "10.7.0.2"


class Home(NamedTuple):
    """client - box - server: namespaces. The server knows no way to the client."""

    client: str
    box: str
    server: str
    folder: Path

    def on(self, namespace: str, *command: str) -> str:
        whole = ["ip", "netns", "exec", namespace, *command]
        return subprocess.run(whole, capture_output=True, text=True, check=False).stdout

    def got(self) -> str:
        return self.on(self.client, "curl", "-s", "-m", "2", f"http://{ADDRESS}:8080/hello")

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    mark = uuid.uuid4().hex[:8]
    found = Home(f"hg-cli-{mark}", f"hg-box-{mark}", f"hg-srv-{mark}", tmp_path)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "home.json").write_text(json.dumps(objects()))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "hello").write_text("from the server")
    try:
        for name in (found.client, found.box, found.server):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for far, namespace, network in (("lan", found.client, "192.168.1"), ("dmz", found.server, "10.7.0")):
            ip("link", "add", far, "netns", found.box, "type", "veth", "peer", "name", "eth", "netns", namespace)
            ip("-n", found.box, "addr", "add", f"{network}.1/24", "dev", far)
            ip("-n", namespace, "addr", "add", f"{network}.2/24", "dev", "eth")
            ip("-n", found.box, "link", "set", far, "up")
            ip("-n", namespace, "link", "set", "eth", "up")
        with serving(found):
            yield found
    finally:
        for name in (found.client, found.box, found.server):
            subprocess.run(["ip", "netns", "del", name], check=False)


@contextmanager
def serving(home: Home) -> Iterator[None]:
    server = [sys.executable, "-m", "http.server", "80", "--bind", SERVER, "-d", str(home.folder / "files")]
    with subprocess.Popen(
        ["ip", "netns", "exec", home.server, *server], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def running(home: Home, *settings: str, before: tuple[str, ...] = ()) -> Iterator[None]:
    """`hearthgate up` on the box. before: what starts it there."""
    program = [str(Path(sys.executable).parent / "hearthgate"), "up", str(home.folder / "manifests")]
    places = ["--state", str(home.folder / "state"), *(word for one in settings for word in ("--set", one))]
    with (
        (home.folder / "log").open("wb") as log,
        subprocess.Popen(
            ["ip", "netns", "exec", home.box, *before, *program, *places], stdout=log, stderr=log, cwd=ROOT
        ) as process,
    ):
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def objects() -> dict[str, Any]:
    def made(api: str, kind: str, name: str, **content: Any) -> dict[str, Any]:
        return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "infra"}, **content}

    slice_ = made(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "files-1",
        addressType="IPv4",
        ports=[{"name": "http", "port": 80}],
        endpoints=[{"addresses": [SERVER]}],
    )
    slice_["metadata"]["labels"] = {"kubernetes.io/service-name": "files"}
    spec = {"type": "LoadBalancer", "loadBalancerIP": ADDRESS, "ports": [{"name": "http", "port": 8080}]}
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}},
        made("metallb.io/v1beta1", "IPAddressPool", "pool", spec={"addresses": ["192.168.1.240/28"]}),
        made("metallb.io/v1beta1", "L2Advertisement", "all"),
        made("v1", "Service", "files", spec=spec),
        slice_,
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def test_a_server_behind_the_box_is_reached(home: Home) -> None:
    with running(home):
        wait_for(lambda: "NotForwarded" in home.log(), within=30, what="the word that the kernel must forward")
        assert home.got() == ""
    with running(home, "loadBalancer.forwarding=true"):
        wait_for(lambda: home.got() == "from the server", within=30, what="the server's file")
    assert home.got() == "from the server", "the kernel serves on"
    with running(home, "loadBalancer.dataPath=off"):
        gone = "hearthgate_services"
        wait_for(lambda: gone not in home.on(home.box, "nft", "list", "tables"), within=30, what="no table")


def test_without_the_privilege_the_address_is_given_and_the_reason_told(home: Home) -> None:
    with running(home, before=("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")):
        wait_for(lambda: "DataPathMissing" in home.log(), within=30, what="the word that rules are missing")
        assert "CAP_NET_ADMIN" in home.log()
        wait_for(lambda: ADDRESS in home.log(), within=30, what="the address")
