"""The auth service's pure parts: password hashes, forwarded addresses, its tables and its little HTTP."""

import pytest

from hearthgate.ingress.auth.addresses import address_table, is_allowed
from hearthgate.ingress.auth.passwords import cost, md5_crypt, verify
from hearthgate.ingress.auth.tables import PasswordTable, auth_tables
from hearthgate.ingress.auth.wire import Answer, parse_head, render
from hearthgate.ingress.middlewares.access import ForwardedStrategy, IPAllowList
from hearthgate.ingress.middlewares.credentials import BasicAuth, HashKind, User, parse_entry
from hearthgate.ingress.middlewares.questions import question
from hearthgate.model.errors import WireError
from hearthgate.model.secret import SecretBytes


def user(entry: str) -> User:
    parsed = parse_entry(f"u:{entry}".encode())
    assert isinstance(parsed, User), parsed
    return parsed


@pytest.mark.parametrize(
    ("entry", "password"),
    [
        # From openssl passwd -apr1 and -1, htpasswd -s, and the test vectors of crypt_blowfish.
        ("$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "secret"),
        ("$apr1$x$tMwYqBfQwi3FYAr0aJc8M/", ""),
        ("$apr1$12345678$ZB1vyDV5V.sOKjJ6rQyTE1", "a" * 40),
        ("$apr1$s$UOeROOWJSPJfhOlMWL1dF1", "pä"),
        ("$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1", "secret"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "password"),
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
        ("$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
        ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"),
        ("$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ],
)
def test_known_hashes(entry: str, password: str) -> None:
    assert verify(user(entry), password.encode())
    assert not verify(user(entry), password.encode() + b"x")


def test_passwords_that_bcrypt_would_refuse_are_wrong_or_cut_off() -> None:
    known = user("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui")
    long = bytes.fromhex("30313233343536373839") * 8
    assert verify(known, long) is verify(known, long[:72])
    assert not verify(known, b"a\0b")


def test_slower_hashes_cost_more() -> None:
    entries = (
        "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "$apr1$x$tMwYqBfQwi3FYAr0aJc8M/",
        "$2a$05$" + "C" * 53,
        "$2a$12$" + "C" * 53,
    )
    costs = [cost(user(entry)) for entry in entries]
    assert costs == sorted(set(costs))


def test_md5_crypt_keeps_its_salt() -> None:
    assert md5_crypt(b"x", b"salt", b"$apr1$").startswith(b"$apr1$salt$")


def allowed(forwarded: str, *ranges: str, **strategy: object) -> bool:
    middleware = IPAllowList(name="m", ranges=ranges, strategy=ForwardedStrategy(**strategy))  # type: ignore[arg-type]
    return is_allowed(address_table(middleware), forwarded)


@pytest.mark.parametrize(
    ("forwarded", "depth", "expected"),
    [
        ("10.0.0.1", 1, True),
        ("10.0.0.1 ", 1, True),
        ("10.0.0.1:1234", 1, True),
        ("[::ffff:10.0.0.1]:99", 1, True),
        ("1.1.1.1,10.0.0.1", 1, True),
        ("10.0.0.1,1.1.1.1", 2, True),
        ("10.0.0.1,1.1.1.1", 1, False),
        ("10.0.0.1", 2, False),
        ("", 1, False),
        (",", 1, False),
        ("unknown", 1, False),
        ("10.0.0.1,", 1, False),
    ],
)
def test_depth(forwarded: str, depth: int, expected: bool) -> None:
    assert allowed(forwarded, "10.0.0.0/8", depth=depth) is expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("10.0.0.1, 172.16.0.1", True),
        ("10.0.0.1, , 172.16.0.1", True),
        ("10.0.0.1, junk, 172.16.0.1", False),
        ("10.0.0.1, 8.8.8.8", False),
        ("172.16.0.1", False),
        ("", False),
    ],
)
def test_excluded_addresses(forwarded: str, expected: bool) -> None:
    assert allowed(forwarded, "10.0.0.0/8", excluded=("172.16.0.0/12",)) is expected


def test_only_the_first_bits_of_an_ipv6_address_count() -> None:
    assert allowed("fd00::5:6:7:8%eth0", "fd00::/64", depth=1, ipv6_subnet=64)
    assert allowed("fd00::5:6:7:8", "fd00::", depth=1, ipv6_subnet=64)
    assert not allowed("fd00::5:6:7:8", "fd00::5:0:0:0/80", depth=1, ipv6_subnet=64)
    assert allowed("10.1.2.3", "10.1.2.3", depth=1, ipv6_subnet=64)


BCRYPT = User(name="b", kind=HashKind.BCRYPT, hash=SecretBytes(b"$2a$05$" + b"C" * 53))
SHA = User(name="s", kind=HashKind.SHA, hash=SecretBytes(b"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="))


def test_tables_hold_only_what_the_proxy_cannot_do() -> None:
    mixed = BasicAuth(name="a", users=(BCRYPT, SHA), realm='r"\\')
    strategy = IPAllowList(name="c", ranges=("10.0.0.0/8",), strategy=ForwardedStrategy(depth=1))
    others = (BasicAuth(name="b", users=(SHA,)), IPAllowList(name="d", ranges=("10.0.0.0/8",)))
    tables = auth_tables([mixed, strategy, *others, mixed])
    assert set(tables) == {question(mixed), question(strategy)}
    table = tables[question(mixed)]
    assert isinstance(table, PasswordTable)
    assert table.decoy is BCRYPT
    assert table.challenge == 'Basic realm="r\\"\\\\"'


def test_questions_are_named_after_their_content() -> None:
    one = BasicAuth(name="a", users=(BCRYPT,))
    assert question(one) == question(BasicAuth(name="b", users=(BCRYPT,)))
    changed = (
        BasicAuth(name="a", users=(BCRYPT, SHA)),
        BasicAuth(name="a", users=(BCRYPT,), realm="x"),
        BasicAuth(name="a", users=(BCRYPT,), header_field="x-user"),
        BasicAuth(name="a", users=(User(name="b", kind=HashKind.BCRYPT, hash=SecretBytes(b"other")),)),
    )
    assert len({question(middleware) for middleware in (one, *changed)}) == 5


def test_requests_are_read() -> None:
    lines = (
        b"GET /basic/x HTTP/1.1",
        b"X-Forwarded-For: 1.1.1.1",
        b"x-forwarded-for:2.2.2.2",
        b"content-length: 0",
    )
    request = parse_head(b"\r\n".join(lines))
    assert (request.method, request.path) == ("GET", "/basic/x")
    assert request.headers["x-forwarded-for"] == "1.1.1.1,2.2.2.2"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET / HTTP/2",
        b"GET / HTTP/1.1\r\nno colon",
        b"POST / HTTP/1.1\r\ncontent-length: 5",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked",
    ],
)
def test_other_bytes_are_wire_errors(head: bytes) -> None:
    with pytest.raises(WireError):
        parse_head(head)


def test_answers_are_written() -> None:
    answer = Answer(401, "no", (("www-authenticate", "Basic"),))
    assert render(answer, "GET") == (
        b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\n"
        b"content-type: text/plain; charset=utf-8\r\ncontent-length: 2\r\n\r\nno"
    )
    assert render(answer, "HEAD").endswith(b"content-length: 2\r\n\r\n")
    assert render(Answer(200), "GET") == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
