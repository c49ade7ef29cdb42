"""kubectl and plain requests against one namespace of a cluster."""

import json
import queue
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.contract.plain_http import Http
from tests.kubectl import kubectl_minor

DEADLINE = 45.0


class Said(NamedTuple):
    out: str
    err: str


class Watching:
    """A kubectl that goes on running: its lines as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):  # closed at the end of the block, while this waits for a line
            for line in self._process.stdout:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self) -> str:
        """The next one. Fails when none comes in time, or kubectl has ended."""
        try:
            line = self._lines.get(timeout=DEADLINE)
        except queue.Empty:
            raise AssertionError(f"kubectl said nothing for {DEADLINE:g} s") from None
        assert line is not None, "kubectl has ended"
        return line

    @property
    def has_lines(self) -> bool:
        """Whether one waits to be read."""
        return not self._lines.empty()

    def until(self, *parts: str) -> str:
        """The next line that holds all of `parts`."""
        while True:
            line = self.line()
            if all(part in line for part in parts):
                return line

    def ended(self) -> int:
        return self._process.wait(DEADLINE)


class Cluster:
    """`kubectl` is the one to run; `home` its home, cache included; `namespace` is this test's own."""

    def __init__(self, *, kubeconfig: Path, kubectl: Path, home: Path, http: Http, namespace: str) -> None:
        self.http = http
        self.namespace = namespace
        self.minor = kubectl_minor(kubectl)
        self._kubectl = str(kubectl)
        self._environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(home / f"cache-{self.minor}"),
        }

    def path(self, resource: str, name: str = "", *, namespace: str = "") -> str:
        """The address of a collection or an object: `configmaps`, `networking.k8s.io/v1/ingresses`."""
        group_version, _, plural = resource.rpartition("/")
        root = f"/apis/{group_version}" if group_version else "/api/v1"
        return f"{root}/namespaces/{namespace or self.namespace}/{plural}" + (f"/{name}" if name else "")

    def kubectl(self, line: str, *more: str, stdin: str = "", env: dict[str, str] | None = None) -> str:
        """What it prints. Fails the test when it does not succeed."""
        return self.told(line, *more, stdin=stdin, env=env).out

    def refused(self, line: str, *more: str, stdin: str = "", code: int = 1) -> str:
        """What it prints, to either side, when it ends with `code`."""
        said = self.told(line, *more, stdin=stdin, code=code)
        return said.out + said.err

    def told(
        self, line: str, *more: str, stdin: str = "", code: int = 0, env: dict[str, str] | None = None
    ) -> Said:
        done = subprocess.run(
            self._command(line, *more),
            env={**self._environment, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert done.returncode == code, f"kubectl {line}: code {done.returncode}\n{done.stdout}{done.stderr}"
        return Said(done.stdout, done.stderr)

    def rows(self, line: str, *more: str) -> list[list[str]]:
        """The table that it prints, as words."""
        return [row.split() for row in self.kubectl(line, *more).splitlines()]

    def json(self, line: str, *more: str) -> Any:
        return json.loads(self.kubectl(f"{line} -o json", *more))

    def field(self, target: str, path: str) -> str:
        """One field of an object, by kubectl's JSONPath."""
        return self.kubectl(f"get {target}", "-o", f"jsonpath={{{path}}}")

    @contextmanager
    def running(self, line: str, *more: str) -> Iterator[Watching]:
        """A kubectl in the background; it is ended with the block."""
        with subprocess.Popen(
            self._command(line, *more),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield Watching(process)
            finally:
                process.kill()

    def _command(self, line: str, *more: str) -> list[str]:
        return [self._kubectl, f"--namespace={self.namespace}", *shlex.split(line), *more]
