"""The whole program as its users run it, with the example homelab and its backends, on free ports."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from examples.certificates import ensure_wildcard
from examples.echo.backends import backends
from examples.up import DOMAIN, HOMELAB, MANIFESTS, NAMESPACES
from hearthgate.app.envoy import socket_folder
from tests import processes
from tests.kubectl import kubectl_path
from tests.ports import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
READY_WITHIN = 60.0


class Hearthgate:
    """One `hearthgate up`, spoken to from outside only. Everything lives below `folder`."""

    def __init__(self, folder: Path, *, arguments: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.manifests = folder / "manifests"
        self.state = folder / "state"
        self.kubeconfig = self.state / "kubeconfig"
        self.log = folder / "hearthgate.log"
        self.http, self.https, self.api = free_port(), free_port(), free_port()
        self.authority = folder / "ca.crt"
        self.process: subprocess.Popen[bytes] | None = None
        self._arguments = arguments
        self._clients: dict[tuple[str, bool], httpx.Client] = {}

    def start(self) -> None:
        """Serves the folder; returns when it is ready."""
        self._launch(str(self.manifests), "--set", f"embeddedAPI.address=127.0.0.1:{self.api}")
        wait_for(self.is_ready, within=READY_WITHIN, what=f"readiness ({self.last_lines()})")

    def launch_with(self, environment: Mapping[str, str]) -> None:
        """Begins to serve the folder, with changed variables; returns at once."""
        self._launch(str(self.manifests), "--set", f"embeddedAPI.address=127.0.0.1:{self.api}", **environment)

    def start_on_cluster(self) -> None:
        """Serves what the cluster of the given kubeconfig says; it has no API of its own to ask."""
        self._launch()

    def _launch(self, *arguments: str, **environment: str) -> None:
        command = [
            str(Path(sys.executable).parent / "hearthgate"), "up",
            "--settings", str(HOMELAB / "hearthgate.yaml"), "--state", str(self.state), "--log-format", "json",
            "--set", f"entryPoints.web.address=127.0.0.1:{self.http}",
            "--set", f"entryPoints.websecure.address=127.0.0.1:{self.https}",
            *self._arguments, *arguments,
        ]  # fmt: skip
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={**os.environ, **environment},
            )

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"hearthgate up ended: {self.last_lines()}"
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"https://127.0.0.1:{self.api}/readyz", verify=False).status_code == 200
        return False

    def last_lines(self, count: int = 15) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-count:])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit status."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(40)
        finally:
            self.process.kill()
            self.process = None

    def request(
        self,
        site: str,
        path: str = "/",
        *,
        method: str = "GET",
        tls: bool = True,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        content: bytes | None = None,
        http2: bool = False,
    ) -> httpx.Response:
        """One request to `site`.my-homelab.party; over TLS its certificate must be good for that name."""
        host = f"{site}.{DOMAIN}"
        port = self.https if tls else self.http
        client = self._client(site, http2)
        client.cookies.clear()
        return client.request(
            method,
            f"{'https' if tls else 'http'}://127.0.0.1:{port}{path}",
            headers={"Host": host, **(headers or {})},
            auth=auth,
            content=content,
            extensions={"sni_hostname": host},
        )

    @contextlib.contextmanager
    def stream(self, site: str, path: str) -> Iterator[httpx.Response]:
        """A response whose body arrives while it is read."""
        host = f"{site}.{DOMAIN}"
        url = f"https://127.0.0.1:{self.https}{path}"
        with self._client(site, False).stream(
            "GET", url, headers={"Host": host}, extensions={"sni_hostname": host}
        ) as got:
            yield got

    def envoys(self) -> list[int]:
        """The live Envoy processes of this program's state folder, whoever their parent is."""
        found = processes.marked(os.environ[processes.MARK])
        return [process.pid for process in found if self._owns(process.pid) and self._pid != process.pid]

    @property
    def _pid(self) -> int:
        return self.process.pid if self.process else 0

    def _owns(self, pid: int) -> bool:
        """Its command line names the folder of this program's sockets, which may be outside of a long path."""
        with contextlib.suppress(OSError):
            return os.fsencode(socket_folder(self.state)) + b"/" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False

    def _client(self, site: str, http2: bool) -> httpx.Client:
        """One for each site: a connection made for another name may be refused with 421."""
        key = (site, http2)
        if key not in self._clients:
            context = ssl.create_default_context(cafile=str(self.authority))
            self._clients[key] = httpx.Client(verify=context, http2=http2, http1=not http2, timeout=30)
        return self._clients[key]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        command = [str(kubectl_path()), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


def seen(response: httpx.Response) -> dict[str, Any]:
    """What the backend says reached it."""
    answer: dict[str, Any] = msgspec.json.decode(response.content)
    return answer


def seen_header(response: httpx.Response, name: str) -> str | None:
    """All lines of the request header that reached the backend, joined; None when there was none."""
    values = [value for key, value in seen(response)["headers"] if key.lower() == name.lower()]
    return ", ".join(values) if values else None


@contextlib.contextmanager
def homelab(folder: Path, *arguments: str) -> Iterator[Hearthgate]:
    """The example with its backends, serving, until the block ends."""
    gateway = Hearthgate(folder, arguments=arguments)
    homelab_folder(gateway)
    ensure_wildcard(gateway.manifests / "wildcard", gateway.authority, DOMAIN, NAMESPACES)
    with playing(gateway.manifests):
        gateway.start()
        try:
            yield gateway
        finally:
            gateway.stop()


def homelab_folder(gateway: Hearthgate) -> None:
    """The example's manifests, without a certificate."""
    shutil.copytree(MANIFESTS, gateway.manifests)
    _move_backends(gateway.manifests)


@contextlib.contextmanager
def playing(manifests: Path) -> Iterator[None]:
    """The backends of a folder, in a process of their own."""
    process = subprocess.Popen([sys.executable, "-m", "examples.echo", str(manifests)], cwd=ROOT)
    try:
        ports = [backend.port for backend in backends(manifests)]
        wait_for(lambda: all(_accepts(port) for port in ports), within=20, what="the backends")
        yield
    finally:
        process.terminate()
        process.wait(20)


def _move_backends(manifests: Path) -> None:
    """Gives every backend a port of its own, so that several of these can run side by side."""
    moved = {str(backend.port): str(free_port()) for backend in backends(manifests)}
    pattern = re.compile(r"\b(" + "|".join(moved) + r")\b")
    for path in manifests.rglob("*.yaml"):
        path.write_text(pattern.sub(lambda found: moved[found.group(1)], path.read_text()))


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
