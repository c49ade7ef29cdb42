"""What is changed at the provider, what is left alone, and why."""

from ipaddress import ip_address
from typing import Any

import pytest

from hearthgate.dns.external.agree import Steady, agreed, read
from hearthgate.dns.records.model import Action, Change, Entry, Held, Wanted
from hearthgate.dns.records.plan import Policy, plan
from hearthgate.dns.records.registry import Registry, owner_of
from hearthgate.dns.records.settings import PublicZone, TokenRef
from hearthgate.dns.records.wanted import External, wanted_records
from tests.name_samples import name

US = "hearthgate"


def held(host: str, type_: str, *contents: str, owner: str = US, **entry: Any) -> Held:
    entries = tuple(Entry(f"{host}-{content}", content, **entry) for content in contents)
    return Held(host, type_, entries, owner)


def wanted(host: str, type_: str, *contents: str, **more: Any) -> Wanted:
    return Wanted(host, type_, frozenset(contents), **more)


def made(have: list[Held], want: list[Wanted], **policy: Any) -> list[Change]:
    return list(plan({(one.name, one.type): one for one in have}, want, Policy(US, **policy)))


def actions(have: list[Held], want: list[Wanted], **policy: Any) -> list[str]:
    return [change.action.value for change in made(have, want, **policy)]


A = wanted("a.test", "A", "1.2.3.4")


@pytest.mark.parametrize(
    ("have", "action"),
    [
        ([], "create"),
        ([held("a.test", "A", "1.2.3.4")], "keep"),
        ([held("a.test", "A", "1.2.3.5")], "update"),
        ([held("a.test", "A", "1.2.3.4", "1.2.3.5")], "update"),
        ([held("a.test", "A", "1.2.3.4", proxied=True)], "update"),
        ([held("a.test", "A", "1.2.3.4", ttl=300)], "update"),
        ([held("a.test", "A", "1.2.3.4", owner="")], "skip"),
        ([held("a.test", "A", "1.2.3.4", owner="other")], "skip"),
        ([held("a.test", "CNAME", "b.test", owner="")], "skip"),
        ([held("a.test", "CNAME", "b.test")], "skip"),
    ],
)
def test_one_record(have: list[Held], action: str) -> None:
    change = next(one for one in made(have, [A]) if one.type == "A")
    assert change.action.value == action
    assert bool(change.why) == (action == "skip")


def test_what_nobody_owns_is_taken_over_when_that_is_asked_for() -> None:
    assert actions([held("a.test", "A", "9.9.9.9", owner="")], [A], adopts=True) == ["adopt"]
    assert actions([held("a.test", "A", "9.9.9.9", owner="other")], [A], adopts=True) == ["skip"]


def test_what_is_not_wanted_any_more() -> None:
    old = held("old.test", "A", "1.1.1.1")
    assert actions([old], []) == ["keep"]
    assert actions([old], [], deletes=True) == ["delete"]
    assert actions([held("old.test", "A", "1.1.1.1", owner="")], [], deletes=True) == []
    assert actions([old], [], deletes=True, unknown=frozenset({("old.test", "A")})) == ["keep"]


def test_many_at_once_need_force() -> None:
    old = [held(f"h{number}.test", "A", "1.1.1.1") for number in range(11)]
    assert set(actions(old, [], deletes=True)) == {"skip"}
    assert set(actions(old, [], deletes=True, force=True)) == {"delete"}
    assert set(actions(old[:10], [], deletes=True)) == {"delete"}


def test_one_type_for_another_where_that_may_be() -> None:
    have = [held("a.test", "CNAME", "b.test")]
    assert actions(have, [A], deletes=True) == ["create", "delete"]


def test_collisions_of_wishes() -> None:
    both = [wanted("a.test", "A", "2.2.2.2"), A, wanted("a.test", "CNAME", "x.test")]
    (change,) = made([], both)
    assert change.wanted == A


class TestRegistry:
    def test_names(self) -> None:
        registry = Registry(US)
        assert registry.name("a.test", "A") == "a-own.a.test"
        assert registry.name("*.a.test", "CNAME") == "cname-own.any.a.test"
        assert Registry(US, "own.").name("b.a.test", "AAAA") == "own.aaaa-b.a.test"
        assert {"cname-www.a.test", "www.a.test"} <= set(registry.names("www.a.test", "CNAME"))

    @pytest.mark.parametrize(
        ("content", "owner"),
        [
            ('"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/a/b"', "me"),
            (Registry(US).content("ingressroute/a/b"), US),
            ("heritage=external-dns", ""),
            ("v=spf1 -all", None),
        ],
    )
    def test_owners(self, content: str, owner: str | None) -> None:
        assert owner_of(content) == owner


