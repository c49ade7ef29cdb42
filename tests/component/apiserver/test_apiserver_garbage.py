"""What becomes of dependents, finalizers and namespaces when something is deleted."""

from pathlib import Path
from typing import Any

import pytest

from hearthgate.apiserver.server import ApiServer
from tests.component.apiserver.api_objects import CONFIGMAPS, NAMESPACES, SECRETS, configmap, names, until
from tests.component.apiserver.conftest import Answer, Client, client_of

HOLD = "example.org/hold"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def make(client: Client, name: str, *owners: Any, path: str = CONFIGMAPS, **metadata: Any) -> Any:
    """A new ConfigMap that belongs to `owners`, as stored."""
    body = configmap(name, **metadata)
    if owners:
        body["metadata"]["ownerReferences"] = [owned(owner) for owner in owners]
    answer = await client.post(path, body)
    assert answer.status == 201, answer.body
    return answer.body


def owned(owner: Any, *, block: bool = True) -> dict[str, Any]:
    named = {key: owner["metadata"][key] for key in ("name", "uid")}
    identity = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
    return {**identity, **named, "blockOwnerDeletion": block}


async def delete(client: Client, name: str, policy: str = "", path: str = CONFIGMAPS, **options: Any) -> Answer:
    body = {**({"propagationPolicy": policy} if policy else {}), **options}
    return await client.send("DELETE", f"{path}/{name}", body or None)


async def metadata_of(client: Client, name: str, path: str = CONFIGMAPS) -> Any:
    answer = await client.get(f"{path}/{name}")
    return answer.body["metadata"] if answer.status == 200 else None


async def release(client: Client, name: str, path: str = CONFIGMAPS) -> None:
    """Takes all finalizers of clients off."""
    answer = await client.merge(f"{path}/{name}", {"metadata": {"finalizers": None}})
    assert answer.status == 200, answer.body


async def gone(client: Client, *wanted: str) -> None:
    async def check() -> bool:
        return not set(wanted) & set(await names(client, CONFIGMAPS))

    await until(check)


async def test_dependents_follow_in_the_background(client: Client) -> None:
    owner = await make(client, "owner")
    child = await make(client, "child", owner)
    await make(client, "grandchild", child)
    assert (await delete(client, "owner")).body["status"] == "Success"
    await gone(client, "child", "grandchild")


async def test_a_dependent_stays_while_it_has_an_owner(client: Client) -> None:
    first, second = await make(client, "first"), await make(client, "second")
    await make(client, "child", first, second)
    await delete(client, "first")

    async def disowned() -> bool:
        references = (await metadata_of(client, "child"))["ownerReferences"]
        return [one["name"] for one in references] == ["second"]

    await until(disowned)
    await delete(client, "second")
    await gone(client, "child")


async def test_in_the_foreground_the_owner_goes_last(client: Client) -> None:
    owner = await make(client, "owner")
    child = await make(client, "child", owner, finalizers=[HOLD])
    await make(client, "grandchild", child)
    answer = await delete(client, "owner", "Foreground")
    assert answer.status == 200
    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    await gone(client, "grandchild")

    async def child_is_ending() -> bool:
        return "deletionTimestamp" in await metadata_of(client, "child")

    await until(child_is_ending)
    assert await metadata_of(client, "owner") is not None, "it waits for the child"
    # Only what the API itself added has to go by itself; the finalizer of the client holds the child.
    await client.merge(f"{CONFIGMAPS}/child", {"metadata": {"finalizers": None}})
    await gone(client, "owner", "child")


async def test_a_dependent_that_does_not_block_is_not_waited_for(client: Client) -> None:
    owner = await make(client, "owner")
    reference = owned(owner, block=False)
    await make(client, "child", finalizers=[HOLD], ownerReferences=[reference])
    await delete(client, "owner", "Foreground")
    await gone(client, "owner")
    assert await metadata_of(client, "child") is not None
    await release(client, "child")
    await gone(client, "child")


async def test_a_dependent_that_loses_its_owner_lets_it_go(client: Client) -> None:
    owner = await make(client, "owner")
    await make(client, "child", owner, finalizers=[HOLD])
    await delete(client, "owner", "Foreground")
    await client.merge(f"{CONFIGMAPS}/child", {"metadata": {"ownerReferences": None}})
    await gone(client, "owner")


