"""Addresses under any sequence of requests: from a pool, shared by the rules, and the same after a restart."""

import ipaddress
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.balancer.allocation.allocator import Allocator
from hearthgate.balancer.allocation.blocks import Address, read_block
from hearthgate.balancer.allocation.pools import Pool
from hearthgate.balancer.allocation.requests import Grant, Request

POOLS = (
    Pool("a", (read_block("10.0.0.1-10.0.0.3"), read_block("fd00::/126"))),
    Pool("b", (read_block("10.0.1.254-10.0.2.1"),), avoid_buggy=True),
    Pool("c", (read_block("10.0.3.1/32"),), pinned=True, namespaces=frozenset({"infra"}), priority=1),
)
NAMED: st.SearchStrategy[tuple[Address, ...]] = st.sampled_from(
    [(), (), (), (ipaddress.ip_address("10.0.0.2"),), (ipaddress.ip_address("fd00::1"),)]
)
REQUESTS = st.builds(
    Request,
    key=st.tuples(st.sampled_from(["infra", "media"]), st.sampled_from("abcdef")),
    versions=st.sampled_from([(4,), (6,), (4, 6), (6, 4)]),
    may_be_single=st.booleans(),
    addresses=NAMED,
    pool=st.sampled_from(["", "", "a", "b"]),
    sharing=st.sampled_from(["", "", "x"]),
    backend=st.sampled_from(["", "", "app=a"]),
    ports=st.frozensets(st.sampled_from([("TCP", 80), ("TCP", 443), ("UDP", 53)]), max_size=2),
)
STEPS = st.lists(st.tuples(st.booleans(), REQUESTS), max_size=25)


def played(steps: list[tuple[bool, Request]]) -> tuple[Allocator, dict[tuple[str, str], Request]]:
    """The allocator after all steps, and what was last asked by those who hold something."""
    allocator = Allocator(POOLS)
    last: dict[tuple[str, str], Request] = {}
    for gives_up, request in steps:
        if gives_up:
            allocator.release(request.key)
            last.pop(request.key, None)
            continue
        held = allocator.grants.get(request.key)
        answer = allocator.allocate(request, held.addresses if held is not None else ())
        last[request.key] = request
        if not isinstance(answer, Grant):
            del last[request.key]
    return allocator, last


@given(STEPS)
def test_nobody_gets_what_is_not_his(steps: list[tuple[bool, Request]]) -> None:
    allocator, last = played(steps)
    assert allocator.grants.keys() == last.keys()
    pools = {pool.name: pool for pool in POOLS}
    for key, grant in allocator.grants.items():
        pool, request = pools[grant.pool], last[key]
        assert all(pool.hands_out(address) for address in grant.addresses)
        assert pool.why_not_for(key[0], request.labels) is None
        versions = [address.version for address in grant.addresses]
        assert len(set(versions)) == len(versions)
        assert set(versions) <= set(request.versions)
        if not request.may_be_single and not request.addresses:
            assert set(versions) == set(request.versions)


@given(STEPS)
def test_only_who_may_share_shares(steps: list[tuple[bool, Request]]) -> None:
    allocator, last = played(steps)
    for (one, first), (other, second) in combinations(allocator.grants.items(), 2):
        if set(first.addresses) & set(second.addresses):
            a, b = last[one], last[other]
            assert a.sharing
            assert (a.sharing, a.backend) == (b.sharing, b.backend)
            assert not a.ports & b.ports


@given(STEPS)
def test_a_restart_changes_nothing(steps: list[tuple[bool, Request]]) -> None:
    allocator, last = played(steps)
    again = Allocator(POOLS)
    for key in sorted(last):
        again.restore(last[key], allocator.grants[key].addresses)
    assert again.grants == allocator.grants
    for key in sorted(last):
        again.allocate(last[key], again.grants[key].addresses)
    for key, grant in allocator.grants.items():
        assert set(grant.addresses) <= set(again.grants[key].addresses), "a second family may have been added"


@given(STEPS)
def test_counts_are_of_addresses_not_of_holders(steps: list[tuple[bool, Request]]) -> None:
    allocator, _ = played(steps)
    held = {address for grant in allocator.grants.values() for address in grant.addresses}
    assert sum(sum(allocator.in_use(pool)) for pool in POOLS) == len(held)