def zone(**more: Any) -> PublicZone:
    return PublicZone(name="home.test", api_token_secret_ref=TokenRef(name="t"), **more)


HOME = External(ip_address("93.184.216.34"), ip_address("2606:2800::1"))


def asked(made_: PublicZone, *names: Any, external: External = HOME) -> dict[tuple[str, str], set[str]]:
    found = wanted_records(made_, names, external)
    return {(one.name, one.type): set(one.contents) for one in found.wanted}


class TestWanted:
    def test_the_root_and_the_wildcard(self) -> None:
        assert asked(zone()) == {
            ("home.test", "A"): {"93.184.216.34"},
            ("home.test", "AAAA"): {"2606:2800::1"},
            ("*.home.test", "CNAME"): {"home.test"},
        }
        assert asked(zone(root="none")) == {}
        assert asked(zone(root=("1.1.1.1", "8.8.8.8"), wildcard=False)) == {
            ("home.test", "A"): {"1.1.1.1", "8.8.8.8"}
        }

    def test_an_address_that_is_not_known(self) -> None:
        found = wanted_records(zone(), (), External(HOME.v4))
        assert found.unknown == {("home.test", "AAAA")}

    def test_hosts(self) -> None:
        names = (
            name("open.home.test"),
            name("inside.home.test", is_internal=True),
            name("said.home.test", target="1.1.1.1"),
            name("other.test"),
            name("home.test"),
        )
        public = asked(zone(hosts="public", wildcard=False), *names)
        assert public["open.home.test", "CNAME"] == {"home.test"}
        assert ("inside.home.test", "CNAME") not in public
        assert public["said.home.test", "A"] == {"1.1.1.1"}
        assert set(asked(zone(hosts="annotated", root="none"), *names)) == {("said.home.test", "A")}
        assert ("inside.home.test", "CNAME") in asked(zone(hosts="all"), *names)
        assert asked(zone(hosts="none", root="none"), *names) == {}

    def test_private_addresses_are_not_proxied_to(self) -> None:
        names = (name("a.home.test", target="192.168.1.245"),)
        found = wanted_records(zone(hosts="all", root="none"), names, HOME)
        assert found.wanted == ()
        (problem,) = found.problems
        assert "192.168.1.245 is not reached from the internet" in problem.message
        open_ = asked(zone(hosts="all", root="none", proxied=False), *names)
        assert open_ == {("a.home.test", "A"): {"192.168.1.245"}}


class TestExternal:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("93.184.216.34\n", "93.184.216.34"),
            ("fl=1\nip=2606:2800::1\nts=1", "2606:2800::1"),
            ("<html>", None),
            ("", None),
        ],
    )
    def test_pages(self, text: str, address: str | None) -> None:
        assert read(text) == (ip_address(address) if address else None)

    @pytest.mark.parametrize(
        ("answers", "address", "why"),
        [
            (["8.8.8.8", "8.8.8.8", None], "8.8.8.8", ""),
            (["8.8.8.8", "8.8.8.8", "9.9.9.9"], "8.8.8.8", ""),
            (["8.8.8.8", "9.9.9.9"], None, "do not agree: 8.8.8.8, 9.9.9.9"),
            (["8.8.8.8", None], None, "do not agree"),
            ([None, "2606:2800::1"], None, "no source answered"),
            (["100.64.1.1", "100.64.1.1"], None, "CGNAT"),
            (["192.168.1.1", "192.168.1.1"], None, "not an address of the internet"),
            (["8.8.8.8", "8.8.8.8", "9.9.9.9", "9.9.9.9"], None, "do not agree"),
        ],
    )
    def test_two_must_agree(self, answers: list[str | None], address: str | None, why: str) -> None:
        verdict = agreed([ip_address(one) if one else None for one in answers], 4)
        assert verdict.address == (ip_address(address) if address else None)
        assert why in verdict.why

    def test_a_change_is_believed_the_second_time(self) -> None:
        one, two, steady = ip_address("8.8.8.8"), ip_address("9.9.9.9"), Steady()
        seen = (None, one, None, two, one, two, two, None)
        assert [steady.take(each) for each in seen] == [None, one, one, one, one, one, two, two]


def test_nothing_is_to_do_after_it_was_done() -> None:
    first = made([], [A, wanted("b.test", "CNAME", "a.test", proxied=True)])
    have = [
        Held(
            one.name,
            one.type,
            tuple(Entry(c, c, one.wanted.ttl, one.wanted.proxied) for c in one.wanted.contents),
            US,
        )
        for one in first
        if one.wanted is not None
    ]
    assert {change.action for change in made(have, [one.wanted for one in first if one.wanted])} == {Action.KEEP}
