"""The API over HTTPS, as clients written for kube-apiserver use it."""

import asyncio
import json
from typing import Any

import pytest

from hearthgate.apiserver.server import ApiServer
from tests.component.apiserver.api_objects import (
    APPLY,
    CONFIGMAPS,
    NAMESPACES,
    PARTIAL,
    ROUTES,
    SECRETS,
    SERVICES,
    TABLE,
    configmap,
    names,
    route,
    until,
)
from tests.component.apiserver.conftest import Client


async def test_create_get_list_update_delete(client: Client) -> None:
    created = await client.post(CONFIGMAPS, configmap("a", {"x": "1"}))
    assert created.status == 201
    assert created.body["metadata"]["namespace"] == "default"
    assert (await client.get(f"{CONFIGMAPS}/a")).body == created.body
    assert (await client.post(CONFIGMAPS, configmap("a"))).reason == "AlreadyExists"
    changed = await client.send("PUT", f"{CONFIGMAPS}/a", {**created.body, "data": {"x": "2"}})
    assert (changed.status, changed.body["data"]) == (200, {"x": "2"})
    stale = await client.send("PUT", f"{CONFIGMAPS}/a", {**created.body, "data": {"x": "3"}})
    assert (stale.status, stale.reason) == (409, "Conflict")
    assert await names(client, CONFIGMAPS) == ["a"]
    gone = await client.send("DELETE", f"{CONFIGMAPS}/a")
    assert (gone.status, gone.body["status"]) == (200, "Success")
    assert gone.body["details"]["uid"] == created.body["metadata"]["uid"]
    assert (await client.get(f"{CONFIGMAPS}/a")).reason == "NotFound"
    assert (await client.send("DELETE", f"{CONFIGMAPS}/a")).status == 404


async def test_a_write_that_changes_nothing_does_not_count(client: Client) -> None:
    first = (await client.post(CONFIGMAPS, configmap("a", {"x": "1"}))).body
    assert (await client.merge(f"{CONFIGMAPS}/a", {"data": {"x": "1"}})).body == first
    assert (await client.send("PUT", f"{CONFIGMAPS}/a", first)).body == first
    applied = [
        (await client.send("PATCH", f"{CONFIGMAPS}/b?fieldManager=m", configmap("b"), APPLY)) for _ in range(2)
    ]
    assert [answer.status for answer in applied] == [201, 200]
    assert applied[0].body == applied[1].body


async def test_every_kind_of_patch(client: Client) -> None:
    service = {
        "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]},
    }
    await client.post(SERVICES, service)
    path = f"{SERVICES}/s"
    strategic = {"spec": {"ports": [{"port": 80, "name": "c"}]}}
    answer = await client.send("PATCH", path, strategic, "application/strategic-merge-patch+json")
    assert [port["name"] for port in answer.body["spec"]["ports"]] == ["c", "b"]
    answer = await client.send(
        "PATCH", path, [{"op": "remove", "path": "/spec/ports/1"}], "application/json-patch+json"
    )
    assert [port["name"] for port in answer.body["spec"]["ports"]] == ["c"]
    answer = await client.merge(path, {"spec": {"ports": [{"port": 82, "name": "d"}]}})
    assert answer.body["spec"]["ports"] == [{"port": 82, "name": "d", "protocol": "TCP", "targetPort": 82}]
    yaml = b"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  ports: [{port: 83, name: e}]\n"
    answer = await client.send("PATCH", f"{path}?fieldManager=m&force=true", yaml, APPLY)
    assert [port["port"] for port in answer.body["spec"]["ports"]] == [82, 83]
    assert (await client.send("PATCH", path, yaml, APPLY)).status == 400, "a manager must be named"
    assert (await client.send("PATCH", path, {}, "application/json")).status == 415


async def test_strategic_patches_are_for_built_in_kinds(client: Client) -> None:
    await client.post(ROUTES, route("r"))
    refused = await client.send("PATCH", f"{ROUTES}/r", {}, "application/strategic-merge-patch+json")
    assert (refused.status, refused.reason) == (415, "UnsupportedMediaType")


