"""Conversion between versions loses nothing, whatever the object holds."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.resources.versions import BGP_PEERS, EVENTS, OtherVersion

NAMES = sorted({*EVENTS.renamed, "reason", "type", "series", "metadata", "spec", "status", "x"})
# No 0: as the older peer's port it means the same as no port, and goes.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(1, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
PEER_FIELDS = ["myASN", "peerASN", "peerAddress", "peerPort", "holdTime", "nodeSelectors", "password", "vrf"]


def objects(other: OtherVersion, fields: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    head = {"apiVersion": other.kind.api_version, "kind": other.kind.kind}
    return fields.map(lambda found: {**found, **head})


EVENT_OBJECTS = objects(EVENTS, st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8))
PEER_OBJECTS = objects(
    BGP_PEERS,
    st.fixed_dictionaries(
        {}, optional={"spec": st.dictionaries(st.sampled_from(PEER_FIELDS), VALUES), "status": VALUES}
    ),
)


@given(EVENT_OBJECTS)
def test_an_event_comes_back_as_it_was(event: dict[str, Any]) -> None:
    before = dict(event)
    stored = EVENTS.to_storage(event)
    assert stored["apiVersion"] == EVENTS.storage.api_version
    assert EVENTS.from_storage(stored) == event == before


@given(PEER_OBJECTS)
def test_a_peer_comes_back_as_it_was(peer: dict[str, Any]) -> None:
    stored = BGP_PEERS.to_storage(peer)
    assert stored["apiVersion"] == BGP_PEERS.storage.api_version
    assert BGP_PEERS.from_storage(stored) == peer
