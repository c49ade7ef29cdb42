"""Public records at Cloudflare's stand-in: made, followed, taken over, and others' left alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from hearthgate.cloudflare.client import CloudflareClient
from hearthgate.cloudflare.credentials import token
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.dns.names.published import Choices
from hearthgate.dns.records import controller
from hearthgate.dns.records.cloudflare import CloudflareZone
from hearthgate.dns.records.controller import RecordKeeper
from hearthgate.dns.records.model import Action
from hearthgate.dns.records.registry import Registry
from hearthgate.dns.records.settings import ExternalAddress, PublicZone, TokenRef
from hearthgate.model.problems import Problem
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.traefik.ingressroute import IngressRoute
from tests.acme.cloudflare import Cloudflare, run_cloudflare
from tests.acme.cloudflare_access import refusal
from tests.waiting import eventually

ZONE = "my-homelab.party"
OLD = "heritage=external-dns,external-dns/owner=default,external-dns/resource=ingress/a/b"


class Home:
    """Everything around a keeper. pages: what the sources of the external address say."""

    def __init__(self, cloudflare: Cloudflare) -> None:
        self.cloudflare = cloudflare
        self.zone = cloudflare.add_zone(ZONE)
        self.token = cloudflare.add_token(zones=[self.zone], permissions=("zone:read", "dns:read", "dns:edit"))
        self.pages: dict[str, str] = {}
        self.sources: tuple[str, ...] = ()
        self.told: tuple[Problem, ...] = ()
        self._snapshots: asyncio.Queue[Snapshot] = asyncio.Queue()

    def says(self, *texts: str) -> None:
        self.pages = dict(zip(("/a", "/b", "/c"), texts, strict=False))

    def route(self, *hosts: str, **annotations: str) -> None:
        """These hosts are all that is served."""
        said = {f"external-dns.kubernetes.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
        routes = [{"match": f"Host(`{host}`)", "services": [{"name": "s", "port": 80}]} for host in hosts]
        content = {"metadata": {"name": "r", "namespace": "web", "annotations": said}, "spec": {"routes": routes}}
        self._snapshots.put_nowait(Snapshot.of([msgspec.convert(content, IngressRoute)]))

    def have(self, host: str, type_: str = "A") -> set[str]:
        return self.cloudflare.everything(self.zone).get((host, type_), set())

    async def until(self, host: str, *contents: str, type_: str = "A") -> None:
        await eventually(lambda: self.have(host, type_) == set(contents), what=f"{host} {type_} {contents}")

    async def until_told(self, text: str) -> None:
        await eventually(lambda: any(text in one.message for one in self.told), what=f"{text} among {self.told}")

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        while True:
            yield await self._snapshots.get()

    @contextlib.asynccontextmanager
    async def keeping(self, **settings: Any) -> AsyncIterator[RecordKeeper]:
        zone = PublicZone(name=ZONE, api_token_secret_ref=TokenRef(name="t"), **settings)
        client = CloudflareClient(token(SecretBytes(self.token.encode())), base_url=self.cloudflare.url)
        provider = CloudflareZone(client, ZONE, Registry(zone.owner, zone.txt_prefix))
        external = ExternalAddress(sources=self.sources, interval="20ms", ipv6=False)

        def tell(problems: tuple[Problem, ...]) -> None:
            self.told = problems

        keeper = RecordKeeper([(zone, lambda _: provider)], external, Choices(), on_problems=tell)
        task = asyncio.create_task(keeper.run(self.snapshots()))
        try:
            yield keeper
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client.close()


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    monkeypatch.setattr(controller, "SOON", 0.02)
    monkeypatch.setattr(controller, "TOGETHER", 0.0)
    async with run_cloudflare() as cloudflare:
        made = Home(cloudflare)

        async def answer(request: web.Request) -> web.Response:
            if request.path not in made.pages:
                raise web.HTTPServiceUnavailable
            return web.Response(text=made.pages[request.path])

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.sources = tuple(f"http://127.0.0.1:{runner.addresses[0][1]}/{page}" for page in "abc")
        made.says("ip=93.184.216.34", "93.184.216.34", "93.184.216.34")
        yield made
        await runner.cleanup()


async def test_the_root_follows_the_address_and_others_records_stay(home: Home) -> None:
    by_hand = {("mail", "A", "1.1.1.1"), ("@", "MX", "mail.example.org"), ("@", "TXT", "v=spf1 -all")}
    for label, type_, content in by_hand:
        home.cloudflare.add(home.zone, type_, label, content)
    before = home.cloudflare.everything(home.zone)
    async with home.keeping() as keeper:
        home.route(f"a.{ZONE}")
        await home.until(ZONE, "93.184.216.34")
        await home.until(f"*.{ZONE}", ZONE, type_="CNAME")
        home.says("8.8.8.8", "8.8.4.4", "1.0.0.1")
        await home.until_told("the sources do not agree")
        assert home.have(ZONE) == {"93.184.216.34"}
        home.says("8.8.8.8", "8.8.8.8")
        await home.until(ZONE, "8.8.8.8")
        home.pages.clear()
        await home.until_told("no source answered, so 8.8.8.8 is kept")
        after = home.cloudflare.everything(home.zone)
        assert all(contents <= after[key] for key, contents in before.items())
        assert f'hearthgate_dns_records{{zone="{ZONE}",state="in place"}} 2.0\n' in list(keeper.lines())
        assert 'hearthgate_public_ip_info{family="ipv4",ip="8.8.8.8"} 1.0\n' in list(keeper.lines())


async def test_nothing_is_asked_of_cloudflare_while_nothing_changes(home: Home) -> None:
    async with home.keeping() as keeper:
        home.route()
        await eventually(lambda: any('state="in place"} 2.0' in one for one in keeper.lines()), what="the records")
        count = len(home.cloudflare.asked)
        looked: list[str] = []
        home.pages = _Counting(home.pages, looked)
        await eventually(lambda: len(looked) >= 30, what="ten more looks")
        assert len(home.cloudflare.asked) <= count + 3, "at most the look at the zone that was under way"


class _Counting(dict[str, str]):
    def __init__(self, pages: dict[str, str], looked: list[str]) -> None:
        super().__init__(pages)
        self._looked = looked

    def __contains__(self, key: object) -> bool:
        self._looked.append(str(key))
        return super().__contains__(key)


async def test_hosts_come_and_go_with_policy_sync(home: Home) -> None:
    async with home.keeping(hosts="all", policy="sync", wildcard=False):
        home.route(f"a.{ZONE}", f"b.{ZONE}", cloudflare_proxied="false", ttl="300")
        await home.until(f"a.{ZONE}", ZONE, type_="CNAME")
        await home.until(f"b.{ZONE}", ZONE, type_="CNAME")
        home.route(f"a.{ZONE}", target="1.2.3.4")
        await home.until(f"b.{ZONE}", type_="CNAME")
        await home.until(f"a.{ZONE}", "1.2.3.4")
        assert home.have(f"a.{ZONE}", "CNAME") == set()
        assert home.have(f"cname-own.b.{ZONE}", "TXT") == set()


async def test_external_dns_records_are_ours_under_its_owner(home: Home) -> None:
    home.cloudflare.add(home.zone, "A", "www", "1.1.1.1")
    home.cloudflare.add(home.zone, "TXT", "a-www", OLD)
    home.cloudflare.add(home.zone, "A", "theirs", "1.1.1.1")
    home.cloudflare.add(home.zone, "TXT", "a-theirs", OLD.replace("default", "office"))
    async with home.keeping(owner="default", hosts="all", root="none", wildcard=False):
        home.route(f"www.{ZONE}", f"theirs.{ZONE}", f"free.{ZONE}", target="9.9.9.9")
        await home.until(f"www.{ZONE}", "9.9.9.9")
        await home.until(f"free.{ZONE}", "9.9.9.9")
        await home.until_told(f"theirs.{ZONE} A is left alone: it belongs to office")
        assert home.have(f"theirs.{ZONE}") == {"1.1.1.1"}


async def test_a_dry_run_writes_nothing(home: Home) -> None:
    async with home.keeping(dry_run=True) as keeper:
        home.route()
        await eventually(
            lambda: any('state="to change"} 2.0' in line for line in keeper.lines()), what="the count"
        )
        assert home.cloudflare.everything(home.zone) == {}


async def test_bad_days_are_told_and_pass(home: Home) -> None:
    home.cloudflare.refuse("GET /zones", refusal(403, 9109, "Invalid access token"))
    home.cloudflare.refuse("POST", refusal(500, 0, "trouble"))
    async with home.keeping():
        home.route()
        await home.until(ZONE, "93.184.216.34")
        home.cloudflare.drop_token(home.token)
        home.says("8.8.8.8", "8.8.8.8")
        await home.until_told("is wrong, expired or disabled")
        assert home.have(ZONE) == {"93.184.216.34"}
        assert all(home.token not in str(one) for one in home.told)


async def test_a_zone_that_nobody_asks_and_one_that_loops(home: Home) -> None:
    home.cloudflare.set_status(home.zone, "pending")
    async with home.keeping():
        home.route()
        await home.until_told("enter the nameservers ada.ns.cloudflare.com")
    home.cloudflare.set_status(home.zone, "active")
    home.token = home.cloudflare.add_token(
        zones=[home.zone], permissions=("zone:read", "dns:read", "dns:edit", "settings:read")
    )
    home.cloudflare.settings[home.zone, "ssl"] = "flexible"
    async with home.keeping():
        home.route()
        await home.until_told("endless loop")


async def test_networks_of_cloudflare_that_are_new(home: Home) -> None:
    home.cloudflare.networks += ["173.245.48.0/21", "8.8.8.0/24", "10.0.0.0/8", "0.0.0.0/1", "x"]
    async with home.keeping():
        home.route()
        await home.until_told("networks that this version does not know: 8.8.8.0/24: list them")


async def test_a_zone_that_is_gone(home: Home) -> None:
    home.cloudflare.drop_zone(home.zone)
    async with home.keeping():
        home.route()
        await eventually(lambda: any(ZONE in one.message for one in home.told), what="a word about the zone")


async def test_records_of_nobody_are_adopted_in_place(home: Home) -> None:
    home.cloudflare.add(home.zone, "A", "@", "1.1.1.1", proxied=True)
    client = CloudflareClient(token(SecretBytes(home.token.encode())), base_url=home.cloudflare.url)
    provider = CloudflareZone(client, ZONE, Registry("hearthgate"))
    from hearthgate.dns.records.model import Wanted
    from hearthgate.dns.records.plan import Policy, plan

    wish = [Wanted(ZONE, "A", frozenset({"8.8.8.8", "8.8.4.4"}), 1, True, "settings")]
    try:
        (change,) = plan(await provider.held(), wish, Policy("hearthgate", adopts=True))
        assert change.action is Action.ADOPT
        assert await provider.apply([change]) == 3
        assert home.have(ZONE) == {"8.8.8.8", "8.8.4.4"}
        (after,) = plan(await provider.held(), wish, Policy("hearthgate"))
        assert after.action is Action.KEEP
    finally:
        await client.close()
