"""Changes of the folder under load: every answer is one that was right at its time."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.system.running import Hearthgate, homelab, seen
from tests.waiting import wait_for

CHANGES, REQUESTS, CLIENTS = 200, 10_000, 4
HOST = "changing.my-homelab.party"

MANIFEST = """\
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {{name: version, namespace: monitoring}}
spec: {{headers: {{customResponseHeaders: {{X-Version: "{version}"}}}}}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata:
  name: changing
  namespace: monitoring
  annotations: {{kubernetes.io/ingress.class: traefik}}
spec:
  entryPoints: [websecure]
  routes:
    - match: Host(`changing.my-homelab.party`)
      middlewares: [{{name: version}}]
      services: [{{name: {service}, port: {port}}}]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearthgate]:
    with homelab(tmp_path_factory.mktemp("changes")) as running:
        yield running


def write(site: Hearthgate, version: int) -> None:
    """As an editor saves: a new file that takes the place of the old one."""
    service, port = (("grafana", 80), ("loki", 3100))[version % 2]
    fresh = site.manifests / "monitoring" / ".changing.new"
    fresh.write_text(MANIFEST.format(version=version, service=service, port=port))
    fresh.replace(site.manifests / "monitoring" / "changing.yaml")


class Load:
    """Clients that ask all the time, over kept connections, and check each answer."""

    def __init__(self, site: Hearthgate) -> None:
        self.site = site
        self.written = self.served = 0
        self.answers = 0
        self.wrong: list[str] = []
        self._progress = asyncio.Event()
        self._context = ssl.create_default_context(cafile=str(site.authority))

    async def client(self, done: asyncio.Event) -> None:
        url = f"https://127.0.0.1:{self.site.https}/"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            mine = 0
            while not done.is_set():
                # Envoy's threads take a change one after the other: a connection never goes back, and is never
                # more than one change behind what another connection has seen.
                least = max(mine, self.served - 1)
                try:
                    async with session.get(
                        url, headers={"Host": HOST}, ssl=self._context, server_hostname=HOST
                    ) as response:
                        await response.read()
                        status, version = response.status, int(response.headers.get("X-Version", -1))
                except aiohttp.ClientError as error:
                    self.wrong.append(f"{type(error).__name__}: {error}")
                    continue
                self.answers += 1
                if status != 200 or not least <= version <= self.written:
                    self.wrong.append(f"{status}, version {version}, wanted {least} to {self.written}")
                mine = max(mine, version)
                self.served = max(self.served, version)
                self._progress.set()

    def serves(self, version: int) -> bool:
        return self.served >= version

    async def until(self, reached: Callable[[], bool], *, within: float) -> None:
        """Looks after every answer."""
        async with asyncio.timeout(within):
            while not reached():
                self._progress.clear()
                await self._progress.wait()


async def test_no_request_fails_while_the_folder_changes(site: Hearthgate) -> None:
    write(site, 0)
    wait_for(lambda: site.request("changing").status_code == 200, what="the first version")
    load = Load(site)
    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(load.client(done))
        for version in range(1, CHANGES + 1):
            load.written = version
            await asyncio.to_thread(write, site, version)
            await load.until(partial(load.serves, version), within=15)
        await load.until(lambda: load.answers >= REQUESTS, within=60)
        done.set()
    assert not load.wrong
    assert load.answers >= REQUESTS


def test_syntax_error_keeps_the_last_good_state(site: Hearthgate) -> None:
    write(site, 1)
    wait_for(lambda: site.request("changing").status_code == 200)
    file = site.manifests / "monitoring" / "changing.yaml"
    file.write_text(file.read_text() + "\n---\n{broken: [")
    wait_for(lambda: "SyntaxError" in site.log.read_text(), what="the problem in the log")
    assert site.request("changing").status_code == 200
    write(site, 3)
    wait_for(lambda: site.request("changing").headers.get("X-Version") == "3", what="the repaired file")


def test_removed_file_takes_its_site_along(site: Hearthgate) -> None:
    write(site, 5)
    wait_for(lambda: site.request("changing").status_code == 200)
    (site.manifests / "monitoring" / "changing.yaml").unlink()
    wait_for(lambda: site.request("changing").status_code == 404, what="404")
    assert site.request("grafana").status_code == 200


def test_kubectl_applies_and_deletes(site: Hearthgate, tmp_path: Path) -> None:
    file = tmp_path / "route.yaml"
    file.write_text(MANIFEST.format(version=7, service="loki", port=3100).replace("version,", "by-hand,"))
    file.write_text(file.read_text().replace("{name: version}", "{name: by-hand}"))
    site.kubectl("apply", "-f", str(file))
    wait_for(lambda: site.request("changing").status_code == 200, what="the applied route")
    assert seen(site.request("changing"))["site"] == "loki"
    wait_for(lambda: "Accepted" in described(site), what="the condition")
    site.kubectl("delete", "-f", str(file))
    wait_for(lambda: site.request("changing").status_code == 404, what="404")


def described(site: Hearthgate) -> str:
    return site.kubectl("describe", "ingressroute", "-n", "monitoring", "changing")
