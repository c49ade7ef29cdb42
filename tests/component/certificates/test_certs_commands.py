"""`hearthgate certs` against the API: what people read, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hearthgate.cli.main import main
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.registry import BY_TYPE
from tests.component.certificates.stage import Stage, stage

ISSUER = {"name": "le", "kind": "ClusterIssuer"}


@pytest.fixture
async def played(state_dir: Path) -> AsyncIterator[Stage]:
    async with stage(state_dir, namespaces=["infra"]) as played:
        for name in ("wild", "other"):
            await played.create(
                Certificate,
                {
                    "metadata": {"name": name, "namespace": "infra"},
                    "spec": {"secretName": name, "dnsNames": [f"{name}.test"], "issuerRef": ISSUER},
                },
            )
        yield played


async def run(played: Stage, *words: str) -> Result:
    given = ["certs", "--kubeconfig", str(played.server.kubeconfig), *words]
    return await asyncio.to_thread(CliRunner().invoke, main, given)


async def test_the_table(played: Stage) -> None:
    result = await run(played)
    assert result.exit_code == 0, result.output
    assert "infra" in result.stdout
    assert "NotReady" in result.stdout
    parsed = json.loads((await run(played, "-o", "json")).stdout)
    assert [row["name"] for row in parsed] == ["other", "wild"]


async def test_the_way_of_one(played: Stage) -> None:
    result = await run(played, "status", "wild")
    assert result.exit_code == 1
    assert "stopped by: ClusterIssuer le: there is none" in result.stdout
    assert "way out: create it" in result.stdout
    unknown = await run(played, "status", "nobody")
    assert unknown.exit_code == 2
    assert "there are: infra/other, infra/wild" in unknown.output


async def test_renewal_is_asked_for_once(played: Stage) -> None:
    assert (await run(played, "renew", "wild")).stdout == "certificate infra/wild: is being renewed\n"
    found = await played.client.get(BY_TYPE[Certificate], "infra", "wild")
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == ("Issuing", "ManuallyTriggered")
    assert "under way" in (await run(played, "renew", "wild")).output
    assert (await run(played, "renew", "--all")).stdout == "certificate infra/other: is being renewed\n"
    assert (await run(played, "renew")).exit_code == 2


async def test_no_api_is_a_message(tmp_path: Path) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, main, ["certs", "--state", str(tmp_path)])
    assert result.exit_code == 1
    assert "Traceback" not in result.output


async def test_no_ca_is_a_message(played: Stage) -> None:
    result = await run(played, "ca")
    assert result.exit_code == 1
    assert "no CA of its own" in result.output
