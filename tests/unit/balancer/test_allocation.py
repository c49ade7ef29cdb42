"""Which Service gets which address, and the words when none fits."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from hearthgate.balancer.allocation.allocator import EXHAUSTED, IN_USE, NO_POOL, NOT_ALLOWED, Allocator
from hearthgate.balancer.allocation.blocks import Address, capacity, overlaps, read_block
from hearthgate.balancer.allocation.pools import Pool
from hearthgate.balancer.allocation.requests import Grant, Refusal, Request
from hearthgate.resources.scalars import Selector

BOTH = (4, 6)


def pool(name: str, *addresses: str, **more: Any) -> Pool:
    return Pool(name, tuple(read_block(text) for text in addresses), **more)


def ask(name: str, versions: tuple[int, ...] = (4,), *, named: Iterable[str] = (), **more: Any) -> Request:
    return Request(("infra", name), versions, addresses=tuple(map(ipaddress.ip_address, named)), **more)


def ip(*texts: str) -> tuple[Address, ...]:
    return tuple(map(ipaddress.ip_address, texts))


def granted(allocator: Allocator, request: Request, held: Iterable[str] = ()) -> list[str]:
    answer = allocator.allocate(request, ip(*held))
    assert isinstance(answer, Grant), answer
    return [str(address) for address in answer.addresses]


def refused(allocator: Allocator, request: Request) -> Refusal:
    answer = allocator.allocate(request)
    assert isinstance(answer, Refusal), answer
    return answer


class TestBlocks:
    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("192.168.1.240/28", 16),
            ("192.168.1.245/28", 16),
            ("10.0.0.1-10.0.0.3", 3),
            ("10.0.0.1 - 10.0.0.1", 1),
            ("fd00::/120", 256),
        ],
    )
    def test_reads(self, text: str, size: int) -> None:
        assert read_block(text).size == size

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("192.168.1.245", "write 192.168.1.245/32"),
            ("fd00::1", "write fd00::1/128"),
            ("10.0.0.0/33", "no CIDR"),
            ("10.0.0.9-10.0.0.1", "write 10.0.0.1-10.0.0.9"),
            ("10.0.0.1-fd00::1", "in the other"),
            ("a-b", "no range"),
            ("some", "neither"),
        ],
    )
    def test_says_what_is_wrong(self, text: str, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            read_block(text)

    def test_capacity(self) -> None:
        blocks = [read_block(text) for text in ("192.168.0.0/23", "10.0.0.250-10.0.0.255", "fd00::/64")]
        assert capacity(blocks, avoid_buggy=False) == (512 + 6, 2**63 - 1)
        assert capacity(blocks, avoid_buggy=True) == (512 - 4 + 5, 2**63 - 1)

    def test_overlaps(self) -> None:
        named = [(text, read_block(text)) for text in ("10.0.0.0/24", "10.0.0.128/25", "10.0.1.0/24", "fd00::/64")]
        assert [(one[0], other[0]) for one, other in overlaps(named)] == [("10.0.0.0/24", "10.0.0.128/25")]


class TestAutomatic:
    def test_lowest_first_and_freed_ones_again(self) -> None:
        allocator = Allocator([pool("p", "10.0.0.1-10.0.0.3")])
        assert [granted(allocator, ask(name)) for name in "abc"] == [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"]]
        allocator.release(("infra", "b"))
        assert granted(allocator, ask("d")) == ["10.0.0.2"]

    def test_kept_pools_first_by_priority_then_name(self) -> None:
        allocator = Allocator(
            [
                pool("a", "10.0.0.1/32"),
                pool("late", "10.0.1.1/32", pinned=True),
                pool("second", "10.0.2.1/32", pinned=True, priority=2),
                pool("first", "10.0.3.1/32", pinned=True, priority=1),
            ]
        )
        order = [granted(allocator, ask(name)) for name in "wxyz"]
        assert order == [["10.0.3.1"], ["10.0.2.1"], ["10.0.1.1"], ["10.0.0.1"]]

    def test_what_a_service_has_it_keeps(self) -> None:
        allocator = Allocator([pool("p", "10.0.0.0/24")])
        assert granted(allocator, ask("a"), ["10.0.0.7"]) == ["10.0.0.7"]
        assert granted(allocator, ask("a"), ["10.9.0.7"]) == ["10.0.0.0"], "that is in no pool any more"

    def test_two_families_from_one_pool(self) -> None:
        four, six, both = (
            pool("4", "10.0.0.1/32"),
            pool("6", "fd00::1/128"),
            pool("x", "10.0.1.1/32", "fd01::1/128"),
        )
        assert granted(Allocator([four, six, both]), ask("a", BOTH)) == ["10.0.1.1", "fd01::1"]
        assert "no IPv6 addresses" in refused(Allocator([four]), ask("a", BOTH)).message
        single = ask("a", (6, 4), may_be_single=True)
        assert granted(Allocator([four, six]), single) == ["fd00::1"]

    def test_the_second_family_is_added_when_it_can_be(self) -> None:
        allocator = Allocator([pool("p", "10.0.0.1/32", "fd00::1/128")])
        request = ask("a", BOTH, may_be_single=True)
        assert granted(allocator, request, ["10.0.0.1"]) == ["10.0.0.1", "fd00::1"]

    def test_buggy_and_forbidden_addresses_are_left_out(self) -> None:
        allocator = Allocator(
            [pool("p", "192.168.1.254-192.168.2.2", avoid_buggy=True)],
            forbidden=lambda address: "it is the gateway's" if str(address) == "192.168.1.254" else None,
        )
        assert granted(allocator, ask("a")) == ["192.168.2.1"]
        named = refused(allocator, ask("b", named=["192.168.1.254"]))
        assert (named.reason, "gateway" in named.message) == (NOT_ALLOWED, True)
        assert "avoidBuggyIPs" in refused(allocator, ask("b", named=["192.168.1.255"])).message

    def test_thousands_take_no_time(self) -> None:
        allocator = Allocator([pool("p", "10.0.0.0/20")])
        allocator.reserve(ipaddress.ip_address("10.0.0.5"), ("infra", "proxy"))
        last = [granted(allocator, ask(f"s{number}")) for number in range(4095)][-1]
        assert last == ["10.0.15.255"]


class TestNamed:
    def test_gets_what_it_names(self) -> None:
        allocator = Allocator([pool("p", "192.168.1.240/28")])
        assert granted(allocator, ask("proxy", named=["192.168.1.245"])) == ["192.168.1.245"]
        assert granted(allocator, ask("a")) == ["192.168.1.240"]

    def test_reserved_addresses_wait_for_their_service(self) -> None:
        allocator = Allocator([pool("p", "10.0.0.1-10.0.0.2")])
        allocator.reserve(ipaddress.ip_address("10.0.0.1"), ("infra", "proxy"))
        assert granted(allocator, ask("a")) == ["10.0.0.2"]
        message = refused(allocator, ask("b")).message
        assert "1 in use" in message
        assert "1 kept for Services that name them" in message
        assert "kept for Service infra/proxy" in refused(allocator, ask("b", named=["10.0.0.1"])).message
        assert granted(allocator, ask("proxy")) == ["10.0.0.1"]
        allocator.release(("infra", "proxy"))
        allocator.unreserve(("infra", "proxy"))
        assert granted(allocator, ask("b")) == ["10.0.0.1"]

    @pytest.mark.parametrize(
        ("request_", "reason", "words"),
        [
            (ask("a", named=["10.9.9.9"]), NOT_ALLOWED, "in no pool: add it to one (there are: kept, p)"),
            (ask("a", named=["fd00::1"]), NOT_ALLOWED, "IPv4 cluster addresses only"),
            (ask("a", named=["10.0.0.1"], pool="kept"), NOT_ALLOWED, "asks for pool kept"),
            (ask("a", named=["10.1.0.1"]), NOT_ALLOWED, "kept for namespaces (argocd)"),
            (ask("a", named=["10.0.0.2"]), IN_USE, "Service infra/holder has it"),
            (ask("a", pool="q"), NO_POOL, "no pool 'q' (there are: kept, p)"),
        ],
    )
    def test_words(self, request_: Request, reason: str, words: str) -> None:
        kept = pool("kept", "10.1.0.1/32", pinned=True, namespaces=frozenset({"argocd"}))
        allocator = Allocator([pool("p", "10.0.0.1-10.0.0.2"), kept])
        granted(allocator, ask("holder", named=["10.0.0.2"]))
        answer = refused(allocator, request_)
        assert answer.reason == reason
        assert words in answer.message

    def test_every_pool_is_told_why_it_was_no_use(self) -> None:
        labelled = Selector(match_labels={"a": "b"})
        allocator = Allocator(
            [
                pool("asked", "10.0.0.1/32", auto_assign=False),
                pool("kept", "10.1.0.1/32", pinned=True, service_selectors=(labelled,)),
                pool("six", "fd00::/64"),
            ]
        )
        answer = refused(allocator, ask("a"))
        assert answer.reason == EXHAUSTED
        for words in ("pool asked: it is kept for Services that ask", "other labels", "pool six: it has no IPv4"):
            assert words in answer.message
        assert refused(Allocator(), ask("a")).reason == NO_POOL


class TestSharing:
    WEB: Mapping[str, Any] = {"sharing": "edge", "ports": frozenset({("TCP", 80)})}
    DNS: Mapping[str, Any] = {"sharing": "edge", "ports": frozenset({("UDP", 53)})}

    def test_one_address_for_several_ports(self) -> None:
        allocator = Allocator([pool("p", "10.0.0.1-10.0.0.9")])
        assert granted(allocator, ask("web", **self.WEB)) == ["10.0.0.1"]
        assert granted(allocator, ask("dns", **self.DNS)) == ["10.0.0.1"]
        assert granted(allocator, ask("other")) == ["10.0.0.2"]
        allocator.release(("infra", "web"))
        assert granted(allocator, ask("third", named=["10.0.0.1"], **self.WEB)) == ["10.0.0.1"]

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"sharing": ""}, "allow-shared-ip"),
            ({"sharing": "other"}, "another sharing key"),
            ({"backend": "app=web"}, "externalTrafficPolicy Local"),
            ({"ports": frozenset({("TCP", 80), ("TCP", 443)})}, "serves 80/TCP too"),
        ],
    )
    def test_who_may_not(self, changed: dict[str, Any], words: str) -> None:
        allocator = Allocator([pool("p", "10.0.0.1-10.0.0.9")])
        granted(allocator, ask("web", **self.WEB))
        request = ask("dns", named=["10.0.0.1"], **{**self.DNS, **changed})
        assert words in refused(allocator, request).message


def test_other_pools_move_nobody_who_still_fits() -> None:
    allocator = Allocator([pool("p", "10.0.0.0/24")])
    held = granted(allocator, ask("a"))
    allocator.use([pool("renamed", "10.0.0.0/25"), pool("q", "10.5.0.0/24")])
    answer = allocator.allocate(ask("a"), ip(*held))
    assert answer == Grant("renamed", ip("10.0.0.0"))


def test_a_refused_service_holds_nothing() -> None:
    allocator = Allocator([pool("p", "10.0.0.1-10.0.0.2")])
    granted(allocator, ask("a"))
    refused(allocator, ask("a", named=["10.7.7.7"]))
    assert granted(allocator, ask("b")) == ["10.0.0.1"]
