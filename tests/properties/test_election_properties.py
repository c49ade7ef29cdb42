"""Elections: even, the same for everybody, and quiet when nodes come and go."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.balancer.election import Claim, Placement, elect

NODES = st.sets(st.sampled_from([f"node-{number}" for number in range(7)]), min_size=1)
ADDRESSES = st.sets(st.integers(0, 255).map(lambda number: f"10.0.0.{number}"), max_size=60)
CLAIMS = st.lists(
    st.builds(
        Claim,
        st.integers(0, 99).map(lambda number: f"10.0.1.{number}"),
        st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from([0, 0, 0, 10]), max_size=4),
    ),
    unique_by=lambda claim: claim.address,
)


def for_all(addresses: set[str], nodes: set[str]) -> list[Claim]:
    return [Claim(address, dict.fromkeys(nodes, 0)) for address in addresses]


@given(ADDRESSES, NODES)
def test_nobody_has_two_more_than_another(addresses: set[str], nodes: set[str]) -> None:
    chosen = elect(for_all(addresses, nodes))
    assert chosen.keys() == addresses
    loads = Counter(chosen.values())
    assert max((loads[node] for node in nodes), default=0) <= -(-len(addresses) // len(nodes))


@given(CLAIMS, st.sampled_from(Placement))
def test_everybody_comes_to_the_same(claims: list[Claim], placement: Placement) -> None:
    assert elect(claims, placement) == elect(claims[::-1], placement)


@given(CLAIMS, st.sampled_from(Placement))
def test_the_most_preferred_candidate_wins(claims: list[Claim], placement: Placement) -> None:
    chosen = elect(claims, placement)
    for claim in claims:
        if claim.preferences:
            assert claim.preferences[chosen[claim.address]] == max(claim.preferences.values())
        else:
            assert claim.address not in chosen


def test_a_thousand_addresses_on_five_nodes() -> None:
    addresses = {f"10.0.{number // 250}.{number % 250}" for number in range(1000)}
    nodes = {f"node-{number}" for number in range(5)}
    before = elect(for_all(addresses, nodes))
    assert set(Counter(before.values()).values()) == {200}
    after = elect(for_all(addresses, nodes - {"node-3"}))
    moved = [address for address in addresses if before[address] not in (after[address], "node-3")]
    assert len(moved) < 100, "addresses whose node is still there"


def test_upstreams_choice_is_by_hash_alone() -> None:
    """As MetalLB computes it: sha256 of node#address, ascending."""
    claim = Claim("192.168.1.245", dict.fromkeys(("c", "b", "a"), 0))
    assert elect([claim], Placement.HASH) == {"192.168.1.245": "a"}
