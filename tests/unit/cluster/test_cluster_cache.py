"""The cache of one kind: what counts as a change."""

from typing import Any

import msgspec
import pytest

from hearthgate.cluster.cache import KindCache, read_item
from hearthgate.model.problems import Severity
from tests.unit.cluster.fake_api import BY_NAME, ROUTE, Json, bad_route, route

CONDITIONS = {"conditions": [{"type": "Accepted", "status": "True"}]}
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


def service(**fields: Any) -> Json:
    metadata = {"name": "s", "namespace": "default", "resourceVersion": "1"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {}, **fields}


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param(route("a"), route("a"), False, id="nothing"),
        pytest.param(route("a"), route("a", rule="Host(`x`)"), True, id="spec"),
        pytest.param(route("a"), route("a", labels={"x": "1"}), True, id="label"),
        pytest.param(
            route("a", resourceVersion="1"),
            route("a", resourceVersion="2") | {"status": CONDITIONS},
            False,
            id="our own status",
        ),
        pytest.param(service(), service(status=ADDRESS), True, id="a status that others write"),
        pytest.param(route("a"), bad_route("a"), True, id="good to bad"),
        pytest.param(bad_route("a"), route("a"), True, id="bad to good"),
        pytest.param(bad_route("a"), bad_route("a"), False, id="bad to bad"),
    ],
)
def test_change_is_told_once(before: Json, after: Json, changed: bool) -> None:
    told: list[int] = []
    kind = BY_NAME[before["kind"]]
    cache = KindCache(kind, lambda: told.append(1))
    cache.put(read_item(kind, msgspec.json.encode(before)))
    collection, findings = cache.collection, cache.findings
    told.clear()
    cache.put(read_item(kind, msgspec.json.encode(after)))
    assert bool(told) is changed
    assert (cache.collection is not collection or cache.findings is not findings) is changed


def test_item_of_a_list_names_its_kind_in_problems() -> None:
    content = bad_route("a")
    del content["kind"], content["apiVersion"]
    item = read_item(ROUTE, msgspec.json.encode(content))
    assert {str(problem.ref) for problem in item.problems} == {"IngressRoute default/a"}
    assert all(problem.severity is Severity.ERROR for problem in item.problems)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'"x"', b"\xff", b'{"metadata":7}', b"[" * 5000])
def test_any_bytes_give_an_item(text: bytes) -> None:
    item = read_item(ROUTE, text)
    assert item.resource is None
    assert item.problems