async def test_finalizers_of_clients_hold_an_owner_in_the_foreground_too(client: Client) -> None:
    owner = await make(client, "owner", finalizers=[HOLD])
    await make(client, "child", owner)
    await delete(client, "owner", "Foreground")
    await gone(client, "child")

    async def only_the_client_holds() -> bool:
        held: list[str] = (await metadata_of(client, "owner"))["finalizers"]
        return held == [HOLD]

    await until(only_the_client_holds)
    await release(client, "owner")
    await gone(client, "owner")


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_circles_do_not_hang(client: Client, length: int) -> None:
    made = [await make(client, f"ring-{number}") for number in range(length)]
    for number, member in enumerate(made):
        owner = made[(number + 1) % length]
        patch = {"metadata": {"ownerReferences": [owned(owner)]}}
        assert (await client.merge(f"{CONFIGMAPS}/{member['metadata']['name']}", patch)).status == 200
    await delete(client, "ring-0", "Foreground")
    await gone(client, *(f"ring-{number}" for number in range(length)))


@pytest.mark.parametrize("options", [{"propagationPolicy": "Orphan"}, {"orphanDependents": True}])
async def test_orphans_stay_without_their_owner(client: Client, options: dict[str, Any]) -> None:
    owner = await make(client, "owner")
    await make(client, "child", owner)
    answer = await delete(client, "owner", **options)
    assert answer.body["metadata"]["finalizers"] == ["orphan"]
    await gone(client, "owner")
    assert "ownerReferences" not in await metadata_of(client, "child")


async def test_the_policy_of_a_second_delete_counts(client: Client) -> None:
    owner = await make(client, "owner")
    await make(client, "child", owner, finalizers=[HOLD])
    await delete(client, "owner", "Foreground")
    again = await delete(client, "owner")
    assert again.body["metadata"]["finalizers"] == ["foregroundDeletion"], "none is as before"
    await delete(client, "owner", "Orphan")
    await gone(client, "owner")
    child = await metadata_of(client, "child")
    await release(client, "child")
    assert "ownerReferences" not in child


async def test_a_dependent_of_what_is_gone_is_collected(client: Client) -> None:
    owner = await make(client, "owner")
    await delete(client, "owner")
    await make(client, "late", owner)
    await gone(client, "late")
    other = {**owner, "metadata": {**owner["metadata"], "uid": "another"}}
    await make(client, "owner")
    await make(client, "of-another", other)
    await gone(client, "of-another")


async def test_an_owner_of_a_kind_that_nobody_serves_is_left_alone(client: Client) -> None:
    unknown = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "uid": "u"}}
    owner = await make(client, "owner")
    await make(client, "child", unknown, owner)
    await delete(client, "owner")
    await make(client, "sentinel", owner)
    await gone(client, "sentinel")
    assert len((await metadata_of(client, "child"))["ownerReferences"]) == 2


async def told_of(client: Client, name: str) -> None:
    """An Event says that the owner of the object is out of reach."""

    async def check() -> bool:
        events = (await client.get("/api/v1/namespaces/default/events")).body["items"]
        found = [one["involvedObject"]["name"] for one in events if one["reason"] == "OwnerRefInvalidNamespace"]
        return found == [name]

    await until(check)


def definition() -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


async def test_dependents_of_a_kind_that_goes_with_its_definition_go(client: Client) -> None:
    assert (await client.post(DEFINITIONS, definition())).status == 201
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}}
    owner = await client.post("/apis/example.org/v1/namespaces/default/widgets", widget)
    assert owner.status == 201, owner.body
    for number in range(5):
        await make(client, f"child-{number}", owner.body)
    await client.send("DELETE", f"{DEFINITIONS}/widgets.example.org")
    await gone(client, *(f"child-{number}" for number in range(5)))


async def test_an_owner_whose_kind_is_defined_later_turns_out_to_be_gone(client: Client) -> None:
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "uid": "never"}}
    await make(client, "child", widget)
    await make(client, "sentinel", {**configmap("x"), "metadata": {"name": "x", "uid": "never"}})
    await gone(client, "sentinel")
    assert await metadata_of(client, "child") is not None
    await client.post(DEFINITIONS, definition())
    await gone(client, "child")


async def test_an_owner_in_another_namespace_is_none_and_is_told(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "other"}})
    elsewhere = CONFIGMAPS.replace("default", "other")
    owner = await make(client, "owner", path=elsewhere)
    await make(client, "child", owner)
    await gone(client, "child")
    await told_of(client, "child")
    assert await metadata_of(client, "owner", elsewhere) is not None


async def test_a_namespace_and_other_cluster_wide_objects_own_what_is_in_namespaces(client: Client) -> None:
    node = (await client.post("/api/v1/nodes", {"metadata": {"name": "box"}})).body
    await make(client, "child", node)
    await client.send("DELETE", "/api/v1/nodes/box", {"propagationPolicy": "Foreground"})
    await gone(client, "child")

    async def is_gone() -> bool:
        return (await client.get("/api/v1/nodes/box")).status == 404

    await until(is_gone)


