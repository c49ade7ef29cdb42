"""Sets of addresses, and databases of countries: the answers are those of Python's own networks."""

from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.ingress.guards.mmdb import Database
from hearthgate.ingress.middlewares.ranges import EVERYBODY, Range, Ranges, Span, encode, joined, span, without
from hearthgate.model.errors import WireError
from tests.mmdb_file import mmdb

_FEW4 = st.integers(0, 63).map(lambda low: int(IPv4Address("192.0.2.0")) + low)
_FEW6 = st.integers(0, 63).map(lambda low: int(IPv6Address("2001:db8::")) + low)
_NETWORK = st.one_of(
    st.tuples(_FEW4, st.integers(26, 32)).map(lambda one: str(ip_network((one[0], one[1]), strict=False))),
    st.tuples(_FEW6, st.integers(122, 128)).map(
        lambda one: str(ip_network((IPv6Address(one[0]), one[1]), strict=False))
    ),
)
_NETWORKS = st.lists(_NETWORK, max_size=12)


def _in(number: int, ranges: tuple[Range, ...]) -> bool:
    return any(first <= number <= last for first, last in ranges)


@given(_NETWORKS, _NETWORKS)
def test_sets_hold_what_their_networks_hold(wanted: list[str], unwanted: list[str]) -> None:
    left = without(joined(map(span, wanted)), joined(map(span, unwanted)))
    for low in range(-2, 66):
        for base, ranges in ((IPv4Address("192.0.2.0"), left.v4), (IPv6Address("2001:db8::"), left.v6)):
            address = base + low
            held = any(
                address in ip_network(text) for text in wanted if ip_network(text).version == address.version
            )
            cut = any(
                address in ip_network(text) for text in unwanted if ip_network(text).version == address.version
            )
            assert _in(int(address), ranges) == (held and not cut)


@given(_NETWORKS, _NETWORKS)
def test_ranges_are_sorted_and_apart(wanted: list[str], unwanted: list[str]) -> None:
    for ranges in without(joined(map(span, wanted)), joined(map(span, unwanted))):
        assert all(first <= last for first, last in ranges)
        assert all(one[1] + 1 <= other[0] for one, other in pairwise(ranges))


@given(_NETWORKS)
def test_everybody_but_some_and_those_are_everybody(some: list[str]) -> None:
    held = joined(map(span, some))
    rest = without(EVERYBODY, held)
    assert _joined(rest, held) == EVERYBODY
    assert without(rest, held) == rest


def _joined(one: Ranges, other: Ranges) -> Ranges:
    spans = [Span(4, *each) for each in (*one.v4, *other.v4)] + [Span(6, *each) for each in (*one.v6, *other.v6)]
    return joined(spans)


@given(_NETWORKS)
def test_the_order_of_networks_does_not_matter(texts: list[str]) -> None:
    assert encode(joined(map(span, texts))) == encode(joined(map(span, sorted(texts, reverse=True))))


@pytest.mark.parametrize("record", [24, 28, 32])
@given(networks=st.dictionaries(_NETWORK, st.sampled_from(["SE", "NO", "DE"]), max_size=8))
def test_databases_say_what_was_written(record: int, networks: dict[str, str]) -> None:
    ordered = dict(sorted(networks.items(), key=lambda one: ip_network(one[0]).prefixlen))
    ordered = dict(sorted(ordered.items(), key=lambda one: ip_network(one[0]).version))
    content = mmdb(ordered, record=record)
    for country in ("SE", "NO", ""):
        found = Database(content).ranges(lambda code, wanted=country: code == wanted)  # type: ignore[misc]
        for base, ranges in ((IPv4Address("192.0.2.0"), found.v4), (IPv6Address("2001:db8::"), found.v6)):
            for low in range(-1, 65):
                address = base + low
                said = ""
                for text, code in ordered.items():
                    if ip_network(text).version == address.version and address in ip_network(text):
                        said = code
                assert _in(int(address), ranges) == (said == country), (str(address), said, country)


def test_a_database_of_ipv4_alone_knows_no_other_addresses() -> None:
    database = Database(mmdb({"192.0.2.0/24": "SE"}, version=4))
    assert database.ranges(lambda code: code == "SE") == Ranges(((0xC0000200, 0xC00002FF),), ())
    assert database.ranges(lambda code: code == "").v6 == EVERYBODY.v6


@given(st.binary(max_size=200))
def test_any_bytes_are_a_database_or_a_wire_error(content: bytes) -> None:
    for body in (content, content + b"\xab\xcd\xefMaxMind.com" + content):
        with pytest.raises(WireError):
            Database(body)


@given(st.data())
def test_a_damaged_database_is_read_or_a_wire_error(data: st.DataObject) -> None:
    content = bytearray(mmdb({"192.0.2.0/24": "SE", "192.0.2.128/25": "NO", "2001:db8::/32": "SE"}))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        Database(bytes(content)).ranges(lambda code: code == "SE")
    except WireError:
        return
