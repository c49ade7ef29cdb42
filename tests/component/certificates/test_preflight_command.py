"""`hearthgate certs preflight` with the API and the stand-in for Cloudflare: what is said, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hearthgate.cli.main import main
from hearthgate.resources.certmanager import Certificate, ClusterIssuer, Issuer
from hearthgate.resources.registry import BY_TYPE
from tests.acme.cloudflare import Cloudflare, run_cloudflare
from tests.acme.nameserver import NameServer, run_nameserver
from tests.component.certificates.requests_made import secret
from tests.component.certificates.stage import Stage, stage

BY_CLOUDFLARE = {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "cf", "key": "token"}}}}


class Played:
    def __init__(self, api: Stage, cloudflare: Cloudflare, nameserver: NameServer, folder: Path) -> None:
        self.api = api
        self.cloudflare = cloudflare
        self.zone = cloudflare.add_zone("home.test")
        settings = {"recursiveNameservers": [f"127.0.0.1:{nameserver.port}"], "recursiveNameserversOnly": True}
        self._settings = folder / "hearthgate.yaml"
        self._settings.write_text(json.dumps({"certificates": {"acmeDNS01Config": settings}}))

    async def issuer(self, *solvers: Any, name: str = "le") -> None:
        acme = {"server": "https://ca.test/dir", "privateKeySecretRef": {"name": "key"}, "solvers": list(solvers)}
        await self.api.create(Issuer, {"metadata": {"name": name, "namespace": "default"}, "spec": {"acme": acme}})

    async def run(self, *words: str) -> Result:
        given = ["certs", "--kubeconfig", str(self.api.server.kubeconfig), "preflight", *words]
        return await asyncio.to_thread(
            CliRunner().invoke, main, [*given, "--settings", str(self._settings)], env={"COLUMNS": "200"}
        )


@pytest.fixture
async def played(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Played]:
    async with (
        run_nameserver() as nameserver,
        run_cloudflare(nameserver.set_txt) as cloudflare,
        stage(state_dir) as api,
    ):
        nameserver.zone("home.test")
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", cloudflare.url)
        yield Played(api, cloudflare, nameserver, tmp_path)


async def test_all_is_well(played: Played) -> None:
    await secret(played.api, "cf", token=played.cloudflare.add_token().encode())
    await played.issuer({**BY_CLOUDFLARE, "selector": {"dnsZones": ["home.test"]}})
    result = await played.run("le")
    assert "✗ issuer      Issuer default/le was not looked at yet" in result.stdout
    lines = [line.split()[:2] for line in result.stdout.splitlines()]
    assert lines[1] == ["home.test,", "by"]
    assert lines[2:] == [["✓", name] for name in ("credentials", "name", "zone", "write", "seen", "remove")]
    assert result.exit_code == 1, "the issuer is not ready"
    ready = {"type": "Ready", "status": "True", "reason": "ACMEAccountRegistered", "message": "known to the CA"}
    await played.api.client.patch_status(BY_TYPE[Issuer], "default", "le", {"status": {"conditions": [ready]}})
    result = await played.run("le")
    assert result.stdout.startswith("  ✓ issuer      ACMEAccountRegistered: known to the CA\n")
    assert result.exit_code == 0
    assert played.cloudflare.records(played.zone) == []


async def test_what_is_in_the_way(played: Played) -> None:
    read_only = played.cloudflare.add_token(permissions=["zone:read", "dns:read"])
    await secret(played.api, "cf", token=read_only.encode())
    await played.issuer(BY_CLOUDFLARE)
    result = await played.run("le", "--host", "www.home.test")
    assert result.exit_code == 1
    assert "✗ write" in result.stdout
    assert "lacks the permission Zone > DNS > Edit" in result.stdout
    assert read_only not in result.output


async def test_names_come_from_certificates(played: Played) -> None:
    await played.issuer(BY_CLOUDFLARE, {"http01": {"ingress": {}}, "selector": {"dnsNames": ["plain.home.test"]}})
    for name, host in (("a", "plain.home.test"), ("b", "*.home.test")):
        spec = {"secretName": name, "dnsNames": [host], "issuerRef": {"name": "le"}}
        await played.api.create(Certificate, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})
    result = await played.run("le")
    assert "home.test, by solvers[0]" in result.stdout
    assert "Secret default/cf does not exist: create it, with the key 'token'" in result.stdout
    told = await played.run("le", "--host", "plain.home.test")
    assert "no solver of DNS-01 is for plain.home.test" in told.stdout
    assert told.exit_code == 1


async def test_what_cannot_be_tried_is_a_message(played: Played) -> None:
    await played.issuer({"http01": {"ingress": {}}}, name="web")
    await played.issuer(BY_CLOUDFLARE)
    ca = {"ca": {"secretName": "ca"}}
    await played.api.create(ClusterIssuer, {"metadata": {"name": "web"}, "spec": ca})
    for words, told in (
        (
            ("nobody",),
            "there is no issuer nobody (there are: ClusterIssuer web, Issuer default/le, Issuer default/web)",
        ),
        (("web",), "there are several issuers web"),
        (("web", "-n", "default"), "has no solver of DNS-01"),
        (("le",), "no Certificate of Issuer default/le says which names to try"),
    ):
        result = await played.run(*words)
        assert result.exit_code == 1
        assert told in result.output
        assert "Traceback" not in result.output


async def test_settings_that_cannot_be_read(played: Played, tmp_path: Path) -> None:
    (tmp_path / "hearthgate.yaml").write_text(
        json.dumps({"certificates": {"acmeDNS01Config": {"recursiveNameservers": ["dns.test"]}}})
    )
    result = await played.run("le")
    assert result.exit_code == 2
    assert "certificates.acmeDNS01Config.recursiveNameservers[0]: 'dns.test' is no nameserver" in result.output
