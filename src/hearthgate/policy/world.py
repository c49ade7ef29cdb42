"""Everything that decides which pods may talk: pods, namespaces, nodes and compiled policies. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.problems import Problem
from hearthgate.policy.compiled import Policy, Rule, compiled
from hearthgate.policy.ends import Address, End, Outside, PodEnd, namespaces_of, nodes_of, pods_of
from hearthgate.policy.selection import Keys, Selection
from hearthgate.policy.tiers import TierPolicy, tier_policy
from hearthgate.resources.core import Node
from hearthgate.resources.networking import NetworkPolicy
from hearthgate.resources.policy import ClusterNetworkPolicy


class Direction(StrEnum):
    INGRESS = "ingress"
    EGRESS = "egress"


class World(NamedTuple):
    """pods: by key. by_address: pods that have an address of their own. nodes: names by address. isolating:
    NetworkPolicies that speak of a pod, by direction. tiers: ClusterNetworkPolicies in their order, by tier."""

    pods: Mapping[Key, PodEnd]
    by_address: Mapping[Address, PodEnd]
    nodes: Mapping[Address, str]
    selection: Selection
    policies: tuple[Policy, ...]
    isolating: Mapping[Direction, Mapping[Key, tuple[Policy, ...]]]
    tiers: Mapping[str, tuple[TierPolicy, ...]]
    problems: tuple[Problem, ...]

    def at(self, address: Address) -> End:
        """Who has an address."""
        pod = self.by_address.get(address)
        return pod if pod is not None else Outside(address, self.nodes.get(address, ""))

    def isolates(self, direction: Direction, key: Key) -> tuple[Policy, ...]:
        """NetworkPolicies that close this direction of a pod but for what they allow."""
        return self.isolating[direction].get(key, ())


def world(snapshot: Snapshot, *, also: Iterable[PodEnd] = ()) -> World:
    """also: pods that are not objects, as containers of one box."""
    pods = {pod.key: pod for pod in (*also, *pods_of(snapshot))}
    selection = Selection(pods.values(), namespaces_of(snapshot))
    nodes = nodes_of(snapshot)
    policies, tiers, problems = list[Policy](), list[TierPolicy](), list[Problem]()
    for policy in snapshot.all(NetworkPolicy):
        made, found = compiled(policy, selection)
        policies.append(made)
        problems += found
    labels = {one.metadata.name: one.metadata.labels for one in snapshot.all(Node)}
    labelled = {address: labels[name] for address, name in nodes.items()}
    for cluster_policy in snapshot.all(ClusterNetworkPolicy):
        tier, found = tier_policy(cluster_policy, selection, labelled)
        tiers.append(tier)
        problems += found
    tiers.sort(key=lambda one: (one.priority, one.ref.name))
    return World(
        pods=pods,
        by_address={address: pod for pod in pods.values() if not pod.host_network for address in pod.addresses},
        nodes=nodes,
        selection=selection,
        policies=tuple(policies),
        isolating={direction: _isolating(policies, direction) for direction in Direction},
        tiers={name: tuple(one for one in tiers if one.tier == name) for name in ("Admin", "Baseline")},
        problems=tuple(sorted(problems)),
    )


def rules_of(policy: Policy, direction: Direction) -> tuple[Rule, ...] | None:
    return policy.ingress if direction is Direction.INGRESS else policy.egress


def _isolating(policies: Iterable[Policy], direction: Direction) -> Mapping[Key, tuple[Policy, ...]]:
    found: defaultdict[Key, list[Policy]] = defaultdict(list)
    shared: dict[Keys, tuple[Key, ...]] = {}
    for policy in policies:
        if rules_of(policy, direction) is not None:
            for key in shared.setdefault(policy.pods, tuple(policy.pods)):
                found[key].append(policy)
    return {key: tuple(each) for key, each in found.items()}
