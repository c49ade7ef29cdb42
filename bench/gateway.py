"""Hearthgate as its users run it: `hearthgate up` in a process of its own, spoken to from outside."""

import base64
import contextlib
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from bench.processes import PAUSE, cpu_seconds, end, free_port, memory, running, tree, wait_until
from bench.rivals import Proxy

READY_WITHIN = 180.0
IDLE_OVER, IDLE_SHARE = 1.0, 0.1


class Memory(NamedTuple):
    """Megabytes, of the Python processes and of Envoy."""

    python_rss: float
    python_pss: float
    envoy_rss: float
    envoy_pss: float

    @property
    def rss(self) -> float:
        return self.python_rss + self.envoy_rss

    @property
    def pss(self) -> float:
        return self.python_pss + self.envoy_pss


class Spent(NamedTuple):
    """Processor time since the start, in seconds."""

    python: float
    envoy: float


class Gateway:
    """One running Hearthgate."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], proxy: Proxy, started: float) -> None:
        self.proxy = proxy
        self.kubeconfig = folder / "state" / "kubeconfig"
        self.started = started
        self._process = process
        self._api: http.client.HTTPSConnection | None = None

    def wait_ready(self) -> float:
        """Seconds from the start of the process until the embedded API says that it serves."""
        wait_until(self._is_ready, READY_WITHIN, "readiness")
        return time.monotonic() - self.started

    def wait_idle(self, *, but: int = 0) -> float:
        """Seconds until it rests: statuses and Events of the first load are written.

        but: so many Pollers ask meanwhile, and cost Envoy something.
        """
        share = IDLE_SHARE * (1 + but)
        began = time.monotonic()
        while True:
            before = cpu_seconds(tree(self._process.pid))
            time.sleep(IDLE_OVER)
            if cpu_seconds(tree(self._process.pid)) - before <= share * IDLE_OVER:
                return time.monotonic() - began
            if time.monotonic() - began > READY_WITHIN:
                raise TimeoutError(f"still busy after {READY_WITHIN:g} s")

    def apply(self, manifest: dict[str, Any]) -> None:
        """A server-side apply, as `kubectl apply --server-side` sends it."""
        group, _, version = manifest["apiVersion"].rpartition("/")
        plural = f"{manifest['kind'].lower()}s"
        name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
        root = f"/apis/{group}" if group else "/api"
        self.apply_path(f"{root}/{version}/namespaces/{namespace}/{plural}/{name}", manifest)

    def apply_path(self, path: str, manifest: dict[str, Any]) -> None:
        """The same of an object at any path."""
        connection = self._connection()
        path = f"{path}?fieldManager=bench&force=true"
        connection.request("PATCH", path, json.dumps(manifest), {"Content-Type": "application/apply-patch+yaml"})
        response = connection.getresponse()
        body = response.read()
        if response.status not in (200, 201):
            raise RuntimeError(f"PATCH {path}: {response.status} {body[:500]!r}")

    def get(self, path: str) -> dict[str, Any]:
        """An object of the embedded API; empty when there is none."""
        connection = self._connection()
        connection.request("GET", path)
        response = connection.getresponse()
        found: dict[str, Any] = json.loads(response.read())
        return found if response.status == 200 else {}

    def memory(self) -> Memory:
        sizes = {False: [0.0, 0.0], True: [0.0, 0.0]}
        for pid, name in tree(self._process.pid).items():
            with contextlib.suppress(OSError):
                rss, pss = memory(pid)
                total = sizes["envoy" in name]
                total[0], total[1] = total[0] + rss, total[1] + pss
        return Memory(*sizes[False], *sizes[True])

    def cpu(self) -> Spent:
        names = tree(self._process.pid)
        envoy = [pid for pid, name in names.items() if "envoy" in name]
        return Spent(cpu_seconds(names.keys() - set(envoy)), cpu_seconds(envoy))

    def processes(self) -> dict[int, str]:
        """All of it, Envoy included."""
        return tree(self._process.pid)

    def stop(self) -> None:
        end(self._process)

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"hearthgate up ended with {self._process.returncode}")
        try:
            connection = self._connection()
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException, LookupError, TypeError, ValueError):
            self._api = None
            return False
        return response.status == 200

    def _connection(self) -> http.client.HTTPSConnection:
        if self._api is None:
            config = yaml.safe_load(self.kubeconfig.read_text())
            cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
            context = ssl.create_default_context(
                cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
            )
            with tempfile.NamedTemporaryFile("wb") as pair:
                for part in ("client-certificate-data", "client-key-data"):
                    pair.write(base64.b64decode(user[part]) + b"\n")
                pair.flush()
                context.load_cert_chain(pair.name)
            host = cluster["server"].removeprefix("https://")
            self._api = http.client.HTTPSConnection(host, context=context, timeout=60)
        return self._api


@contextlib.contextmanager
def hearthgate(folder: Path, manifests: Path, proxy: Proxy | None = None) -> Iterator[Gateway]:
    """Serves `manifests` with its state in `folder`, until the block ends. proxy: its ports; None: any."""
    proxy = proxy or Proxy("Hearthgate", free_port(), free_port())
    settings = folder / "hearthgate.yaml"
    settings.write_text(json.dumps({
        "entryPoints": {
            "web": {"address": f"127.0.0.1:{proxy.http}"},
            "websecure": {"address": f"127.0.0.1:{proxy.https}", "http": {"tls": {}}},
        },
        "embeddedAPI": {"address": f"127.0.0.1:{free_port()}"},
    }))  # fmt: skip
    command = [
        str(Path(sys.executable).parent / "hearthgate"), "up", str(manifests),
        "--settings", str(settings), "--state", str(folder / "state"), "--log-format", "json",
    ]  # fmt: skip
    started = time.monotonic()
    with running(command, folder / "hearthgate.log") as process:
        yield Gateway(folder, process, proxy, started)


class Answer(NamedTuple):
    """`status` 0: no answer."""

    at: float
    status: int


class Poller:
    """Asks for one host over one kept connection, again and again, and remembers every change of the answer."""

    def __init__(self, port: int, hostname: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.changes: list[Answer] = []
        self.asked = 0
        self._port = port
        self._hostname = hostname
        self._headers = {"Host": hostname, **headers}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> "Poller":
        self._thread.start()
        wait_until(lambda: self.asked > 2, 10, "the first answers")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def first(self, status: int, within: float) -> float:
        """When that answer came first."""
        wait_until(
            lambda: any(answer.status == status for answer in self.changes),
            within,
            f"{status} of {self._hostname}",
        )
        return next(answer.at for answer in self.changes if answer.status == status)

    def more(self, count: int) -> None:
        """Returns when that many more answers have come."""
        goal = self.asked + count
        wait_until(lambda: self.asked >= goal, 30, "more answers")

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            try:
                connection.request("GET", "/", headers=self._headers)
                response = connection.getresponse()
                response.read()
                status = response.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            if not self.changes or self.changes[-1].status != status:
                self.changes.append(Answer(time.monotonic(), status))
            self.asked += 1
            time.sleep(PAUSE / 5)
