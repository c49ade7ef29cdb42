"""Proofs at the stand-in for Cloudflare: found again by name and value, never twice, and never piling up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from hearthgate.certificates.dns01.asking import Asker
from hearthgate.certificates.dns01.cloudflare import COMMENT
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.provider import Provider, ProviderProblem, Record
from hearthgate.certificates.dns01.providers import Providers
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.cloudflare.errors import Refused, ZoneNotFound
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig
from hearthgate.model.errors import Permanent, Transient
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.certmanager.solvers import DNS01
from hearthgate.resources.certmanager.solvers import Cloudflare as Solver
from tests.acme.cloudflare import Cloudflare, refusal, run_cloudflare
from tests.acme.nameserver import NameServer, run_nameserver

NAME = "_acme-challenge.home.test"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BY_TOKEN = DNS01(cloudflare=Solver(api_token_secret_ref=SecretKeyRef(name="cf", key="token")))
BY_KEY = DNS01(cloudflare=Solver(email="me@home.test", api_key_secret_ref=SecretKeyRef(name="cf", key="key")))


class Home:
    """secrets: values by key, of any Secret."""

    def __init__(self, cloudflare: Cloudflare, nameserver: NameServer, providers: Providers) -> None:
        self.cloudflare = cloudflare
        self.nameserver = nameserver
        self.providers = providers
        self.zone = cloudflare.add_zone("home.test")
        self.secrets = {"token": cloudflare.add_token()}

    async def provider(self, solver: DNS01 = BY_TOKEN) -> Provider:
        async def zone_of(name: str) -> str:
            raise AssertionError("Cloudflare itself knows its zones")

        return await self.providers.provider_of(solver, self._read, namespace="infra", zone_of=zone_of)

    def texts(self) -> list[str]:
        return [one.content for one in self.cloudflare.records(self.zone)]

    def _read(self, field: str, ref: SecretKeyRef) -> SecretBytes:
        if ref.key not in self.secrets:
            raise ProviderProblem(field, f"Secret infra/{ref.name} has no key {ref.key!r}")
        return SecretBytes(self.secrets[ref.key].encode())


@contextlib.asynccontextmanager
async def providers_at(url: str) -> AsyncIterator[Providers]:
    async with Client(ClientConfig(server="http://127.0.0.1:1")) as client:
        providers = Providers(CertificateSettings, client=client, now=lambda: NOW, cloudflare_url=url)
        try:
            yield providers
        finally:
            await providers.close()


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with (
        run_nameserver() as nameserver,
        run_cloudflare(nameserver.set_txt) as cloudflare,
        providers_at(cloudflare.url) as providers,
    ):
        nameserver.zone("home.test")
        yield Home(cloudflare, nameserver, providers)


async def test_a_domain_and_its_wildcard_at_once(home: Home) -> None:
    provider = await home.provider()
    first, second = Record(NAME, "domain"), Record(NAME, "wildcard")
    await asyncio.gather(provider.present(first), provider.present(second))
    assert home.nameserver.texts(NAME) == {"domain", "wildcard"}
    assert {one.comment for one in home.cloudflare.records(home.zone)} == {COMMENT}
    asker = Asker()
    propagation = Propagation(asker, port=home.nameserver.port)
    resolver = f"127.0.0.1:{home.nameserver.port}"
    assert (await propagation.seen(second, nameservers=[resolver])).ok
    await asker.close()
    await provider.remove(first)
    assert home.nameserver.texts(NAME) == {"wildcard"}
    await provider.remove(second)
    assert home.texts() == []


async def test_everything_may_be_done_twice(home: Home) -> None:
    record = Record(NAME, "value")
    for _ in range(2):
        await (await home.provider()).present(record)
    assert home.texts() == ['"value"']
    for _ in range(2):
        await (await home.provider()).remove(record)
    assert home.texts() == []
    methods = [one.method for one in home.cloudflare.asked]
    assert (methods.count("POST"), methods.count("DELETE")) == (1, 1)


async def test_a_record_that_somebody_was_faster_with(home: Home) -> None:
    """Between our look and our write: Cloudflare says that it is identical, and so it is there."""
    home.cloudflare.refuse("POST", refusal(400, 81058, "An identical record already exists."))
    await (await home.provider()).present(Record(NAME, "value"))
    home.cloudflare.refuse(
        "POST", refusal(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
    )
    with pytest.raises(Refused, match="81053"):
        await (await home.provider()).present(Record(NAME, "value"))


async def test_what_others_wrote_stays(home: Home) -> None:
    await home.cloudflare.put(home.zone, NAME, '"cert-manager"')
    await home.cloudflare.put(home.zone, NAME, '"VALUE"')
    await home.cloudflare.put(home.zone, f"a.{NAME}", '"value"')
    provider = await home.provider()
    await provider.present(Record(NAME, "value"))
    await provider.remove(Record(NAME, "value"))
    assert sorted(home.texts()) == ['"VALUE"', '"cert-manager"', '"value"']


async def test_our_own_old_values_are_swept(home: Home) -> None:
    """Left behind by a state folder that is gone: Pebble and small resolvers choke on a handful."""
    for age in (25, 30):
        await home.cloudflare.put(
            home.zone, NAME, f'"old-{age}"', comment=COMMENT, created=NOW - timedelta(hours=age)
        )
    await home.cloudflare.put(home.zone, NAME, '"young"', comment=COMMENT, created=NOW - timedelta(hours=23))
    await home.cloudflare.put(home.zone, NAME, '"theirs"', created=NOW - timedelta(days=400))
    await (await home.provider()).present(Record(NAME, "value"))
    assert sorted(home.texts()) == ['"theirs"', '"value"', '"young"']


async def test_a_zone_that_was_made_anew(home: Home) -> None:
    provider = await home.provider()
    assert await provider.zone_of(NAME) == "home.test"
    home.cloudflare.drop_zone(home.zone)
    home.zone = home.cloudflare.add_zone("home.test")
    with pytest.raises(Transient, match=r"the zone home\.test is not where it was"):
        await provider.present(Record(NAME, "value"))
    await provider.present(Record(NAME, "value"))
    assert home.texts() == ['"value"']


@pytest.mark.parametrize("status", ["pending", "initializing", "moved"])
async def test_a_zone_that_nobody_asks_cloudflare_about(home: Home, status: str) -> None:
    home.cloudflare.set_status(home.zone, status)
    with pytest.raises(Permanent, match=r"enter the nameservers ada\.ns\.cloudflare\.com, bob\.ns"):
        await (await home.provider()).present(Record(NAME, "value"))
    assert home.texts() == []


async def test_a_name_of_no_zone(home: Home) -> None:
    with pytest.raises(ZoneNotFound, match=r"it sees home\.test"):
        await (await home.provider()).present(Record("_acme-challenge.other.test", "value"))


async def test_a_token_that_may_not_write(home: Home) -> None:
    home.secrets["token"] = home.cloudflare.add_token(permissions=["zone:read", "dns:read"])
    with pytest.raises(Refused, match="lacks the permission Zone > DNS > Edit"):
        await (await home.provider()).present(Record(NAME, "value"))


async def test_a_token_that_is_corrected(home: Home) -> None:
    good = home.secrets["token"]
    home.secrets["token"] = "x" * 40
    with pytest.raises(Refused, match="wrong, expired or disabled"):
        await (await home.provider()).verify()
    home.secrets["token"] = f" {good}\n"
    assert await (await home.provider()).verify() == "the token is active, until 2099-01-01"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "Secret infra/cf has no key 'token'"),
        ("", "the API token is empty"),
        ("ab\ncd", "holds a blank, a line break"),
        ('"abcd"', "stands in quotes"),
    ],
)
async def test_secrets_that_cannot_be(home: Home, value: str | None, words: str) -> None:
    if value is None:
        del home.secrets["token"]
    else:
        home.secrets["token"] = value
    with pytest.raises(ProviderProblem) as caught:
        await home.provider()
    assert caught.value.field == "dns01.cloudflare.apiTokenSecretRef"
    assert words in caught.value.words
    assert "abcd" not in str(caught.value)
    assert not home.cloudflare.asked


async def test_tokens_of_accounts_and_disabled_ones(home: Home) -> None:
    home.secrets["token"] = home.cloudflare.add_token(of_account=True)
    assert "the token works" in await (await home.provider()).verify()
    home.secrets["token"] = home.cloudflare.add_token(status="disabled")
    with pytest.raises(Permanent, match="the token is disabled"):
        await (await home.provider()).verify()


async def test_the_key_of_the_account(home: Home) -> None:
    home.secrets["key"] = home.cloudflare.add_key("me@home.test")
    provider = await home.provider(BY_KEY)
    assert "me@home.test works" in await provider.verify()
    await provider.present(Record(NAME, "value"))
    assert home.texts() == ['"value"']


async def test_a_hundred_names_cost_two_requests_each(home: Home) -> None:
    """1,200 requests in five minutes are allowed to all programs of an account together."""
    provider = await home.provider()
    for number in range(100):
        await provider.present(Record(f"_acme-challenge.h{number}.home.test", "value"))
    assert len(home.cloudflare.asked) == 201


async def test_solvers_without_a_provider_that_works(home: Home) -> None:
    with pytest.raises(ProviderProblem, match="use cloudflare, rfc2136, acmeDNS, webhook or exec"):
        await home.provider(DNS01())
    with pytest.raises(ProviderProblem, match="needs apiTokenSecretRef"):
        await home.provider(DNS01(cloudflare=Solver()))
