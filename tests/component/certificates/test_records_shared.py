"""Two Challenges that want the same record, as a CA makes them that gives two orders one authorization."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hearthgate.certificates.orders.dns01 import DNS01Proofs
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Challenge, Issuer
from hearthgate.resources.core import Secret
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE
from tests.component.certificates.stage import Stage, stage
from tests.component.certificates.zone import SeenAtOnce, Zone

SOLVER = {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "cf", "key": "token"}}}}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as played:
        yield played


def made(kind: type[Resource], name: str, **content: Any) -> Any:
    known = BY_TYPE[kind]
    metadata = {"name": name, "namespace": "default", "uid": name}
    decoded = decode_mapping(
        {"apiVersion": known.api_version, "kind": known.kind, "metadata": metadata, **content}
    )
    assert isinstance(decoded.resource, kind), decoded
    return decoded.resource


def challenge(name: str, key: str) -> Challenge:
    spec = {
        "url": f"https://ca.test/{name}",
        "authorizationURL": "https://ca.test/authz",
        "dnsName": "home.test",
        "type": "DNS-01",
        "token": "t",
        "key": key,
        "solver": SOLVER,
        "issuerRef": {"name": "acme"},
    }
    found: Challenge = made(Challenge, name, spec=spec)
    return found


async def test_the_last_one_removes_it(api: Stage) -> None:
    zone = Zone()
    proofs = DNS01Proofs(api.tools, zone, SeenAtOnce())
    acme = {"server": "https://ca.test", "privateKeySecretRef": {"name": "key"}, "solvers": [SOLVER]}
    issuer = made(Issuer, "acme", spec={"acme": acme})
    first, second, other = challenge("web-1", "same"), challenge("web-2", "same"), challenge("web-3", "another")
    snapshot = Snapshot.of([issuer, first, second, other, made(Secret, "cf", stringData={"token": "t"})], ())
    for one in (first, second, other):
        await proofs.present(snapshot, one, issuer)
    name = "_acme-challenge.home.test"
    assert zone.records == {(name, "same"), (name, "another")}
    await proofs.clear(snapshot, first.key)
    assert zone.records == {(name, "same"), (name, "another")}
    await proofs.clear(snapshot, second.key)
    assert zone.records == {(name, "another")}
    await proofs.clear(snapshot, other.key)
    assert zone.records == set()
