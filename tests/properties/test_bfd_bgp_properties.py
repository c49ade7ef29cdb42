"""Whatever comes from a router is a message or a WireError; two sides of BFD agree whatever gets lost."""

import contextlib
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.balancer.bfd.machine import Machine, Timers
from hearthgate.balancer.bfd.packet import Control, State, decode_control
from hearthgate.balancer.bgp.communities import read_community
from hearthgate.balancer.bgp.messages import HEADER, Family, read_header, read_open
from hearthgate.balancer.bgp.model import Communities, Path, Prefix
from hearthgate.balancer.bgp.updates import Terms, updates
from hearthgate.model.errors import WireError

_timers = st.builds(
    Timers, st.integers(10_000, 60_000_000), st.integers(10_000, 60_000_000), st.integers(2, 255), st.just(False)
)
_words = st.integers(1, 2**32 - 1)
_controls = st.builds(
    Control,
    st.sampled_from(State),
    st.integers(1, 255),
    _words,
    _words,
    _words,
    _words,
    st.integers(0, 31),
    poll=st.booleans(),
    final=st.just(False),
)
_prefixes = st.integers(0, 255).map(lambda number: ip_network(f"10.0.{number}.0/24"))
_tables = st.dictionaries(_prefixes, st.builds(Path, st.integers(0, 2), st.just(Communities())), max_size=20)


@given(_controls)
def test_a_packet_comes_back(control: Control) -> None:
    assert decode_control(control.encode()) == control


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_refused(data: bytes) -> None:
    for read in (decode_control, read_open):
        try:
            read(data)
        except WireError:
            continue
    if len(data) >= HEADER:
        try:
            read_header(data[:HEADER])
        except WireError:
            return


@given(_timers, _timers, st.lists(st.sampled_from(("both", "a", "b", "none", "dead")), max_size=30))
def test_both_sides_agree_once_packets_pass_again(one: Timers, other: Timers, weather: list[str]) -> None:
    a, b, now = Machine(one, 1), Machine(other, 2), 0.0
    for passes in (*weather, *["both"] * 6):
        if passes == "dead":
            now += 255 * 60.0 + 1
            for machine in (a, b):
                machine.expire(now)
        sent = (a.speak(), b.speak())
        for machine, heard, is_open in (
            (b, sent[0], passes in {"both", "a"}),
            (a, sent[1], passes in {"both", "b"}),
        ):
            answer = machine.hear(heard, now) if is_open else None
            if answer is not None:
                (a if machine is b else b).hear(answer, now)
    assert (a.state, b.state) == (State.UP, State.UP)
    assert not a.speak().poll
    assert not b.speak().poll
    assert a.detection >= b.interval * b.timers.multiplier - 1e-6


@given(_tables, _tables)
def test_what_is_told_leads_from_one_table_to_the_other(
    before: dict[Prefix, Path], after: dict[Prefix, Path]
) -> None:
    terms = Terms(65001, True, True, {Family.IPV4: ip_network("10.9.0.1/32").network_address})
    known = dict(before)
    for message in updates(before, after, terms):
        body = message[HEADER:]
        length = int.from_bytes(body[:2], "big")
        for prefix in _read(body[2 : 2 + length]):
            del known[prefix]
        attributes = int.from_bytes(body[2 + length : 4 + length], "big")
        rest = body[4 + length + attributes :]
        preference = body.rpartition(bytes.fromhex("400504"))[2][:4] if rest else b""
        for prefix in _read(rest):
            known[prefix] = Path(int.from_bytes(preference, "big") % 100)
    assert known == after


@given(st.text(max_size=20))
def test_any_text_is_a_community_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        found = read_community(text)
        assert len(found.plain) + len(found.large) == 1


def _read(data: bytes) -> list[Prefix]:
    return [ip_network((data[place + 1 : place + 4] + b"\x00", 24)) for place in range(0, len(data), 4)]
