"""Looks for proofs at real nameservers of the test: every server of a zone, resolvers, and who lies."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from hearthgate.certificates.dns01 import asking, propagation
from hearthgate.certificates.dns01.asking import Asker, NoReply, Server, read_server, servers_of_this_machine
from hearthgate.certificates.dns01.cname import target_of
from hearthgate.certificates.dns01.delegation import Resolvers, Unknown
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.provider import Record
from hearthgate.certificates.orders.proofs import Seen
from hearthgate.model.errors import Permanent
from tests.acme.nameserver import NameServer, over_https, run_nameserver
from tests.ports import free_port

NAME = "_acme-challenge.home.test"
RECORD = Record(NAME, "value-1")
QUICK = (0.15, 0.15)


class Net:
    """Two servers of a zone, and a resolver that knows of them."""

    def __init__(self, resolver: NameServer, first: NameServer, second: NameServer, asker: Asker) -> None:
        self.resolver, self.first, self.second = resolver, first, second
        self.asker = asker
        self.public: Sequence[str] = ()

    @property
    def propagation(self) -> Propagation:
        return Propagation(self.asker, public=lambda: self.public, port=self.first.port)

    async def look(self, record: Record = RECORD, *, only: bool = False) -> Seen:
        return await self.propagation.seen(record, nameservers=[address(self.resolver)], recursive_only=only)


def address(server: NameServer) -> str:
    return f"{server.address}:{server.port}"


@contextlib.asynccontextmanager
async def asking_with(tls: ssl.SSLContext | None = None) -> AsyncIterator[Asker]:
    asker = Asker(tls)
    try:
        yield asker
    finally:
        await asker.close()


@pytest.fixture
async def net(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Net]:
    monkeypatch.setattr(asking, "UDP_TRIES", QUICK)
    monkeypatch.setattr(asking, "TCP_TRY", 0.2)
    port = free_port()
    async with (
        run_nameserver("127.0.0.2", port) as first,
        run_nameserver("127.0.0.3", port) as second,
        run_nameserver() as resolver,
        asking_with() as asker,
    ):
        servers = {"ns1.home.test": "127.0.0.2", "ns2.home.test": "127.0.0.3"}
        for server in (first, second, resolver):
            server.zone("home.test", servers=servers)
        yield Net(resolver, first, second, asker)


async def test_seen_when_every_server_of_the_zone_has_it(net: Net) -> None:
    await net.first.set_txt(NAME, ["value-1", "value-2"])
    seen = await net.look()
    assert not seen.ok
    assert (
        seen.detail
        == f"DNS record for {NAME} not yet propagated: ns2.home.test (127.0.0.3 port {net.second.port}): NXDOMAIN"
    )
    assert seen.retry_after == 0
    await net.second.set_txt(NAME, ["other"])
    assert "another value" in (await net.look()).detail
    await net.second.set_txt(NAME, ["value-2", "value-1"])
    seen = await net.look()
    assert seen.ok
    assert seen.detail == f"{NAME} is seen at ns1.home.test, ns2.home.test"
    # A domain and its wildcard: both values of one name.
    assert (await net.look(Record(NAME, "value-2"))).ok
    asked = {(one.name, one.recurse) for one in net.second.asked}
    assert asked == {(NAME, False)}, "the zone's servers are not asked to recurse"
    assert NAME not in {one.name for one in net.resolver.asked if one.kind == "TXT"}, "resolvers would remember it"


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("SERVFAIL", "SERVFAIL"),
        ("REFUSED", "REFUSED"),
        ("silent", "no answer in 0.5 s, by UDP or TCP"),
        ("garbage", "no answer"),
    ],
)
async def test_a_server_that_is_not_well_is_named(net: Net, mood: str, words: str) -> None:
    for server in (net.first, net.second):
        await server.set_txt(NAME, ["value-1"])
    net.second.mood = mood  # type: ignore[assignment]
    seen = await net.look()
    assert not seen.ok
    assert f"ns2.home.test (127.0.0.3 port {net.second.port}): " in seen.detail
    assert words in seen.detail
    assert "ns1" not in seen.detail


async def test_cut_off_answers_are_asked_for_by_tcp(net: Net) -> None:
    for server in (net.first, net.second, net.resolver):
        await server.set_txt(NAME, ["value-1"])
        server.mood = "cut off"
    assert (await net.look()).ok
    assert {"tcp", "udp"} == {one.by for one in net.first.asked}


async def test_one_of_two_addresses_is_enough_when_the_other_is_silent(net: Net) -> None:
    await net.first.set_txt(NAME, ["value-1"])
    await net.second.set_txt(NAME, ["value-1"])
    net.resolver.add("ns1.home.test", "AAAA", "2001:db8::1")
    net.resolver.add("ns2.home.test", "A", "127.0.0.9")
    assert (await net.look()).ok


async def test_addresses_that_lead_nowhere_cost_no_time(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """IPv6 where there is none behind the router."""
    monkeypatch.setattr(asking, "UDP_TRIES", (30.0,))
    monkeypatch.setattr(propagation, "STRAGGLERS", 0.1)
    async with run_nameserver("127.0.0.9", net.first.port) as nowhere:
        nowhere.mood = "silent"
        net.resolver.add("ns1.home.test", "A", "127.0.0.9")
        await net.first.set_txt(NAME, ["value-1"])
        async with asyncio.timeout(5):
            assert "ns2.home.test" in (await net.look()).detail
            await net.second.set_txt(NAME, ["value-1"])
            assert (await net.look()).ok


async def test_a_look_comes_to_an_end(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "UDP_TRIES", (30.0,))
    monkeypatch.setattr(propagation, "LONGEST_LOOK", 0.1)
    net.resolver.mood = "silent"
    seen = await net.look()
    assert seen == Seen(False, f"nobody answers: a look for {NAME} took more than 0.1 s")


async def test_what_cnames_lead_to_counts(net: Net) -> None:
    for server in (net.first, net.second, net.resolver):
        server.add(NAME, "CNAME", "home.proofs.test.")
    seen = await net.look()
    assert not seen.ok
    assert seen.detail.startswith("resolvers do not answer home.proofs.test SOA: ")
    for server in (net.first, net.resolver):
        server.zone("proofs.test", servers={"ns1.proofs.test": "127.0.0.2"})
    seen = await net.look()
    assert not seen.ok
    assert "DNS record for home.proofs.test not yet propagated" in seen.detail
    net.first.add("home.proofs.test", "TXT", '"value-1"')
    assert (await net.look()).ok


async def test_cnames_without_an_end(net: Net) -> None:
    for server in (net.first, net.second, net.resolver):
        server.add(NAME, "CNAME", "b.home.test.")
        server.add("b.home.test", "CNAME", f"{NAME}.")
    seen = await net.look()
    assert not seen.ok
    assert "CNAMEs without an end" in seen.detail
    with pytest.raises(Permanent, match="go in a circle"):
        await target_of(NAME, Resolvers(net.asker, [read_server(address(net.resolver))]))


async def test_where_a_proof_is_written_when_the_solver_follows(net: Net) -> None:
    resolvers = Resolvers(net.asker, [read_server(address(net.resolver))])
    assert await target_of(NAME, resolvers) == NAME
    net.resolver.zone("proofs.test")
    net.resolver.add(NAME, "CNAME", "home.proofs.test.")
    assert await target_of(NAME, resolvers) == "home.proofs.test"
    for number in range(12):
        net.resolver.add(f"c{number}.home.test", "CNAME", f"c{number + 1}.home.test.")
    with pytest.raises(Permanent, match="more than 8 CNAMEs"):
        await target_of("c0.home.test", resolvers)


async def test_only_resolvers_where_that_is_wanted(net: Net) -> None:
    seen = await net.look(only=True)
    assert not seen.ok
    assert seen.detail.endswith(f"127.0.0.1 port {net.resolver.port}: NXDOMAIN")
    assert seen.retry_after == 5, "resolvers remember what is not there: as long as the SOA says"
    await net.resolver.set_txt(NAME, ["other"])
    assert (await net.look(only=True)).retry_after == 60
    await net.resolver.set_txt(NAME, ["value-1"])
    assert (await net.look(only=True)).ok
    assert not net.first.asked
    assert all(one.recurse for one in net.resolver.asked)


async def test_all_resolvers_must_have_it(net: Net) -> None:
    await net.resolver.set_txt(NAME, ["value-1"])
    named = [address(net.resolver), "127.0.0.1:1"]
    seen = await net.propagation.seen(RECORD, nameservers=named, recursive_only=True)
    assert not seen.ok
    assert "127.0.0.1 port 1: " in seen.detail
    assert "Connection refused" in seen.detail


async def test_a_resolver_that_is_down_is_passed_over(net: Net) -> None:
    for server in (net.first, net.second):
        await server.set_txt(NAME, ["value-1"])
    named = ["127.0.0.1:1", address(net.resolver)]
    assert (await net.propagation.seen(RECORD, nameservers=named)).ok
    seen = await net.propagation.seen(RECORD, nameservers=["127.0.0.1:1"])
    assert not seen.ok
    assert "resolvers do not answer" in seen.detail


async def test_a_resolver_that_leaves_out_the_soa(net: Net) -> None:
    """dnsmasq and many a router do."""
    net.resolver.moods[NAME] = "SERVFAIL"
    seen = await net.look()
    assert not seen.ok
    assert f"resolvers do not answer {NAME} SOA: 127.0.0.1 port {net.resolver.port}: SERVFAIL" in seen.detail


async def test_a_domain_that_nobody_has_delegated(net: Net) -> None:
    net.resolver.zone("party", servers={"ns1.party": "127.0.0.2"})
    net.first.zone("party", servers={"ns1.party": "127.0.0.2"})
    seen = await net.look(Record("_acme-challenge.gone.party", "v"))
    assert not seen.ok
    assert "its zone is party: is the domain paid for" in seen.detail


class TestSecondOpinion:
    """When the resolvers of this machine do not show it."""

    @pytest.fixture
    async def local(self, net: Net, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
        """The resolver of a home, which has a zone of its own; the net's resolver is the public one."""
        async with run_nameserver() as home:

            async def servers() -> tuple[Server, ...]:
                return (Server(home.address, home.port),)

            monkeypatch.setattr("hearthgate.certificates.dns01.propagation.servers_of_this_machine", servers)
            net.public = [address(net.resolver)]
            yield home

    async def test_split_horizon_is_named_and_the_public_answer_counts(self, net: Net, local: NameServer) -> None:
        local.zone("home.test", servers={"pihole.lan": "127.0.0.8"})
        await net.first.set_txt(NAME, ["value-1"])
        seen = await net.propagation.seen(RECORD, nameservers=())
        assert not seen.ok
        assert "split-horizon DNS" in seen.detail
        assert "ns2.home.test (127.0.0.3" in seen.detail
        await net.second.set_txt(NAME, ["value-1"])
        seen = await net.propagation.seen(RECORD, nameservers=())
        assert seen.ok
        assert f"127.0.0.1 port {local.port} says home.test is served by pihole.lan" in seen.detail

    async def test_a_zone_of_the_home_that_answers(self, net: Net, local: NameServer) -> None:
        """A server of the home that knows the domain, and not the record."""
        async with run_nameserver("127.0.0.9", net.first.port) as pihole:
            for server in (local, pihole):
                server.zone("home.test", servers={"pihole.home.test": "127.0.0.9"})
            for server in (net.first, net.second):
                await server.set_txt(NAME, ["value-1"])
            seen = await net.propagation.seen(RECORD, nameservers=())
            assert seen.ok
            assert "split-horizon DNS: " in seen.detail
            assert "says home.test is served by pihole.home.test" in seen.detail
            assert NAME in {one.name for one in pihole.asked}

    async def test_another_zone_than_the_public_one(self, net: Net, local: NameServer) -> None:
        local.zone("test", servers={"router.test": "127.0.0.8"})
        for server in (net.first, net.second):
            await server.set_txt(NAME, ["value-1"])
        seen = await net.propagation.seen(RECORD, nameservers=())
        assert seen.ok
        assert "answers for a zone test, the public zone is home.test" in seen.detail

    async def test_resolvers_that_are_of_no_use(self, net: Net, local: NameServer) -> None:
        for server in (net.first, net.second):
            await server.set_txt(NAME, ["value-1"])
        seen = await net.propagation.seen(RECORD, nameservers=())
        assert seen.ok
        assert "this machine's resolvers did not help" in seen.detail
        assert "REFUSED" in seen.detail

    async def test_a_firewall_before_the_zone(self, net: Net, local: NameServer) -> None:
        local.zone("home.test", servers={"ns1.home.test": "127.0.0.2", "ns2.home.test": "127.0.0.3"})
        net.first.mood = net.second.mood = "silent"
        seen = await net.propagation.seen(RECORD, nameservers=())
        assert not seen.ok
        assert "does a firewall stop port 53?" in seen.detail
        await net.resolver.set_txt(NAME, ["value-1"])
        seen = await net.propagation.seen(RECORD, nameservers=())
        assert seen.ok
        assert "does a firewall stop port 53?" in seen.detail

    async def test_nobody_else_is_told_when_the_zone_is_the_same(self, net: Net, local: NameServer) -> None:
        local.zone("home.test", servers={"ns1.home.test": "127.0.0.2", "ns2.home.test": "127.0.0.3"})
        seen = await net.propagation.seen(RECORD, nameservers=())
        assert not seen.ok
        assert "split" not in seen.detail
        assert {one.kind for one in net.resolver.asked} == {"SOA"}

    async def test_named_resolvers_are_believed(self, net: Net, local: NameServer) -> None:
        local.zone("home.test", servers={"pihole.lan": "127.0.0.2"})
        assert not (await net.propagation.seen(RECORD, nameservers=[address(local)])).ok
        assert not net.resolver.asked

    async def test_a_cname_that_only_the_world_knows(self, net: Net, local: NameServer) -> None:
        local.zone("home.test")
        net.resolver.zone("proofs.test")
        net.resolver.add(NAME, "CNAME", "home.proofs.test.")
        first, second = await net.propagation.resolvers(()), await net.propagation.second(())
        assert await target_of(NAME, first, second=second) == "home.proofs.test"


