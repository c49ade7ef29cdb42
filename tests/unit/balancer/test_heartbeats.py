"""Who is alive, and whom a heartbeat convinces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.balancer.heartbeats.members import FORGET_AFTER, Members
from hearthgate.balancer.heartbeats.packet import Heartbeat, decode_heartbeat

KEY = b"k" * 32
BEATS = st.builds(
    Heartbeat,
    st.text(max_size=60),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.booleans(),
)


@given(BEATS)
def test_a_heartbeat_comes_back_with_the_right_key_only(beat: Heartbeat) -> None:
    data = beat.encode(KEY)
    assert decode_heartbeat(data, KEY) == beat
    assert decode_heartbeat(data, b"other") is None


@given(BEATS, st.data())
def test_a_changed_byte_is_noticed(beat: Heartbeat, data: st.DataObject) -> None:
    raw = bytearray(beat.encode(KEY))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1
    assert decode_heartbeat(bytes(raw), KEY) is None


@given(st.binary(max_size=400))
def test_any_bytes_are_nothing(data: bytes) -> None:
    assert decode_heartbeat(data, KEY) is None


def test_a_name_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="255"):
        Heartbeat("n" * 256, 1, 1).encode(KEY)


def awake(now: float = 10.0) -> Members:
    """Has listened since second 0 and ticked just now."""
    members = Members("me", 0.6, 0.0)
    ticks = int(now * 5)
    for tick in range(1, ticks + 1):
        members.tick(tick / 5)
    return members


def test_listens_before_it_believes_itself() -> None:
    members = Members("me", 0.6, 0.0)
    members.tick(0.2)
    members.hear(Heartbeat("other", 1, 1), 0.3)
    assert members.alive(0.3) == {"other"}
    for tick in (0.4, 0.6, 0.8):
        members.tick(tick)
    assert members.alive(0.8) == {"me", "other"}


def test_silence_is_death_at_the_moment_it_was_told() -> None:
    members = awake()
    members.hear(Heartbeat("other", 1, 1), 10.0)
    assert members.next_death(10.1) == pytest.approx(0.5)
    members.tick(10.5)
    assert members.alive(10.6) == {"me", "other"}
    assert members.alive(10.61) == {"me"}
    assert members.next_death(10.61) is None


def test_who_leaves_is_gone_at_once_and_may_come_back() -> None:
    members = awake()
    members.hear(Heartbeat("other", 1, 1), 10.0)
    members.hear(Heartbeat("other", 1, 2, is_leaving=True), 10.0)
    assert members.alive(10.0) == {"me"}
    assert members.hear(Heartbeat("other", 2, 1), 10.1)
    assert members.alive(10.1) == {"me", "other"}


@pytest.mark.parametrize("old", [Heartbeat("other", 7, 9), Heartbeat("other", 7, 8), Heartbeat("other", 6, 99)])
def test_what_was_recorded_brings_nobody_back(old: Heartbeat) -> None:
    members = awake()
    assert members.hear(Heartbeat("other", 7, 9), 10.0)
    assert not members.hear(old, 30.0)
    assert "other" not in members.alive(30.0)


def test_an_earlier_run_counts_after_a_long_silence() -> None:
    members = awake()
    members.hear(Heartbeat("other", 7, 9), 10.0)
    assert members.hear(Heartbeat("other", 6, 1), 10.0 + FORGET_AFTER + 1)


def test_who_was_frozen_stands_aside() -> None:
    members = awake()
    assert members.is_awake(10.1)
    assert not members.is_awake(15.0), "no tick for five seconds: an answer now would be stale"
    members.tick(15.0)
    assert members.alive(15.0) == set()
    for tick in (15.2, 15.4, 15.6, 15.8):
        members.tick(tick)
    assert members.alive(15.8) == {"me"}


def test_our_own_packets_and_forgotten_nodes() -> None:
    members = awake()
    assert not members.hear(Heartbeat("me", 1, 1), 10.0)
    members.hear(Heartbeat("other", 1, 1), 10.0)
    members.retain(frozenset({"me"}))
    assert members.alive(10.0) == {"me"}
