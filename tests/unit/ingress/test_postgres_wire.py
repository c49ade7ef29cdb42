"""Bytes of STARTTLS: headers, ClientHellos, and whatever else a peer may send."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.ingress.postgres.wire import (
    HEAD,
    RECORD_HEAD,
    Hello,
    Peers,
    length_of_rest,
    parse_header,
    parse_hello,
    record_length,
    write_header,
)
from hearthgate.model.errors import WireError

PORTS = st.integers(0, 65535)
PEERS = st.one_of(
    st.builds(Peers, st.ip_addresses(v=4).map(str), PORTS, st.ip_addresses(v=4).map(str), PORTS),
    st.builds(Peers, st.ip_addresses(v=6).map(str), PORTS, st.ip_addresses(v=6).map(str), PORTS),
)


@given(PEERS, st.dictionaries(st.integers(0, 255), st.binary(max_size=20), max_size=3))
def test_a_header_that_was_written_is_read(peers: Peers, values: dict[int, bytes]) -> None:
    written = write_header(peers)
    head, rest = written[:HEAD], written[HEAD:]
    assert length_of_rest(head) == len(rest)
    more = b"".join(bytes([kind]) + len(value).to_bytes(2) + value for kind, value in values.items())
    assert parse_header(head, rest + more) == (peers, values)


@given(st.binary(min_size=HEAD, max_size=HEAD), st.binary(max_size=60))
def test_any_header_is_a_value_or_an_error(head: bytes, rest: bytes) -> None:
    for parse in (lambda: length_of_rest(head), lambda: parse_header(head, rest)):
        try:
            parse()
        except WireError:
            continue


def hello(sni: str | None, *alpn: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=sni).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    ("sni", "alpn"), [("db.example.org", ("postgresql",)), (None, ()), ("a.test", ("h2", "http/1.1"))]
)
def test_what_a_client_says(sni: str | None, alpn: tuple[str, ...]) -> None:
    record = hello(sni, *alpn)
    assert record_length(record[:RECORD_HEAD]) == len(record) - RECORD_HEAD
    handshake = record[RECORD_HEAD:]
    assert parse_hello(handshake) == Hello(sni or "", alpn)
    assert all(parse_hello(handshake[:length]) is None for length in range(len(handshake)))


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda body: b"\x01" + len(body).to_bytes(3) + body))
def test_any_handshake_is_a_value_or_an_error(handshake: bytes) -> None:
    try:
        found = parse_hello(handshake)
    except WireError:
        return
    assert found is None or isinstance(found, Hello)


@pytest.mark.parametrize("head", [b"\x17\x03\x03\x00\x01", b"\x16\x03\x01\xff\xff", b"GET /"])
def test_what_is_no_handshake(head: bytes) -> None:
    with pytest.raises(WireError):
        record_length(head)