async def test_an_object_of_no_namespace_never_goes_with_one_in_a_namespace(client: Client) -> None:
    owner = await make(client, "owner")
    await client.post("/api/v1/nodes", {"metadata": {"name": "box", "ownerReferences": [owned(owner)]}})
    await told_of(client, "box")
    await delete(client, "owner")
    await make(client, "sentinel", owner)
    await gone(client, "sentinel")
    assert (await client.get("/api/v1/nodes/box")).status == 200


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
async def test_a_collection_is_deleted_with_every_policy(client: Client, policy: str) -> None:
    owners = [await make(client, f"owner-{number}", labels={"role": "owner"}) for number in range(3)]
    for number, owner in enumerate(owners):
        await make(client, f"child-{number}", owner)
    answer = await client.send("DELETE", f"{CONFIGMAPS}?labelSelector=role=owner", {"propagationPolicy": policy})
    assert len(answer.body["items"]) == 3
    await gone(client, "owner-0", "owner-1", "owner-2")
    if policy == "Orphan":
        assert {"child-0", "child-1", "child-2"} <= set(await names(client, CONFIGMAPS))
    else:
        await gone(client, "child-0", "child-1", "child-2")


async def test_options_that_contradict_are_refused(client: Client) -> None:
    await make(client, "a")
    refused = await delete(client, "a", "Orphan", orphanDependents=True)
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert (await delete(client, "a", "Sideways")).status == 422
    assert (await delete(client, "a", gracePeriodSeconds=30)).status == 200


async def test_incomplete_owners_are_refused(client: Client) -> None:
    body = configmap("a", ownerReferences=[{"apiVersion": "v1", "kind": "Secret", "name": "b"}])
    refused = await client.post(CONFIGMAPS, body)
    assert refused.status == 422
    assert refused.body["details"]["causes"][0]["field"] == "metadata.ownerReferences[0].uid"


async def test_what_was_to_go_goes_after_a_restart(tmp_path: Path) -> None:
    first = ApiServer(state=tmp_path / "state", port=0)
    await first.start()
    async with client_of(first) as client:
        owner = await make(client, "owner")
        child = await make(client, "child", owner, finalizers=[HOLD])
        await make(client, "grandchild", child, finalizers=[HOLD])
        await delete(client, "owner", "Foreground")

        async def waits() -> bool:
            return "deletionTimestamp" in (await metadata_of(client, "grandchild"))

        await until(waits)
    await first.stop()
    second = ApiServer(state=tmp_path / "state", port=0)
    await second.start()
    async with client_of(second) as client:
        await release(client, "grandchild")
        await release(client, "child")
        await gone(client, "owner", "child", "grandchild")
    await second.stop()


async def test_a_namespace_says_what_holds_it(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "held"}})
    inside = CONFIGMAPS.replace("default", "held")
    await make(client, "stuck", path=inside, finalizers=[HOLD])
    await make(client, "free", path=inside)
    await client.send("DELETE", f"{NAMESPACES}/held")

    async def told() -> bool:
        return "conditions" in (await client.get(f"{NAMESPACES}/held")).body["status"]

    await until(told)
    status = (await client.get(f"{NAMESPACES}/held")).body["status"]
    assert status["phase"] == "Terminating"
    said = {condition["type"]: condition for condition in status["conditions"]}
    assert "configmaps. has 1 resource instances" in said["NamespaceContentRemaining"]["message"]
    assert HOLD in said["NamespaceFinalizersRemaining"]["message"]
    refused = await client.post(inside, configmap("new"))
    assert refused.status == 403
    (cause,) = refused.body["details"]["causes"]
    assert (cause["reason"], cause["field"]) == ("NamespaceTerminating", "metadata.namespace")
    await release(client, "stuck", inside)

    async def removed() -> bool:
        return (await client.get(f"{NAMESPACES}/held")).status == 404

    await until(removed)


async def test_finalizers_of_a_namespace_are_replaced_by_the_subresource_alone(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "odd"}, "spec": {"finalizers": ["example.org/keep"]}})
    path = f"{NAMESPACES}/odd"
    await client.merge(path, {"spec": {"finalizers": []}})
    kept = (await client.get(path)).body
    assert kept["spec"]["finalizers"] == ["example.org/keep", "kubernetes"]
    assert (await client.send("DELETE", path)).body["status"]["phase"] == "Terminating"
    assert (await client.get(f"{path}/finalize")).status == 405

    async def emptied() -> bool:
        held: list[str] = (await client.get(path)).body["spec"]["finalizers"]
        return held == ["example.org/keep"]

    await until(emptied)
    current = (await client.get(path)).body
    answer = await client.send("PUT", f"{path}/finalize", {**current, "spec": {"finalizers": []}})
    assert answer.status == 200
    assert (await client.get(path)).status == 404


async def test_secrets_own_as_well(client: Client) -> None:
    secret = (await client.post(SECRETS, {"metadata": {"name": "s"}, "stringData": {"a": "b"}})).body
    await make(client, "child", secret)
    await delete(client, "s", path=SECRETS)
    await gone(client, "child")
