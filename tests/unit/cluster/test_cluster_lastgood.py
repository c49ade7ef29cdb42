"""The last good snapshot: comes back equal, Secrets only under a key, damage never harms."""

import base64
import os
from pathlib import Path

import msgspec
import pytest

from hearthgate.cluster.cache import KindCache, read_item
from hearthgate.cluster.lastgood import LastGood
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik import IngressRoute
from tests.unit.cluster.fake_api import BY_NAME, ROUTE, Json, bad_route, route

PRIVATE = b"private \xff bytes"


def secret() -> Json:
    data = {"key": base64.b64encode(PRIVATE).decode()}
    plain = {"plain": "text"}
    metadata = {"name": "s", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data, "stringData": plain}


def snapshot() -> Snapshot:
    odd = route("odd")
    odd["spec"]["routes"][0]["observability"] = {"tracing": True}
    routes = KindCache(ROUTE, lambda: None)
    routes.replace(read_item(ROUTE, msgspec.json.encode(found)) for found in (route("a"), odd, bad_route("bad")))
    secrets = KindCache(BY_NAME["Secret"], lambda: None)
    secrets.put(read_item(BY_NAME["Secret"], msgspec.json.encode(secret())))
    caches = (routes, secrets)
    found = routes.findings
    return Snapshot(
        3,
        {cache.resource_type: cache.collection for cache in caches},
        found.refused,
        found.warnings,
        found.objects,
    )


@pytest.mark.parametrize("key", [None, os.urandom(32)], ids=["plain", "encrypted"])
def test_comes_back_equal(tmp_path: Path, key: bytes | None) -> None:
    path = tmp_path / "state" / "last-good"
    before = snapshot()
    LastGood(path, key).save(before)
    after = LastGood(path, key).load()
    assert after is not None
    assert after.all(IngressRoute) == before.all(IngressRoute)
    assert after.problems == before.problems
    assert after.warnings
    assert [after.refused_object(ref) for ref in after.refused] == [
        before.refused_object(ref) for ref in before.refused
    ]
    assert after.all(Secret) == (() if key is None else before.all(Secret))
    content = path.read_bytes()
    assert (b"PathPrefix" in content) == (key is None)
    for form in (PRIVATE, base64.b64encode(PRIVATE), b'"text"'):
        assert form not in content
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["last-good"]


def test_none_saved_is_none(tmp_path: Path) -> None:
    assert LastGood(tmp_path / "none").load() is None


@pytest.mark.parametrize(
    ("written_with", "read_with", "damage"),
    [
        pytest.param(b"k" * 32, b"x" * 32, b"", id="another key"),
        pytest.param(b"k" * 32, None, b"", id="key missing"),
        pytest.param(None, b"k" * 32, b"", id="key where there was none"),
        pytest.param(b"k" * 32, b"k" * 32, b"\0", id="a byte more"),
        pytest.param(None, None, b"]", id="not JSON"),
    ],
)
def test_unusable_file_is_said_so(
    tmp_path: Path, written_with: bytes | None, read_with: bytes | None, damage: bytes
) -> None:
    path = tmp_path / "last-good"
    LastGood(path, written_with).save(snapshot())
    path.write_bytes(path.read_bytes() + damage)
    with pytest.raises(Permanent, match="last-good"):
        LastGood(path, read_with).load()


def test_empty_and_foreign_files_are_said_so(tmp_path: Path) -> None:
    path = tmp_path / "last-good"
    for content in (b"", b"[]", b'{"format":99}', b"\xff"):
        path.write_bytes(content)
        for key in (None, b"k" * 32):
            with pytest.raises(Permanent):
                LastGood(path, key).load()
