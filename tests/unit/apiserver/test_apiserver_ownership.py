"""Owners and dependents: the index, what is read of an object, and references that are refused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.apiserver.semantics.names import metadata_causes
from hearthgate.apiserver.semantics.ownership import Dependents, Place, head_of, may_matter
from hearthgate.resources.registry import BY_API_VERSION

CONFIGMAP = BY_API_VERSION["v1", "ConfigMap"]
OWNER = {"apiVersion": "v1", "kind": "Secret", "name": "a", "uid": "u1"}


def test_the_head_of_an_object() -> None:
    metadata = {
        "uid": "u2",
        "resourceVersion": "7",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["foregroundDeletion"],
        "ownerReferences": [{**OWNER, "blockOwnerDeletion": True, "controller": True}],
    }
    raw = msgspec.json.encode({"metadata": metadata, "spec": {"x": 1}})
    head = head_of(raw)
    assert may_matter(raw)
    assert (head.uid, head.resource_version, head.is_ending, head.goes_last) == ("u2", "7", True, True)
    assert [(owner.uid, owner.blocks) for owner in head.owners] == [("u1", True)]
    assert not head.leaves_orphans


def test_an_object_without_owners_does_not_matter() -> None:
    raw = msgspec.json.encode({"metadata": {"uid": "u", "finalizers": ["orphan"]}})
    assert not may_matter(raw)
    assert head_of(raw).owners == ()
    assert not head_of(raw).leaves_orphans, "it is not being deleted"


def test_owners_that_an_older_version_let_in_are_none() -> None:
    head = head_of(msgspec.json.encode({"metadata": {"uid": "u", "ownerReferences": "junk"}}))
    assert (head.uid, head.owners) == ("u", ())


PLACES = [Place("configmaps", "a", str(number)) for number in range(4)]
CHANGES = st.lists(st.tuples(st.sampled_from(PLACES), st.frozensets(st.sampled_from("xyz"))), max_size=30)


@given(CHANGES)
def test_the_index_is_what_the_last_changes_say(changes: list[tuple[Place, frozenset[str]]]) -> None:
    index = Dependents()
    truth: dict[Place, frozenset[str]] = {}
    for place, owners in changes:
        assert index.set(place, owners) == truth.get(place, frozenset())
        truth[place] = owners
    for uid in "xyz":
        assert set(index.of(uid)) == {place for place, owners in truth.items() if uid in owners}
    assert all(index.knows(place) == bool(owners) for place, owners in truth.items())


@pytest.mark.parametrize(
    ("references", "wanted"),
    [
        ([OWNER], []),
        ([{**OWNER, "controller": True}, {**OWNER, "uid": "u2"}], []),
        ([{**OWNER, "apiVersion": ""}], ["metadata.ownerReferences[0].apiVersion"]),
        ([{**OWNER, "apiVersion": "apps/"}], ["metadata.ownerReferences[0].apiVersion"]),
        (
            [OWNER, {"apiVersion": "v1"}],
            [f"metadata.ownerReferences[1].{name}" for name in ("kind", "name", "uid")],
        ),
        (
            [{**OWNER, "controller": True}, {**OWNER, "uid": "u2", "controller": True}],
            ["metadata.ownerReferences"],
        ),
        ([{**OWNER, "kind": "Event"}], ["metadata.ownerReferences[0]"]),
        (["junk"], ["metadata.ownerReferences[0]"]),
        ([{**OWNER, "blockOwnerDeletion": "yes"}], ["metadata.ownerReferences[0].blockOwnerDeletion"]),
    ],
)
def test_references_are_complete_and_one_owner_is_the_controller(references: list[Any], wanted: list[str]) -> None:
    causes = metadata_causes(CONFIGMAP, {"name": "a", "ownerReferences": references})
    assert [cause.field for cause in causes] == wanted


def test_an_object_cannot_go_before_and_after_its_dependents() -> None:
    metadata = {"name": "a", "finalizers": ["orphan", "foregroundDeletion"]}
    (cause,) = metadata_causes(CONFIGMAP, metadata)
    assert "cannot be both set" in cause.message