async def test_by_https(net: Net, tmp_path: Path) -> None:
    async with over_https(net.resolver, tmp_path) as https:
        context = ssl.create_default_context(cadata=https.ca)
        async with asking_with(context) as asker:
            by_https = Propagation(asker, port=net.first.port)
            for server in (net.first, net.second):
                await server.set_txt(NAME, ["value-1"])
            assert (await by_https.seen(RECORD, nameservers=[https.url])).ok
            assert {one.by for one in net.resolver.asked} == {"https"}
            net.resolver.mood = "silent"
            seen = await by_https.seen(RECORD, nameservers=[https.url])
            assert "status 503" in seen.detail
        async with asking_with() as stranger:
            with pytest.raises(NoReply, match="certificate"):
                await stranger.ask(read_server(https.url), NAME, "TXT", recurse=True)


async def test_resolvers_know_the_zone_of_a_name(net: Net) -> None:
    resolvers = Resolvers(net.asker, [read_server(address(net.resolver))])
    net.resolver.zone("deep.home.test")
    for name, zone in (
        (NAME, "home.test"),
        ("home.test", "home.test"),
        ("a.b.c.deep.home.test", "deep.home.test"),
        ("_acme-challenge.deep.home.test", "deep.home.test"),
    ):
        assert await resolvers.zone_of(name) == zone
    net.resolver.add("alias.deep.home.test", "CNAME", "www.home.test.")
    assert await resolvers.zone_of("alias.deep.home.test") == "deep.home.test"
    with pytest.raises(Unknown, match="resolvers do not answer"):
        await resolvers.zone_of("elsewhere.example")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1.1.1.1", "1.1.1.1"),
        ("1.1.1.1:53", "1.1.1.1"),
        ("1.1.1.1:5353", "1.1.1.1 port 5353"),
        ("::1", "::1"),
        ("[::1]:5353", "::1 port 5353"),
        ("[2606:4700::1111]", "2606:4700::1111"),
        ("https://dns.test/dns-query", "dns.test"),
    ],
)
def test_nameservers_of_settings(text: str, shown: str) -> None:
    assert str(read_server(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "dns.test", "1.1.1.1:0", "1.1.1.1:x", "1.1.1.1:99999", "http://x", "https://"]
)
def test_what_is_no_nameserver(text: str) -> None:
    with pytest.raises(Permanent, match="is no nameserver"):
        read_server(text)


async def test_a_look_with_a_setting_that_is_wrong_says_so(net: Net) -> None:
    seen = await net.propagation.seen(RECORD, nameservers=["dns.test"])
    assert seen == Seen(False, "'dns.test' is no nameserver: ip, ip:port or https://... is wanted")


async def test_this_machine_has_resolvers() -> None:
    assert await servers_of_this_machine()