async def test_the_status_subresource(client: Client) -> None:
    created = (await client.post(ROUTES, {**route("r"), "status": {"observedGeneration": 9}})).body
    assert "status" not in created
    status = {"conditions": [{"type": "Accepted", "status": "True"}]}
    answer = await client.merge(f"{ROUTES}/r/status", {"status": status, "spec": {"entryPoints": ["x"]}})
    assert answer.body["status"] == status
    assert answer.body["spec"] == created["spec"]
    assert answer.body["metadata"]["generation"] == 1
    answer = await client.merge(f"{ROUTES}/r", {"status": None, "spec": {"entryPoints": ["x"]}})
    assert answer.body["status"] == status
    assert answer.body["metadata"]["generation"] == 2
    applied = await client.send(
        "PATCH",
        f"{ROUTES}/r/status?fieldManager=m&force=true",
        {**route("r"), "status": {"observedGeneration": 2}},
        APPLY,
    )
    assert applied.body["status"] == {**status, "observedGeneration": 2}


async def test_a_namespace_must_exist(client: Client) -> None:
    refused = await client.post("/api/v1/namespaces/nope/configmaps", configmap("a"))
    assert (refused.status, refused.body["message"]) == (404, 'namespaces "nope" not found')
    assert {"default", "kube-system"} <= set(await names(client, NAMESPACES))


async def test_a_namespace_ends_with_all_it_holds(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "media"}})
    inside = "/api/v1/namespaces/media/configmaps"
    await client.post(inside, configmap("a"))
    await client.post(inside, configmap("held", finalizers=["test/hold"]))
    answer = await client.send("DELETE", f"{NAMESPACES}/media")
    assert answer.body["status"]["phase"] == "Terminating"
    refused = await client.post(inside, configmap("late"))
    assert refused.status == 403
    assert "being terminated" in refused.body["message"]

    async def left() -> bool:
        return await names(client, inside) == ["held"]

    await until(left)
    assert (await client.get(f"{NAMESPACES}/media")).status == 200
    await client.merge(f"{inside}/held", {"metadata": {"finalizers": None}})

    async def gone() -> bool:
        return (await client.get(f"{NAMESPACES}/media")).status == 404

    await until(gone)
    assert (await client.send("DELETE", f"{NAMESPACES}/default")).status == 403


async def test_dependents_go_when_their_last_owner_has_gone(client: Client) -> None:
    uids = [(await client.post(CONFIGMAPS, configmap(name))).body["metadata"]["uid"] for name in ("o1", "o2")]
    owners = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": f"o{number}", "uid": uid}
        for number, uid in enumerate(uids, 1)
    ]
    await client.post(SECRETS, {"metadata": {"name": "one", "ownerReferences": owners[:1]}})
    await client.post(SECRETS, {"metadata": {"name": "both", "ownerReferences": owners}})
    await client.send("DELETE", f"{CONFIGMAPS}/o1")

    async def only_both() -> bool:
        return await names(client, SECRETS) == ["both"]

    await until(only_both)
    await client.send("DELETE", f"{CONFIGMAPS}/o2", {"propagationPolicy": "Orphan"})

    async def orphaned() -> bool:
        answer = await client.get(f"{SECRETS}/both")
        assert answer.status == 200
        return "ownerReferences" not in answer.body["metadata"]

    await until(orphaned)


async def test_labelling_a_namespace_ends_nothing(client: Client) -> None:
    uid = (await client.get(f"{NAMESPACES}/default")).body["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": uid}
    await client.post(SECRETS, {"metadata": {"name": "s", "ownerReferences": [owner]}})
    await client.post(CONFIGMAPS, configmap("marker"))
    await client.merge(f"{NAMESPACES}/default", {"metadata": {"labels": {"a": "b"}}})
    # Housekeeping works in order: once it has followed the marker it has passed the namespace.
    marker = (await client.get(f"{CONFIGMAPS}/marker")).body["metadata"]["uid"]
    held = {"apiVersion": "v1", "kind": "ConfigMap", "name": "marker", "uid": marker}
    await client.post(SECRETS, {"metadata": {"name": "follows", "ownerReferences": [held]}})
    await client.send("DELETE", f"{CONFIGMAPS}/marker")

    async def followed() -> bool:
        return "follows" not in await names(client, SECRETS)

    await until(followed)
    assert await names(client, SECRETS) == ["s"]


