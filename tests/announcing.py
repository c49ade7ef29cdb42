"""Several nodes that announce one address: an API with a Service at it, and a speaker on each node."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from hearthgate.apiserver.server import ApiServer
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.resources.core import Node, Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.metallb import IPAddressPool, L2Advertisement
from hearthgate.resources.registry import BY_TYPE
from tests.lan import Lan

ADDRESS, PORT = "10.9.0.50", 5353
ROOT = Path(__file__).parents[1]


class Speakers:
    """The speakers of a network, by node."""

    def __init__(self, lan: Lan, folder: Path, kubeconfig: Path, *arguments: str) -> None:
        self._lan = lan
        self._folder = folder
        self._kubeconfig = kubeconfig
        self._arguments = arguments
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, node: str) -> None:
        program = [str(Path(sys.executable).parent / "hearthgate"), "speaker", "--node", node]
        places = ["--kubeconfig", str(self._kubeconfig), "--state", str(self._folder / node)]
        with (self._folder / f"{node}.log").open("ab") as log:
            self._processes[node] = subprocess.Popen(
                self._lan.command(node, *program, *places, *self._arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )

    def send(self, node: str, number: signal.Signals) -> None:
        self._processes[node].send_signal(number)

    def wait(self, node: str) -> int:
        return self._processes[node].wait(30)

    def log(self, node: str) -> str:
        return (self._folder / f"{node}.log").read_text()

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


@contextlib.contextmanager
def speakers(lan: Lan, folder: Path, kubeconfig: Path, *arguments: str) -> Iterator[Speakers]:
    """One on each node, until the block ends."""
    made = Speakers(lan, folder, kubeconfig, *arguments)
    try:
        for node in lan.nodes:
            made.start(node)
        yield made
    finally:
        made.end()


@contextlib.asynccontextmanager
async def api(state: Path) -> AsyncIterator[ApiServer]:
    """With a Service at ADDRESS, and the Node of the box that runs it, where nobody announces."""
    server = ApiServer(state=state, port=0)
    await server.start()
    try:
        async with Client(from_files([server.kubeconfig])) as client:
            await _fill(client)
        yield server
    finally:
        await server.stop()


async def _fill(client: Client) -> None:
    labels = {"app.kubernetes.io/managed-by": "hearthgate", "node-role.kubernetes.io/control-plane": ""}
    await make(client, Node, "api", labels=labels)
    await make(client, IPAddressPool, "first", spec={"addresses": ["10.9.0.48/28"]})
    await make(client, L2Advertisement, "all")
    await make(client, Service, "web", spec={"type": "LoadBalancer", "ports": [{"port": PORT, "protocol": "UDP"}]})
    status = {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}
    await client.patch_status(BY_TYPE[Service], "default", "web", {"status": status})
    endpoint = {"addresses": ["10.9.0.1"], "conditions": {"ready": True}}
    labels = {"kubernetes.io/service-name": "web"}
    await make(client, EndpointSlice, "web", labels=labels, addressType="IPv4", endpoints=[endpoint], ports=[])


async def make(
    client: Client, kind: type, name: str, *, labels: dict[str, str] | None = None, **content: Any
) -> None:
    described = BY_TYPE[kind]
    metadata: dict[str, Any] = {"name": name, "labels": labels or {}}
    if described.namespaced:
        metadata["namespace"] = "default"
    whole = {"apiVersion": described.api_version, "kind": described.kind, "metadata": metadata, **content}
    await client.create(described, whole)
