"""How long it takes to read policies, to say of all pairs of pods who reaches whom, and to put them in force."""

import asyncio
import contextlib
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.report import Figure
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.policy.matrix import matrix
from hearthgate.policy.nftables import kernel
from hearthgate.policy.nftables.ruleset import State, state_of, transaction
from hearthgate.policy.world import world
from tests.lan import inside, ip
from tests.policy_samples import app, crowd, namespace, pod, policy
from tests.yard import yard

GROUP = "policies"
ROUNDS = 5
TRIES = 100_000


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    many, some = Snapshot.of(crowd(5_000, 500, 50)), Snapshot.of(crowd(100, 50, 5))
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
    tries, leaks, changes = _leaks(TRIES // 20 if quick else TRIES)
    return [
        Figure(GROUP, f"of {tries:,} forbidden connections came through", float(leaks), "", 0.0),
        Figure(GROUP, "changes of the rules meanwhile", float(changes), ""),
        Figure(GROUP, "5,000 pods and 500 policies read", statistics.median(times["load"]), "s", 1.0),
        Figure(GROUP, "the same as rules for all of the pods", statistics.median(times["rules"]), "s"),
        Figure(GROUP, "these rules in force (one transaction)", statistics.median(times["kernel"]), "s", 1.0),
        Figure(GROUP, "100 pods, 50 policies: all pairs", statistics.median(times["matrix"]), "s", 1.0),
    ], {"seconds": times, "tries": tries, "leaks": leaks, "changes": changes}


def _leaks(count: int) -> tuple[int, int, int]:
    """Tries, those that came through, and how often the rules changed meanwhile. What changes is which port others
    may use."""
    ends = {"a/web": ("10.50.0.1",), "a/friend": ("10.50.0.2",), "b/foe": ("10.50.0.3",)}
    pods = [pod(end, *addresses) for end, addresses in ends.items()]
    states = []
    for port in (80, 81):
        rule = {"from": [{"podSelector": app("friend")}], "ports": [{"port": port}]}
        fence = policy("a/fence", podSelector=app("web"), ingress=[rule])
        seen = world(Snapshot.of([namespace("a"), namespace("b"), *pods, fence]))
        states.append(state_of(seen, seen.pods.values()))
    with yard(ends) as place:
        with inside(place.box):
            asyncio.run(kernel.apply(transaction(None, states[0])))
        with tempfile.TemporaryDirectory() as folder, _changing(place.box, states, Path(folder)) as changed:
            leaks = sum(place.passes("b/foe", "a/web", "TCP", 80, expected=False) for _ in range(count))
            changes = changed()
    return count, leaks, changes


@contextlib.contextmanager
def _changing(box: str, states: list[State], folder: Path) -> Iterator[Callable[[], int]]:
    """The rules of one state after those of the other, without pause, in a process of its own. Tells how often."""
    for place, (before, after) in enumerate((states, states[::-1])):
        (folder / f"{place}").write_text(transaction(before, after))
    loop = "while nft -f 0 && nft -f 1; do echo >> changes; done"
    process = subprocess.Popen(["ip", "netns", "exec", box, "sh", "-c", loop], cwd=folder)
    log = folder / "changes"
    try:
        yield lambda: 2 * len(log.read_text()) if log.exists() else 0
    finally:
        process.terminate()
        process.wait(20)


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
