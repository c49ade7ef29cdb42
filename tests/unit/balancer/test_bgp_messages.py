"""BGP's messages: what is written can be read, and what cannot be read is refused."""

from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from hearthgate.balancer.bgp.messages import (
    HEADER,
    LARGEST,
    Family,
    Kind,
    Notification,
    Open,
    read_header,
    read_notification,
    read_open,
    read_refresh,
)
from hearthgate.balancer.bgp.model import Communities, Path, Prefix
from hearthgate.balancer.bgp.updates import Terms, end_of_rib, updates
from hearthgate.model.errors import WireError

V4, V6 = Family.IPV4, Family.IPV6
TERMS = Terms(65001, False, True, {V4: ip_address("10.0.0.1"), V6: ip_address("fd00::1")})
ONE: Prefix = ip_network("10.50.0.1/32")
SIX: Prefix = ip_network("fd50::/64")


def body(message: bytes) -> bytes:
    kind, length = read_header(message[:HEADER])
    assert length == len(message) - HEADER
    assert kind in set(Kind)
    return message[HEADER:]


@pytest.mark.parametrize(
    "opened",
    [
        Open(65001, 90, IPv4Address("10.0.0.1"), frozenset({V4})),
        Open(4200000000, 0, IPv4Address("10.0.0.1"), frozenset({V4, V6})),
        Open(65001, 9, IPv4Address("1.1.1.1"), frozenset({V6}), restart_families=frozenset({V6})),
        Open(65001, 9, IPv4Address("1.1.1.1"), frozenset({V4}), has_long_asn=False, has_refresh=False),
    ],
)
def test_an_open_comes_back(opened: Open) -> None:
    assert read_open(body(opened.encode())) == opened


def test_a_restart_is_told() -> None:
    opened = Open(65001, 9, IPv4Address("1.1.1.1"), frozenset({V4}), restart_families=frozenset({V4}))
    kept = "00010180"
    assert opened.encode().hex().endswith(f"40060078{kept}")
    assert opened._replace(is_restarting=True).encode().hex().endswith(f"40068078{kept}")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "a short OPEN"),
        (b"\x03\xfd\xe9\x00\x5a\x01\x01\x01\x01\x00", "BGP version 3"),
        (b"\x04\xfd\xe9\x00\x01\x01\x01\x01\x01\x00", "a hold time of 1 s"),
        (b"\x04\x00\x00\x00\x5a\x01\x01\x01\x01\x00", "AS number 0"),
        (b"\x04\xfd\xe9\x00\x5a\x01\x01\x01\x01\x05", "parameters do not fit"),
        (b"\x04\xfd\xe9\x00\x5a\x01\x01\x01\x01\x03\x02\x09\x01", "ends too early"),
    ],
)
def test_a_wrong_open(message: bytes, words: str) -> None:
    with pytest.raises(WireError, match=words):
        read_open(message)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"\x00" * 16 + b"\x00\x13\x04", "no BGP message"),
        (b"\xff" * 16 + b"\x00\x12\x04", "a message of 18 bytes"),
        (b"\xff" * 16 + b"\xff\xff\x04", "a message of 65535 bytes"),
        (b"\xff" * 16 + b"\x00\x13\x09", "message type 9"),
    ],
)
def test_a_wrong_header(header: bytes, words: str) -> None:
    with pytest.raises(WireError, match=words):
        read_header(header)


def test_notifications_and_refreshes() -> None:
    said = Notification(6, 2, b"x")
    assert read_notification(body(said.encode())) == said
    assert str(said) == "session ended: shut down by the administrator"
    assert str(Notification(9, 1)) == "code 9: subcode 1"
    assert read_refresh(b"\x00\x01\x00\x01") is V4
    assert read_refresh(b"\x00\x19\x00\x41") is None
    with pytest.raises(WireError):
        read_refresh(b"\x00")


def test_an_update_of_ipv4_by_hand() -> None:
    path = Path(0, Communities(plain=(65000 << 16 | 7,)))
    (update,) = updates({}, {ONE: path}, TERMS)
    assert body(update).hex(" ", 1) == (
        "00 00 00 1b"  # nothing withdrawn, 27 bytes of attributes
        " 40 01 01 00"  # ORIGIN IGP
        " 40 02 06 02 01 00 00 fd e9"  # AS_PATH 65001
        " 40 03 04 0a 00 00 01"  # NEXT_HOP
        " c0 08 04 fd e8 00 07"  # COMMUNITIES
        " 20 0a 32 00 01"
    )


def test_inside_an_as_there_is_a_preference_and_no_path() -> None:
    (update,) = updates({}, {ONE: Path(200)}, TERMS._replace(is_internal=True))
    assert bytes.fromhex("400200") in update
    assert bytes.fromhex("400504000000c8") in update


def test_a_router_without_long_as_numbers() -> None:
    terms = TERMS._replace(asn=4200000000, has_long_asn=False)
    (update,) = updates({}, {ONE: Path()}, terms)
    assert bytes.fromhex("40020402015ba0") in update  # AS_TRANS
    assert bytes.fromhex("c011060201fa56ea00") in update  # AS4_PATH


def test_only_the_difference_is_told() -> None:
    table = {ONE: Path(), SIX: Path()}
    assert list(updates(table, table, TERMS)) == []
    gone = list(updates(table, {}, TERMS))
    assert [body(one).hex() for one in gone] == ["0005200a3200010000", "0000000f800f0c00020140fd50000000000000"]
    (changed,) = updates(table, {ONE: Path(1), SIX: Path()}, TERMS)
    assert changed.endswith(bytes.fromhex("200a320001"))


def test_families_without_a_next_hop_are_left_out() -> None:
    assert list(updates({}, {SIX: Path()}, TERMS._replace(next_hops={V4: ip_address("10.0.0.1")}))) == []


def test_large_tables_are_cut_into_messages() -> None:
    table: dict[Prefix, Path] = {ip_network((0x0A000000 + number, 32)): Path() for number in range(4000)}
    told = list(updates({}, table, TERMS))
    assert all(len(one) <= LARGEST for one in told)
    head = len(next(updates({}, {ONE: Path()}, TERMS))) - 5
    assert sum((len(one) - head) / 5 for one in told) == 4000
    assert len(told) == 5


def test_ends_of_tables() -> None:
    assert body(end_of_rib(V4)).hex() == "00000000"
    assert body(end_of_rib(V6)).hex() == "00000006800f03000201"
