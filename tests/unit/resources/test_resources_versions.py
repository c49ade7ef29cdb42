"""Other versions of a stored kind: conversion, columns, problems in the words of who wrote."""

from typing import Any

import pytest

from hearthgate.model.problems import Reason, Severity
from hearthgate.resources.core import Event
from hearthgate.resources.decode import decode_mapping, find_kind
from hearthgate.resources.metallb import BGPPeer
from hearthgate.resources.registry import BY_API_VERSION
from hearthgate.resources.versions import BGP_PEERS, EVENTS, OTHER_VERSIONS

EVENT = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {"name": "e", "namespace": "infra"},
    "regarding": {"kind": "Pod", "name": "p"},
    "note": "said",
    "reason": "Bad",
    "type": "Warning",
    "action": "Look",
    "reportingController": "hearthgate",
    "reportingInstance": "box",
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"},
    "deprecatedSource": {"component": "c", "host": "h"},
    "deprecatedFirstTimestamp": "2026-01-01T00:00:00Z",
    "deprecatedLastTimestamp": "2026-01-01T00:00:01Z",
    "deprecatedCount": 3,
}
CORE = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "e", "namespace": "infra"},
    "involvedObject": {"kind": "Pod", "name": "p"},
    "message": "said",
    "reason": "Bad",
    "type": "Warning",
    "action": "Look",
    "reportingComponent": "hearthgate",
    "reportingInstance": "box",
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"},
    "source": {"component": "c", "host": "h"},
    "firstTimestamp": "2026-01-01T00:00:00Z",
    "lastTimestamp": "2026-01-01T00:00:01Z",
    "count": 3,
}


def peer(version: str, **fields: Any) -> dict[str, Any]:
    spec = {"myASN": 64512, "peerASN": 64513, "peerAddress": "10.0.0.1", **fields}
    return {
        "apiVersion": f"metallb.io/{version}",
        "kind": "BGPPeer",
        "metadata": {"name": "router", "namespace": "infra"},
        "spec": spec,
    }


def test_an_event_of_the_newer_group_is_one_of_core() -> None:
    assert EVENTS.to_storage(EVENT) == CORE
    assert EVENTS.from_storage(CORE) == EVENT
    decoded = decode_mapping(EVENT)
    assert isinstance(decoded.resource, Event)
    assert (decoded.resource.message, decoded.resource.count, decoded.problems) == ("said", 3, ())


def test_a_field_without_place_in_the_other_version_keeps_its_value() -> None:
    odd = {**EVENT, "message": "odd", "count": 9}
    assert EVENTS.to_storage(odd) == {**CORE, "note": "odd", "deprecatedCount": 9}
    assert EVENTS.from_storage(EVENTS.to_storage(odd)) == odd


def test_a_mistake_in_an_event_is_named_as_it_was_written() -> None:
    problems = decode_mapping({**EVENT, "note": 5, "regarding": {"name": 1}}).problems
    assert {problem.field for problem in problems} == {"note", "regarding.name"}


def test_an_older_peer_is_read_as_a_newer_one_and_its_owner_told() -> None:
    decoded = decode_mapping(peer("v1beta1", holdTime="90s", peerPort=0))
    assert isinstance(decoded.resource, BGPPeer)
    assert (decoded.resource.spec.hold_time, decoded.resource.spec.peer_port) == ("90s", 179)
    assert [(problem.reason, problem.field) for problem in decoded.problems] == [
        (Reason.DEPRECATED, "apiVersion"),
    ]
    assert decoded.problems[0].severity is Severity.WARNING
    assert "use metallb.io/v1beta2" in decoded.problems[0].message


def test_timers_that_are_not_set_stay_so() -> None:
    assert BGP_PEERS.to_storage(peer("v1beta1")) == peer("v1beta2")


def test_what_only_the_newer_version_has_survives_the_way_through_the_older() -> None:
    newer = peer("v1beta2", vrf="red", passwordSecret={"name": "s"})
    assert BGP_PEERS.to_storage(BGP_PEERS.from_storage(newer)) == newer


def test_a_mistake_in_an_older_peer_is_named_as_it_was_written() -> None:
    problems = decode_mapping(peer("v1beta1", myAS=1)).problems
    assert [(problem.reason, problem.field) for problem in problems] == [
        (Reason.UNKNOWN_FIELD, "spec.myAS"),
        (Reason.DEPRECATED, "apiVersion"),
    ]


@pytest.mark.parametrize("other", OTHER_VERSIONS, ids=lambda other: other.kind.resource)
def test_another_version_is_found_as_what_is_stored(other: Any) -> None:
    found = find_kind({"apiVersion": other.kind.api_version, "kind": other.kind.kind})
    assert found is other.storage is BY_API_VERSION[other.storage.api_version, other.storage.kind]


@pytest.mark.parametrize("spec", [[], "x", None, 5, {"peerPort": False}])
def test_conversion_takes_anything(spec: Any) -> None:
    odd = {**peer("v1beta1"), "spec": spec}
    assert BGP_PEERS.to_storage(odd)["spec"] == spec
