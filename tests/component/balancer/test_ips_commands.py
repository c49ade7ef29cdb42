"""`hearthgate ips` and `hearthgate explain ip` against the API: what people read, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hearthgate.apiserver.server import ApiServer
from hearthgate.cli.main import main
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.resources.core import Service
from hearthgate.resources.metallb import IPAddressPool
from hearthgate.resources.registry import BY_TYPE


@pytest.fixture
async def kubeconfig(state_dir: Path, free_tcp: int) -> AsyncIterator[Path]:
    """Of an API with a Service at 127.0.0.1, where one of its two ports answers."""
    server = ApiServer(state=state_dir, port=0)
    await server.start()
    listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", free_tcp)
    pool = {"apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool"}
    ports = [{"name": "open", "port": free_tcp}, {"name": "shut", "port": 1}]
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}}
    async with Client(from_files([server.kubeconfig])) as client:
        await client.create(
            BY_TYPE[IPAddressPool],
            {
                **pool,
                "metadata": {"name": "first", "namespace": "default"},
                "spec": {"addresses": ["127.0.0.0/30"]},
            },
        )
        await client.create(
            BY_TYPE[Service],
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"type": "LoadBalancer", "ports": ports},
            },
        )
        await client.patch_status(BY_TYPE[Service], "default", "web", status)
    yield server.kubeconfig
    listening.close()
    await server.stop()


@pytest.fixture
def free_tcp(free_port: Callable[[], int]) -> int:
    return free_port()


async def run(kubeconfig: Path, *words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [*words, "--kubeconfig", str(kubeconfig)])


async def test_the_table(kubeconfig: Path) -> None:
    result = await run(kubeconfig, "ips")
    assert result.exit_code == 0, result.output
    assert "127.0.0.2 - 127.0.0.3" in result.stdout
    assert "127.0.0.1 not announced: no speaker has said why" in result.stdout
    parsed = json.loads((await run(kubeconfig, "ips", "-o", "json")).stdout)
    assert [row["state"] for row in parsed["addresses"]] == ["free", "not announced", "free"]


async def test_one_address(kubeconfig: Path, free_tcp: int) -> None:
    result = await run(kubeconfig, "explain", "ip", "127.0.0.1")
    assert result.exit_code == 1, result.output
    assert "Service default/web has 127.0.0.1, but nobody announces it" in result.stdout
    assert "this machine: takes it itself" in result.stdout
    assert f"port {free_tcp}: accepts connections" in result.stdout
    assert "port 1: refused" in result.stdout
    free = await run(kubeconfig, "explain", "ip", "127.0.0.2", "-o", "json")
    assert (free.exit_code, json.loads(free.stdout)["verdict"]) == (0, "127.0.0.2 is free")
    wrong = await run(kubeconfig, "explain", "ip", "home")
    assert wrong.exit_code == 2
    assert "'home' is no IP address" in wrong.output
