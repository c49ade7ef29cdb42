"""Frames: what is written is read again, and any bytes give a frame or nothing."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.balancer.frames import arp, ndp
from hearthgate.balancer.frames.ethernet import Mac

MACS = st.binary(min_size=6, max_size=6).map(Mac)
V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(IPv6Address)
ARPS = st.builds(arp.Arp, MACS, MACS, st.sampled_from(arp.Operation), MACS, V4, MACS, V4)
TARGETS = V6.filter(lambda address: not address.is_multicast)
NO = st.just(False)
YES = st.just(True)
QUESTIONS = st.builds(ndp.Neighbour, MACS, MACS, V6, V6, NO, TARGETS, st.none() | MACS, NO, NO)
ANSWERS = st.builds(
    ndp.Neighbour, MACS, MACS, V6, V6, YES, TARGETS, st.none() | MACS, st.booleans(), st.booleans()
)


@given(ARPS, st.binary(max_size=18))
def test_arp_comes_back(frame: arp.Arp, padding: bytes) -> None:
    assert arp.decode_arp(frame.encode() + padding) == frame


@given(QUESTIONS | ANSWERS)
def test_neighbours_come_back(frame: ndp.Neighbour) -> None:
    assert ndp.decode_neighbour(frame.encode()) == frame


@given(st.binary(max_size=120))
def test_any_bytes_are_a_frame_or_nothing(data: bytes) -> None:
    arp.decode_arp(data)
    ndp.decode_neighbour(data)


@given(QUESTIONS | ANSWERS, st.data())
def test_a_changed_bit_after_the_ethernet_header_is_noticed(frame: ndp.Neighbour, data: st.DataObject) -> None:
    raw = bytearray(frame.encode())
    place = data.draw(st.integers(22, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    assert ndp.decode_neighbour(bytes(raw)) is None


@given(QUESTIONS, MACS)
def test_answers_name_what_was_asked_for(question: ndp.Neighbour, mac: Mac) -> None:
    answer = ndp.decode_neighbour(ndp.answer(question, mac).encode())
    assert answer is not None
    assert (answer.target, answer.option, answer.is_advertisement) == (question.target, mac, True)
    assert answer.from_ == question.target


@given(V4, MACS, MACS)
def test_who_claims_an_address(address: IPv4Address, mac: Mac, other: Mac) -> None:
    own = frozenset({mac})
    for frame in arp.announcements(address, mac):
        assert not arp.claims(frame, address, own)
        assert arp.claims(frame, address, frozenset({other})) == (mac != other)
    assert arp.claims(arp.probe(address, other), address, own) == (other != mac)