async def test_finalizers_hold_an_object(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("a", finalizers=["test/hold"]))
    answer = await client.send("DELETE", f"{CONFIGMAPS}/a")
    assert "deletionTimestamp" in answer.body["metadata"]
    assert (await client.get(f"{CONFIGMAPS}/a")).status == 200
    await client.merge(f"{CONFIGMAPS}/a", {"metadata": {"finalizers": []}})
    assert (await client.get(f"{CONFIGMAPS}/a")).status == 404


async def test_delete_preconditions_and_collections(client: Client) -> None:
    for name, app in (("a", "x"), ("b", "x"), ("c", "y")):
        await client.post(CONFIGMAPS, configmap(name, labels={"app": app}))
    refused = await client.send("DELETE", f"{CONFIGMAPS}/a", {"preconditions": {"uid": "other"}})
    assert refused.status == 409
    dry = await client.send("DELETE", f"{CONFIGMAPS}/a?dryRun=All")
    assert (dry.status, await names(client, CONFIGMAPS)) == (200, ["a", "b", "c"])
    await client.send("DELETE", f"{CONFIGMAPS}?labelSelector=app%3Dx")
    assert await names(client, CONFIGMAPS) == ["c"]


async def test_dry_runs_store_nothing(client: Client) -> None:
    answer = await client.post(f"{CONFIGMAPS}?dryRun=All", configmap("a"))
    assert answer.status == 201
    assert "resourceVersion" not in answer.body["metadata"]
    assert await names(client, CONFIGMAPS) == []
    await client.post(CONFIGMAPS, configmap("a", {"x": "1"}))
    answer = await client.merge(f"{CONFIGMAPS}/a?dryRun=All", {"data": {"x": "2"}})
    assert answer.body["data"] == {"x": "2"}
    assert (await client.get(f"{CONFIGMAPS}/a")).body["data"] == {"x": "1"}
    refused = await client.post(f"{ROUTES}?dryRun=All&fieldValidation=Strict", route("r", foo=1))
    assert refused.status == 400, "a dry run judges as a real one"


async def test_field_validation(client: Client) -> None:
    strict = await client.post(f"{ROUTES}?fieldValidation=Strict", route("r", foo=1))
    assert (strict.status, strict.reason) == (400, "BadRequest")
    assert 'strict decoding error: unknown field "spec.foo"' in strict.body["message"]
    warned = await client.post(f"{ROUTES}?fieldValidation=Warn", route("r", foo=1))
    assert warned.status == 201
    assert warned.headers.getall("Warning")[0].startswith('299 - "unknown field \\"spec.foo\\"')
    assert "foo" not in warned.body["spec"]
    ignored = await client.post(f"{ROUTES}?fieldValidation=Ignore", route("q", foo=1))
    assert (ignored.status, "Warning" in ignored.headers) == (201, False)
    traced = route("u")
    traced["spec"]["routes"][0]["observability"] = {"tracing": True}
    unsupported = await client.post(f"{ROUTES}?fieldValidation=Strict", traced)
    assert (unsupported.status, "observability.tracing" in unsupported.headers["Warning"]) == (201, True)
    wrong = await client.post(ROUTES, {**route("w"), "spec": {"routes": 5, "entryPoints": "web"}})
    assert (wrong.status, wrong.reason) == (422, "Invalid")
    assert {cause["field"] for cause in wrong.body["details"]["causes"]} == {"spec.routes", "spec.entryPoints"}


