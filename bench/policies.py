"""How long it takes to read policies, to say of all pairs of pods who reaches whom, and to put them in force."""

import asyncio
import random
import statistics
import time
import uuid
from typing import Any

from bench.report import Figure
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.policy.matrix import matrix
from hearthgate.policy.nftables import kernel
from hearthgate.policy.nftables.ruleset import state_of, transaction
from hearthgate.policy.world import world
from hearthgate.resources.meta import Resource
from tests.lan import inside, ip
from tests.policy_samples import app, namespace, pod, policy

GROUP = "policies"
ROUNDS = 5


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    many, some = Snapshot.of(_objects(5_000, 500, 50)), Snapshot.of(_objects(100, 50, 5))
    times: dict[str, list[float]] = {"load": [], "matrix": [], "rules": [], "kernel": []}
    for _ in range(1 if quick else ROUNDS):
        began = time.perf_counter()
        whole = world(many)
        times["load"].append(time.perf_counter() - began)
        began = time.perf_counter()
        text = transaction(None, state_of(whole, whole.pods.values()))
        times["rules"].append(time.perf_counter() - began)
        times["kernel"].append(_in_kernel(text))
        began = time.perf_counter()
        seen = world(some)
        pods = tuple(seen.pods.values())
        assert len(list(matrix(seen, pods, pods))) == len(pods) ** 2
        times["matrix"].append(time.perf_counter() - began)
    return [
        Figure(GROUP, "5,000 pods and 500 policies read", statistics.median(times["load"]), "s", 1.0),
        Figure(GROUP, "the same as rules for all of the pods", statistics.median(times["rules"]), "s"),
        Figure(GROUP, "these rules in force (one transaction)", statistics.median(times["kernel"]), "s", 1.0),
        Figure(GROUP, "100 pods, 50 policies: all pairs", statistics.median(times["matrix"]), "s", 1.0),
    ], {"seconds": times}


def _in_kernel(text: str) -> float:
    """Seconds, in a network of its own."""
    name = f"hg-bench-{uuid.uuid4().hex[:8]}"
    ip("netns", "add", name)
    try:
        with inside(name):
            began = time.perf_counter()
            asyncio.run(kernel.apply(text))
            return time.perf_counter() - began
    finally:
        ip("netns", "del", name)


def _objects(pods: int, policies: int, spaces: int) -> list[Resource]:
    chance = random.Random(1)
    made: list[Resource] = [namespace(f"n{number}") for number in range(spaces)]
    for number in range(pods):
        labels = {"app": f"a{number % 37}", "tier": chance.choice(["front", "back"]), "id": str(number)}
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        made.append(pod(f"n{number % spaces}/p{number}", address, labels=labels, ports=[("http", "TCP", 8080)]))
    return made + [policy(f"n{number % spaces}/q{number}", **_spec(number)) for number in range(policies)]


def _spec(number: int) -> dict[str, Any]:
    """One of five closes a namespace, the others open something to pods of all namespaces and to a block."""
    if number % 5 == 0:
        return {"policyTypes": ["Ingress"]}
    block = {"cidr": "10.0.0.0/8", "except": ["10.0.1.0/24"]}
    peers = [{"namespaceSelector": {}, "podSelector": app(f"a{number * 2 % 37}")}, {"ipBlock": block}]
    front = {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}]}
    return {
        "podSelector": app(f"a{number % 37}"),
        "ingress": [
            {"from": peers, "ports": [{"port": 8080}, {"port": "http"}]},
            {"from": [{"podSelector": front}]},
        ],
    }
