"""The homelab's public records through the whole program: the root follows the external address, others' stay."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from examples.up import DOMAIN
from tests.acme.cloudflare import Cloudflare, run_cloudflare
from tests.system.running import Hearthgate, homelab_folder, playing
from tests.waiting import eventually

FIRST, SECOND = "93.184.216.34", "8.8.8.8"
WITHIN = 40.0


class Home(NamedTuple):
    """said: the external address, as pages of the internet say it."""

    gateway: Hearthgate
    cloudflare: Cloudflare
    zone: str
    said: list[str]
    settings: Path

    def have(self, host: str, type_: str) -> set[str]:
        return self.cloudflare.everything(self.zone).get((host, type_), set())

    async def until(self, host: str, type_: str, *contents: str) -> None:
        await eventually(
            lambda: self.have(host, type_) == set(contents), within=WITHIN, what=f"{host} {type_} {contents}"
        )

    async def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        program = [str(Path(sys.executable).parent / "hearthgate"), "dns", *words]
        options = ["--state", str(self.gateway.state), "--settings", str(self.settings)]
        environment = {"CLOUDFLARE_BASE_URL": self.cloudflare.url, "PATH": "/usr/bin"}
        return await asyncio.to_thread(
            subprocess.run, [*program, *options], capture_output=True, text=True, check=False, env=environment
        )


@contextlib.asynccontextmanager
async def pages(said: list[str]) -> AsyncIterator[list[str]]:
    """The addresses of two pages that say where they are asked from."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=f"ip={said[0]}\n")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        yield [f"http://127.0.0.1:{port}/{page}" for page in "ab"]
    finally:
        await runner.cleanup()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    said = [FIRST]
    async with run_cloudflare() as cloudflare, pages(said) as sources:
        zone = cloudflare.add_zone(DOMAIN)
        token = cloudflare.add_token(zones=[zone])
        reference = {"name": "cloudflare-token", "key": "token", "namespace": "infra"}
        dns = {
            "zones": [{"name": DOMAIN, "apiTokenSecretRef": reference}],
            "externalAddress": {"sources": sources, "interval": "1s", "ipv6": False},
        }
        words = [word for key, value in dns.items() for word in ("--set", f"dns.{key}={json.dumps(value)}")]
        settings = tmp_path / "settings.yaml"
        settings.write_text(json.dumps({"dns": dns}))
        gateway = Hearthgate(tmp_path, arguments=tuple(words))
        homelab_folder(gateway)
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cloudflare-token", "namespace": "infra"},
            "stringData": {"token": token},
        }
        (gateway.manifests / "cloudflare.json").write_text(json.dumps(secret))
        cloudflare.add(zone, "A", "mail", "1.1.1.1")
        with playing(gateway.manifests):
            gateway.launch_with({"CLOUDFLARE_BASE_URL": cloudflare.url})
            try:
                await eventually(gateway.is_ready, within=WITHIN, what="readiness")
                yield Home(gateway, cloudflare, zone, said, settings)
            finally:
                await asyncio.to_thread(gateway.stop)
        assert token not in gateway.log.read_text()


async def test_by_itself(home: Home) -> None:
    await home.until(DOMAIN, "A", FIRST)
    await home.until(f"*.{DOMAIN}", "CNAME", DOMAIN)
    home.said[0] = SECOND
    await home.until(DOMAIN, "A", SECOND)
    plan = await home.command("plan")
    assert plan.returncode == 0, plan.stderr
    assert f"= {DOMAIN} A {SECOND} (proxied)" in plan.stdout
    assert f"external IPv4 address: {SECOND}" in plan.stdout
    assert home.have(f"mail.{DOMAIN}", "A") == {"1.1.1.1"}


async def test_by_hand(home: Home) -> None:
    await home.until(DOMAIN, "A", FIRST)
    await asyncio.to_thread(home.gateway.stop)
    home.gateway.launch_with({"CLOUDFLARE_BASE_URL": "http://127.0.0.1:9"})
    await eventually(home.gateway.is_ready, within=WITHIN, what="readiness")
    home.said[0] = SECOND
    plan = await home.command("plan")
    assert plan.returncode == 2, plan.stderr
    assert f"~ {DOMAIN} A {FIRST} → {SECOND} (proxied)" in plan.stdout
    assert home.have(DOMAIN, "A") == {FIRST}
    done = await home.command("apply")
    assert done.returncode == 0, done.stderr
    assert f"{DOMAIN}: 1 records written" in done.stdout
    assert home.have(DOMAIN, "A") == {SECOND}
