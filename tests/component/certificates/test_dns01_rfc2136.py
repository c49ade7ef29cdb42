"""Dynamic updates to a real nameserver, with keys that are right and wrong, and to servers that are not well."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from hearthgate.certificates.dns01 import rfc2136
from hearthgate.certificates.dns01.provider import Record
from hearthgate.certificates.dns01.rfc2136 import RFC2136Provider, read_key
from hearthgate.model.errors import Permanent, Transient
from tests.acme.knot import HOST, Knot, run_knot
from tests.acme.nameserver import NameServer, run_nameserver

NAME = "_acme-challenge.home.test"


@pytest.fixture(scope="module")
def knot() -> Iterator[Knot]:
    with run_knot("home.test") as running:
        yield running


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with run_nameserver() as running:
        running.zone("home.test")
        yield running


def provider(
    knot: Knot, name: str = "", secret: str = "", algorithm: str = "HMACSHA256", *, tcp: bool = False
) -> RFC2136Provider:
    key = read_key(name or knot.key_name, (secret or knot.secret).encode(), algorithm)
    return RFC2136Provider(HOST, knot.port, key=key, tcp=tcp)


@pytest.mark.parametrize("tcp", [False, True])
async def test_values_of_one_name_come_and_go_alone(knot: Knot, tcp: bool) -> None:
    updates = provider(knot, tcp=tcp)
    first, second = Record(NAME, "domain"), Record(NAME, "wildcard")
    await asyncio.gather(*(updates.present(one) for one in (first, second, first)))
    assert knot.texts(NAME) == {"domain", "wildcard"}
    await updates.remove(first)
    await updates.remove(first)
    assert knot.texts(NAME) == {"wildcard"}
    await updates.remove(second)
    assert knot.texts(NAME) == set()
    await updates.remove(Record(f"never.{NAME}", "x"))


async def test_the_zone_is_the_servers_own(knot: Knot) -> None:
    updates = provider(knot)
    for name in (NAME, "_acme-challenge.www.home.test", "_acme-challenge.a.b.home.test", "home.test"):
        assert await updates.zone_of(name) == "home.test"
    with pytest.raises(Permanent, match=r"has no zone for _acme-challenge\.other\.test"):
        await updates.present(Record("_acme-challenge.other.test", "v"))
    assert await updates.verify() == f"nameserver 127.0.0.1 port {knot.port} answers"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("stranger.key", "", "HMACSHA256"), "does not know the TSIG key stranger.key"),
        (("", "c2VjcmV0LXNlY3JldC1zZWNyZXQ=", "HMACSHA256"), "another secret or algorithm for the TSIG key"),
        (("", "", "HMACSHA512"), "TSIG key"),
        (("reader.key", "", "HMACSHA256"), "TSIG key reader.key, or does not allow it"),
    ],
)
async def test_a_key_that_does_not_fit(knot: Knot, wrong: tuple[str, str, str], words: str) -> None:
    with pytest.raises(Permanent) as caught:
        await provider(knot, *wrong).present(Record(NAME, "v"))
    assert words in str(caught.value)
    assert knot.secret not in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


async def test_a_name_that_the_key_is_not_for(knot: Knot) -> None:
    with pytest.raises(Permanent, match=r"proofs\.key, or does not allow it to change this name"):
        await provider(knot).present(Record("_acme-challenge.www.home.test", "v"))


async def test_without_a_key(knot: Knot) -> None:
    with pytest.raises(
        Permanent, match="NOTAUTH: it is not the primary server of that zone, or wants another TSIG key"
    ):
        await RFC2136Provider(HOST, knot.port, key=None, tcp=False).present(Record(NAME, "v"))


async def test_a_clock_that_is_off(knot: Knot, monkeypatch: pytest.MonkeyPatch) -> None:
    # dnspython signs with the time of the module `time`: an hour ahead there, and nowhere else.
    class Ahead:
        @staticmethod
        def time() -> float:
            import time

            return time.time() + 3600

    monkeypatch.setattr("dns.message.time", Ahead)
    with pytest.raises(Transient, match="set this machine's clock"):
        await provider(knot).present(Record(NAME, "v"))


@pytest.mark.parametrize(
    ("mood", "error", "words"),
    [
        ("SERVFAIL", Permanent, "has no zone for"),
        ("REFUSED", Permanent, "it says REFUSED"),
        ("garbage", Transient, "an answer that is none"),
        ("silent", Transient, "does not answer within 0.2 s by UDP"),
    ],
)
async def test_a_server_that_is_not_well(
    server: NameServer, monkeypatch: pytest.MonkeyPatch, mood: str, error: type[Exception], words: str
) -> None:
    monkeypatch.setattr(rfc2136, "TRIES", (0.1, 0.1))
    server.mood = mood  # type: ignore[assignment]
    with pytest.raises(error) as caught:
        await RFC2136Provider(server.address, server.port, key=None, tcp=False).present(Record(NAME, "v"))
    assert words in str(caught.value)
    assert f"nameserver 127.0.0.1 port {server.port}" in str(caught.value)


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(Transient, match=r"nameserver 127\.0\.0\.1 port 1: Connection refused"):
        await RFC2136Provider("127.0.0.1", 1, key=None, tcp=True).present(Record(NAME, "v"))
    with pytest.raises(Transient, match="has no address"):
        await RFC2136Provider("nowhere.invalid", 53, key=None, tcp=True).present(Record(NAME, "v"))


@pytest.mark.parametrize("algorithm", ["hmac-md5", "hmac-sha1", "hmac-sha512"])
async def test_algorithms_of_upstream(algorithm: str) -> None:
    with run_knot("home.test", algorithm=algorithm) as running:
        name = algorithm.replace("-", "").upper()
        await provider(running, algorithm="" if name == "HMACMD5" else name).present(Record(NAME, "v"))
        assert running.texts(NAME) == {"v"}


@pytest.mark.parametrize("secret", [b"", b"!!!", b"secr et!"])
def test_what_is_no_secret_of_a_key(secret: bytes) -> None:
    with pytest.raises(ValueError, match=r"is not base64|is empty") as caught:
        read_key("proofs.key", secret, "HMACSHA256")
    assert secret.decode() not in str(caught.value) or not secret