async def test_selectors_and_pages(client: Client) -> None:
    for number in range(7):
        await client.post(CONFIGMAPS, configmap(f"c{number}", labels={"odd": str(number % 2)}))
    assert await names(client, f"{CONFIGMAPS}?labelSelector=odd%3D1") == ["c1", "c3", "c5"]
    assert await names(client, f"{CONFIGMAPS}?fieldSelector=metadata.name%3Dc2") == ["c2"]
    first = (await client.get(f"{CONFIGMAPS}?limit=3")).body
    assert first["metadata"]["remainingItemCount"] == 4
    await client.send("DELETE", f"{CONFIGMAPS}/c4")
    await client.post(CONFIGMAPS, configmap("c9"))
    found = [item["metadata"]["name"] for item in first["items"]]
    token = first["metadata"]["continue"]
    while token:
        page = (await client.get(f"{CONFIGMAPS}?limit=3&continue={token}")).body
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        found += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
    assert found == [f"c{number}" for number in range(7)], "the pages are of one moment"
    assert (await client.get(f"{CONFIGMAPS}?limit=3&continue=junk")).reason == "BadRequest"
    assert (await client.get(f"{CONFIGMAPS}?limit=3&continue=lost.3")).reason == "Expired"
    assert (await client.get(f"{CONFIGMAPS}?fieldSelector=spec.x%3D1")).status == 400


async def test_forms_of_a_list(client: Client) -> None:
    await client.post(SECRETS, {"metadata": {"name": "s"}, "stringData": {"a": "hunter2"}})
    table = (await client.get(SECRETS, Accept=f"{TABLE},application/json")).body
    assert [column["name"] for column in table["columnDefinitions"]] == ["NAME", "TYPE", "DATA", "AGE"]
    assert table["rows"][0]["cells"][:3] == ["s", "Opaque", 1]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = (await client.get(f"{SECRETS}?includeObject=Object", Accept=TABLE)).body
    assert whole["rows"][0]["object"]["data"]
    partial = (await client.get(SECRETS, Accept=PARTIAL)).body
    assert partial["kind"] == "PartialObjectMetadataList"
    assert "data" not in partial["items"][0]
    one = await client.get(f"{SECRETS}/s", Accept=PARTIAL.replace("List", ""))
    assert (one.body["kind"], "data" in one.body) == ("PartialObjectMetadata", False)
    assert (await client.get(SECRETS, Accept="text/html")).status == 406


async def test_big_answers_are_compressed_for_who_asks(client: Client) -> None:
    for number in range(4):
        await client.post(CONFIGMAPS, configmap(f"c{number}", {"x": "y" * 50_000}))
    plain = await client.get(CONFIGMAPS, Accept_Encoding="identity")
    packed = await client.get(CONFIGMAPS, Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < 20_000
    assert packed.body == plain.body


async def test_limits(client: Client) -> None:
    body = await client.send("POST", CONFIGMAPS, b"x" * (3 * 1024 * 1024 + 1))
    assert (body.status, body.reason) == (413, "RequestEntityTooLarge")
    big = await client.post(CONFIGMAPS, configmap("a", {"x": "y" * 1_100_000}))
    assert (big.status, big.reason) == (422, "Invalid")
    assert await names(client, CONFIGMAPS) == []
    one = route("a")
    one["spec"]["routes"][0]["match"] = f"Path(`/{'y' * 1_600_000}`)"
    huge = await client.post(ROUTES, one)
    assert (huge.status, huge.reason) == (413, "RequestEntityTooLarge")
    assert await names(client, ROUTES) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_methods_that_do_not_fit(client: Client, method: str) -> None:
    path = {"POST": f"{CONFIGMAPS}/a", "PUT": CONFIGMAPS, "PATCH": CONFIGMAPS, "DELETE": "/api/v1/configmaps"}
    assert (await client.send(method, path[method], {})).status == 405


async def test_generated_names(client: Client) -> None:
    body = configmap("x")
    body["metadata"] = {"generateName": "job-"}
    made = [(await client.post(CONFIGMAPS, body)).body["metadata"]["name"] for _ in range(3)]
    assert len(set(made)) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in made)
    body["metadata"] = {}
    assert (await client.post(CONFIGMAPS, body)).status == 422


async def test_concurrent_updates_lose_nothing(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("a"))
    await asyncio.gather(*(client.merge(f"{CONFIGMAPS}/a", {"data": {f"k{n}": "x"}}) for n in range(50)))
    assert len((await client.get(f"{CONFIGMAPS}/a")).body["data"]) == 50


async def test_an_error_of_ours_is_an_answer_without_details(
    server: ApiServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(server._store, "collection", broken)
    answer = await client.get(CONFIGMAPS)
    assert (answer.status, answer.reason) == (500, "InternalError")
    assert "hunter2" not in json.dumps(answer.body)
