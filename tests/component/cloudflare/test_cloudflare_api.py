"""The client of Cloudflare's API against the stand-in for it."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from hearthgate.cloudflare import transport
from hearthgate.cloudflare.answers import NewRecord, quoted
from hearthgate.cloudflare.client import CloudflareClient
from hearthgate.cloudflare.credentials import account_key, token
from hearthgate.cloudflare.errors import Refused, Throttled, Unreachable, ZoneNotFound
from hearthgate.cloudflare.zones import ZoneFinder
from hearthgate.model.secret import SecretBytes
from tests.acme.cloudflare import Cloudflare, refusal, run_cloudflare


class Ticks:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def cloudflare() -> AsyncIterator[Cloudflare]:
    async with run_cloudflare() as running:
        yield running


@contextlib.asynccontextmanager
async def using(
    cloudflare: Cloudflare, secret: str, clock: Ticks | None = None
) -> AsyncIterator[CloudflareClient]:
    credentials = token(SecretBytes(secret.encode()))
    client = CloudflareClient(credentials, base_url=cloudflare.url, monotonic=clock or Ticks())
    try:
        yield client
    finally:
        await client.close()


def txt(name: str, value: str) -> NewRecord:
    return NewRecord(type="TXT", name=name, content=quoted(value), ttl=60, comment="test")


async def test_records_come_and_go(cloudflare: Cloudflare) -> None:
    zone = cloudflare.add_zone("home.test")
    async with using(cloudflare, cloudflare.add_token(zones=[zone])) as client:
        made = await client.create(zone, txt("a.home.test", "one"))
        assert (made.text, made.ttl, made.comment, made.name) == ("one", 60, "test", "a.home.test")
        assert made.created_on is not None
        assert [one.id for one in await client.records(zone, type="TXT", name="A.home.test")] == [made.id]
        changed = await client.patch(zone, made.id, {"content": quoted("two")})
        assert changed.text == "two"
        await client.delete(zone, made.id)
        await client.delete(zone, made.id)  # gone already
        assert await client.records(zone) == ()


async def test_a_batch_is_all_or_nothing(cloudflare: Cloudflare) -> None:
    zone = cloudflare.add_zone("home.test")
    async with using(cloudflare, cloudflare.add_token()) as client:
        old = await client.create(zone, txt("a.home.test", "old"))
        done = await client.batch(zone, deletes=[old.id], posts=[txt("a.home.test", "new")])
        assert [one.text for one in done.posts or ()] == ["new"]
        with pytest.raises(Refused) as caught:
            await client.batch(zone, deletes=[(done.posts or ())[0].id, "f" * 32])
        assert caught.value.is_missing_record
        assert [one.content for one in cloudflare.records(zone)] == ['"new"']


async def test_long_lists_come_in_pages(cloudflare: Cloudflare) -> None:
    zone = cloudflare.add_zone("home.test")
    for number in range(205):
        await cloudflare.put(zone, "many.home.test", f"v{number}")
    async with using(cloudflare, cloudflare.add_token()) as client:
        found = await client.records(zone, type="TXT", name="many.home.test")
        assert {one.content for one in found} == {f"v{number}" for number in range(205)}
    assert [one.query["page"] for one in cloudflare.asked] == ["1", "2", "3"]


async def test_what_a_token_may_not(cloudflare: Cloudflare) -> None:
    zone, other = cloudflare.add_zone("home.test"), cloudflare.add_zone("other.test")
    reader = cloudflare.add_token(zones=[zone], permissions=["zone:read", "dns:read"])
    async with using(cloudflare, reader) as client:
        with pytest.raises(Refused, match="10000 Authentication error: the token lacks the permission Zone > DNS"):
            await client.create(zone, txt("a.home.test", "v"))
        with pytest.raises(Refused, match=r"9109 Unauthorized.*is not for this zone"):
            await client.records(other)


async def test_a_wrong_token(cloudflare: Cloudflare) -> None:
    zone = cloudflare.add_zone("home.test")
    for secret, words in (("x" * 40, "1000 Invalid API Token"), ("short", "6111 Invalid format.*quotes")):
        async with using(cloudflare, secret) as client:
            with pytest.raises(Refused, match=words) as caught:
                await client.verify_token()
            assert caught.value.is_access
            assert secret not in str(caught.value)
            with pytest.raises(Refused, match="9109" if secret.startswith("x") else "6003"):
                await client.records(zone)


async def test_the_key_of_an_account(cloudflare: Cloudflare) -> None:
    key = cloudflare.add_key("me@home.test")
    for email, good in (("me@home.test", True), ("you@home.test", False)):
        client = CloudflareClient(account_key(email, SecretBytes(key.encode())), base_url=cloudflare.url)
        if good:
            assert (await client.user()).email == email
        else:
            with pytest.raises(Refused, match="do not belong together"):
                await client.user()
        await client.close()


async def test_nothing_is_sent_while_cloudflare_wants_nothing(cloudflare: Cloudflare) -> None:
    clock = Ticks()
    cloudflare.add_zone("home.test")
    busy = refusal(429, 971, "Please wait and consider throttling", headers={"Retry-After": "40"})
    cloudflare.refuse("GET /zones", busy)
    async with using(cloudflare, cloudflare.add_token(), clock) as client:
        with pytest.raises(Throttled, match="for 40 s") as first:
            await client.zones()
        assert first.value.retry_after == 40.0
        clock.now += 39
        with pytest.raises(Throttled, match="another 1 s"):
            await client.zones()
        assert len(cloudflare.asked) == 1
        clock.now += 1.5
        assert len((await client.zones()).zones) == 1


async def test_trouble_on_the_way(cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", 0.2)
    secret = cloudflare.add_token()
    cloudflare.refuse("GET /zones", refusal(502, 0, "bad gateway"), refusal(0, 0, "", stall=True))
    async with using(cloudflare, secret) as client:
        with pytest.raises(Unreachable, match="bad gateway"):
            await client.zones()
        with pytest.raises(Unreachable, match=r"no answer in 0\.2 s"):
            await client.zones()
    gone = CloudflareClient(token(SecretBytes(secret.encode())), base_url="http://127.0.0.1:1/client/v4")
    with pytest.raises(Unreachable, match=r"GET /zones at 127\.0\.0\.1:1"):
        await gone.zones()
    await gone.close()


async def test_a_secret_in_their_words_is_blanked(cloudflare: Cloudflare) -> None:
    secret = cloudflare.add_token()
    cloudflare.refuse("GET /zones", refusal(400, 6003, f"bad header {secret}", (6111, f"near {secret}")))
    async with using(cloudflare, secret) as client:
        with pytest.raises(Refused) as caught:
            await client.zones()
    assert secret not in str(caught.value)
    assert "bad header …" in str(caught.value)


async def test_the_longest_zone_is_found_with_one_request(cloudflare: Cloudflare) -> None:
    cloudflare.add_zone("home.test")
    cloudflare.add_zone("deep.home.test")
    async with using(cloudflare, cloudflare.add_token()) as client:
        zones = ZoneFinder(client, Ticks())
        for name, zone in (
            ("_acme-challenge.a.home.test", "home.test"),
            ("_acme-challenge.home.test", "home.test"),
            ("_acme-challenge.a.deep.home.test", "deep.home.test"),
            ("Deep.Home.Test.", "deep.home.test"),
            ("*.home.test", "home.test"),
        ):
            assert (await zones.zone_of(name)).name == zone, name
    assert len(cloudflare.asked) == 1


async def test_among_many_zones_each_name_is_asked_for(cloudflare: Cloudflare) -> None:
    for number in range(60):
        cloudflare.add_zone(f"z{number}.test")
    async with using(cloudflare, cloudflare.add_token()) as client:
        zones = ZoneFinder(client, Ticks())
        assert (await zones.zone_of("_acme-challenge.a.z59.test")).name == "z59.test"
        with pytest.raises(ZoneNotFound, match="and more"):
            await zones.zone_of("nobody.example")
    names = [one.query.get("name") for one in cloudflare.asked]
    assert names == [None, "_acme-challenge.a.z59.test", "a.z59.test", "z59.test", "nobody.example"]


async def test_a_zone_that_is_not_seen(cloudflare: Cloudflare) -> None:
    zone = cloudflare.add_zone("home.test")
    async with using(cloudflare, cloudflare.add_token(zones=[zone])) as client:
        with pytest.raises(ZoneNotFound, match=r"other\.test lies in no zone .* \(it sees home\.test\)"):
            await ZoneFinder(client, Ticks()).zone_of("other.test")
    blind = cloudflare.add_token(zones=[zone], permissions=["dns:edit"])
    async with using(cloudflare, blind) as client:
        with pytest.raises(ZoneNotFound, match="sees no zone at Cloudflare: it lacks the permission Zone > Zone"):
            await ZoneFinder(client, Ticks()).zone_of("home.test")


async def test_a_new_zone_is_found_at_once_and_a_lost_one_after_a_while(cloudflare: Cloudflare) -> None:
    clock = Ticks()
    async with using(cloudflare, cloudflare.add_token(), clock) as client:
        zones = ZoneFinder(client, clock)
        with pytest.raises(ZoneNotFound):
            await zones.zone_of("home.test")
        zone = cloudflare.add_zone("home.test")
        assert (await zones.zone_of("home.test")).id == zone
        cloudflare.drop_zone(zone)
        assert (await zones.zone_of("home.test")).id == zone
        clock.now += 301
        with pytest.raises(ZoneNotFound):
            await zones.zone_of("home.test")
