"""How a delete is asked for: policies, their finalizers, and options that are refused."""

from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.semantics import lifecycle
from hearthgate.apiserver.semantics.deletion import (
    Deletion,
    Propagation,
    finalizers_after,
    propagation_of,
    read_delete_options,
)
from hearthgate.resources.registry import BY_API_VERSION

CONFIGMAP = BY_API_VERSION["v1", "ConfigMap"]
BACKGROUND, FOREGROUND, ORPHAN = Propagation.BACKGROUND, Propagation.FOREGROUND, Propagation.ORPHAN
NOW = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("held", "policy", "wanted"),
    [
        ([], None, []),
        ([], BACKGROUND, []),
        ([], FOREGROUND, ["foregroundDeletion"]),
        ([], ORPHAN, ["orphan"]),
        (["a/b"], FOREGROUND, ["a/b", "foregroundDeletion"]),
        (["foregroundDeletion", "a/b"], ORPHAN, ["a/b", "orphan"]),
        (["orphan"], BACKGROUND, []),
        (["orphan"], None, ["orphan"]),
        (["foregroundDeletion", "a/b"], FOREGROUND, ["foregroundDeletion", "a/b"]),
    ],
)
def test_a_policy_becomes_a_finalizer(held: list[str], policy: Propagation | None, wanted: list[str]) -> None:
    assert finalizers_after(held, policy) == wanted


def test_a_collected_object_keeps_to_its_own_finalizers() -> None:
    assert propagation_of(["a/b"]) is BACKGROUND
    assert propagation_of(["foregroundDeletion"]) is FOREGROUND
    assert propagation_of(["a/b", "orphan"]) is ORPHAN


@pytest.mark.parametrize(
    ("body", "query", "wanted"),
    [
        ({}, {}, Deletion()),
        ({"propagationPolicy": "Foreground"}, {}, Deletion(propagation=FOREGROUND)),
        ({}, {"propagationPolicy": "Orphan"}, Deletion(propagation=ORPHAN)),
        ({"propagationPolicy": "Background"}, {"propagationPolicy": "Orphan"}, Deletion(propagation=BACKGROUND)),
        ({"orphanDependents": True}, {}, Deletion(propagation=ORPHAN)),
        ({"orphanDependents": False}, {}, Deletion(propagation=BACKGROUND)),
        ({}, {"orphanDependents": "true"}, Deletion(propagation=ORPHAN)),
        ({"gracePeriodSeconds": 0, "kind": "DeleteOptions", "apiVersion": "v1"}, {}, Deletion()),
        ({"preconditions": {"uid": "u", "resourceVersion": "7"}}, {}, Deletion("u", "7")),
        ({"propagationPolicy": None, "preconditions": None, "dryRun": None}, {}, Deletion()),
    ],
)
def test_delete_options(body: Any, query: dict[str, str], wanted: Deletion) -> None:
    assert read_delete_options(body, query) == (wanted, ())


def test_dry_runs_are_asked_for_in_either_place() -> None:
    assert read_delete_options({"dryRun": ["All"]}, {})[1] == ("All",)
    assert read_delete_options({"propagationPolicy": "Orphan"}, {"dryRun": "All"})[1] == ("All",)


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        ([], {}, 400),
        ({"kind": "ConfigMap"}, {}, 400),
        ({"propagationPolicy": 1}, {}, 400),
        ({"orphanDependents": "yes"}, {}, 400),
        ({"gracePeriodSeconds": "0"}, {}, 400),
        ({"gracePeriodSeconds": True}, {}, 400),
        ({}, {"gracePeriodSeconds": "soon"}, 400),
        ({"preconditions": {"uid": 1}}, {}, 400),
        ({"dryRun": "All"}, {}, 400),
        ({"propagationPolicy": "Sideways"}, {}, 422),
        ({"propagationPolicy": "Orphan", "orphanDependents": True}, {}, 422),
        ({"propagationPolicy": "Orphan"}, {"orphanDependents": "false"}, 422),
    ],
)
def test_options_that_are_refused(body: Any, query: dict[str, str], status: int) -> None:
    with pytest.raises(ApiError) as refused:
        read_delete_options(body, query)
    assert refused.value.status == status


def test_the_refusal_is_worded_as_upstream() -> None:
    with pytest.raises(ApiError) as refused:
        read_delete_options({"propagationPolicy": "Sideways"}, {})
    start = 'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways"'
    assert refused.value.message.startswith(start)
    assert refused.value.causes[0].reason == "FieldValueNotSupported"


def test_an_object_is_marked_once_and_may_change_its_policy_later() -> None:
    old = {"metadata": {"name": "a", "finalizers": ["a/b"], "generation": 3}}
    first = lifecycle.deleted(CONFIGMAP, old, FOREGROUND, now=NOW)
    assert first["metadata"]["finalizers"] == ["a/b", "foregroundDeletion"]
    assert first["metadata"]["deletionTimestamp"] == NOW
    assert first["metadata"]["generation"] == 4
    again = lifecycle.deleted(CONFIGMAP, first, None, now="later")
    assert again == first
    changed = lifecycle.deleted(CONFIGMAP, first, ORPHAN, now="later")
    assert changed["metadata"] == first["metadata"] | {"finalizers": ["a/b", "orphan"]}
    assert not lifecycle.is_released(CONFIGMAP, changed)


def test_a_namespace_goes_only_when_its_spec_lets_it() -> None:
    namespace = {"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    ending = lifecycle.deleted(lifecycle.NAMESPACE, namespace, None, now=NOW)
    assert ending["status"] == {"phase": "Terminating"}
    assert not lifecycle.is_released(lifecycle.NAMESPACE, ending)
    assert lifecycle.is_released(lifecycle.NAMESPACE, {**ending, "spec": {"finalizers": []}})


def test_only_the_subresource_changes_the_finalizers_of_a_spec() -> None:
    metadata = {"name": "a", "uid": "u", "resourceVersion": "1"}
    old = {"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}}
    asked = {"metadata": {**metadata, "labels": {"a": "b"}}, "spec": {"finalizers": []}}
    written = lifecycle.updated(lifecycle.NAMESPACE, old, asked, status=False)
    assert written["spec"] == {"finalizers": ["kubernetes"]}
    assert written["metadata"]["labels"] == {"a": "b"}
    finalized = lifecycle.finalized(old, asked)
    assert finalized == {"metadata": metadata, "spec": {"finalizers": []}}
