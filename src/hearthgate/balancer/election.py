"""Which node announces which address. Pure, and the same on every node that sees the same: nobody is asked.

Addresses are elected one by one, not Services, so that several Services on one address always are on one node.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import ceil
from typing import NamedTuple


class Placement(StrEnum):
    """BALANCED: every node has as many addresses as the others, give or take one. HASH: MetalLB's choice, which is
    that of a lone speaker of MetalLB on the same network, and uneven."""

    BALANCED = "balanced"
    HASH = "hash"


class Claim(NamedTuple):
    """An address and who could announce it. preferences: by node, the sum of the weights that prefer it; a node
    that is not in it cannot."""

    address: str
    preferences: Mapping[str, int]


def elect(claims: Iterable[Claim], placement: Placement = Placement.BALANCED) -> Mapping[str, str]:
    """The node of every address that has a candidate."""
    ranked = {claim.address: _ranked(claim) for claim in claims if claim.preferences}
    if placement is Placement.HASH:
        return {address: nodes[0] for address, nodes in ranked.items()}
    return _balanced(ranked)


def _ranked(claim: Claim) -> tuple[str, ...]:
    """Those that are preferred most, in the order of upstream's hash."""
    best = max(claim.preferences.values())
    nodes = (node for node, preference in claim.preferences.items() if preference == best)
    return tuple(sorted(nodes, key=lambda node: _weight(node, claim.address)))


def _balanced(ranked: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """Rendezvous hashing with bounded loads: every address goes to the first of its nodes that is not full. Few
    choices are made first; when a node leaves, most of what the others have stays where it is."""
    order = sorted(ranked, key=lambda address: (len(ranked[address]), _weight("", address)))
    nodes = {node for choices in ranked.values() for node in choices}
    most = ceil(len(ranked) / len(nodes)) if nodes else 0
    loads: Counter[str] = Counter()
    chosen = {}
    for address in order:
        choices = ranked[address]
        open_ = (node for node in choices if loads[node] < most)
        node = next(open_, None) or min(choices, key=lambda node: (loads[node], choices.index(node)))
        loads[node] += 1
        chosen[address] = node
    return chosen


def _weight(node: str, address: str) -> bytes:
    return hashlib.sha256(f"{node}#{address}".encode()).digest()
