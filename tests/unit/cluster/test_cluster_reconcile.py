"""The loop that runs reconcilers: what is looked at when, and again."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from hearthgate.cluster.errors import Conflict
from hearthgate.cluster.reconcile import Reconcilers
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import ObjectMeta, Resource
from hearthgate.resources.networking import IngressClass


class Recorder:
    """Works on IngressClasses; a Secret concerns the one of its name."""

    kind: type[Resource] = IngressClass
    workers = 2
    limit = 5.0

    def __init__(self, answers: Iterable[float | Exception | None] = ()) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[int, str]] = []

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        self.seen.append((snapshot.number, name))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        if isinstance(changed, Secret):
            yield ("", changed.metadata.name)


def ingress_class(name: str) -> IngressClass:
    return IngressClass(metadata=ObjectMeta(name=name))


def secret(name: str) -> Secret:
    return Secret(metadata=ObjectMeta(name=name, namespace="infra"))


async def played(recorder: Recorder, *snapshots: Snapshot) -> list[tuple[int, str]]:
    """What the recorder has seen once each snapshot was worked off before the next came."""
    loop = Reconcilers([recorder], [Secret])

    async def one_after_another() -> AsyncIterator[Snapshot]:
        for snapshot in snapshots:
            yield snapshot
            await loop.settled()
        ended.set()

    ended = asyncio.Event()
    running = asyncio.create_task(loop.run(one_after_another()))
    async with asyncio.timeout(5):
        await ended.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return recorder.seen


async def test_only_what_changed_is_looked_at_again() -> None:
    a, b = ingress_class("a"), ingress_class("b")
    seen = await played(Recorder(), Snapshot.of([a, b], number=1), Snapshot.of([a, ingress_class("b")], number=2))
    assert seen == [(1, "a"), (1, "b"), (2, "b")]


async def test_what_is_gone_is_looked_at_once_more() -> None:
    a = ingress_class("a")
    assert await played(Recorder(), Snapshot.of([a], number=1), Snapshot.of([], number=2)) == [
        (1, "a"),
        (2, "a"),
    ]


async def test_others_concern_it_when_they_change_and_when_they_go() -> None:
    a, own = ingress_class("a"), secret("a")
    first = Snapshot.of([a], number=1)
    seen = await played(Recorder(), first, Snapshot.of([a, own], number=2), Snapshot.of([a], number=3))
    assert seen == [(1, "a"), (2, "a"), (3, "a")]


async def test_looks_again_when_asked_and_after_conflicts() -> None:
    recorder = Recorder([0.001, Conflict("changed meanwhile"), None])
    assert await played(recorder, Snapshot.of([ingress_class("a")], number=1)) == [(1, "a")] * 3
