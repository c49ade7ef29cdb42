"""What the objects of one kind add to the model, brought up to date by differences: only objects that something
changed for are linked again."""

from collections.abc import Callable, Collection, Hashable, Set
from typing import Generic, NamedTuple, TypeVar

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.model import Router
from hearthgate.ingress.routing.routers import Linked
from hearthgate.ingress.routing.tracking import Result
from hearthgate.model.problems import Problem
from hearthgate.resources.meta import Resource

R = TypeVar("R", bound=Resource)
Key = tuple[str, str]
Rank = tuple[tuple[int | str, ...], str]
Ranked = tuple[Rank, Router]


class Link(NamedTuple):
    """What one object gives, with its routers that have an entrypoint ready to be sorted."""

    linked: Linked
    ranked: tuple[Ranked, ...]
    problems: tuple[Problem, ...]


class LinkTable(Generic[R]):
    """The links of one kind.

    key: how the tracker calls its results: `(key, namespace, name)`.
    linked: what an object gives; no value when it is not ours, perhaps with a word why.
    served: the entrypoints that there are.
    allow_empty: whether routers of services without any server serve, by answering 503.
    """

    def __init__(
        self,
        kind: type[R],
        key: str,
        linked: Callable[[R], Result[Linked | None]],
        served: Collection[str],
        *,
        allow_empty: bool,
    ) -> None:
        self.allow_empty = allow_empty
        self.links: dict[Key, Link] = {}
        self.unclaimed: dict[Key, tuple[Problem, ...]] = {}
        """Problems of objects that are not ours."""
        self._kind = kind
        self._key = key
        self._linked = linked
        self._served = served
        self._seen: Set[Key] = frozenset()

    def update(self, snapshot: Snapshot, dropped: frozenset[Hashable]) -> None:
        """dropped: the results that the tracker has forgotten for this snapshot."""
        objects = snapshot.collection(self._kind).objects
        for key in self.links.keys() - objects.keys():
            del self.links[key]
        self.unclaimed = {key: found for key, found in self.unclaimed.items() if key in objects}
        new = objects.keys() - self._seen
        self._seen = objects.keys()
        again = {key[1:] for key in dropped if isinstance(key, tuple) and key[0] == self._key}
        for key in new | again:
            found = objects.get(key)
            linked, problems = self._linked(found) if isinstance(found, self._kind) else Result(None)
            self.unclaimed.pop(key, None)
            if linked is None:
                self.links.pop(key, None)
                if problems:
                    self.unclaimed[key] = problems
                continue
            ranked = tuple(
                (rank(router), router) for router in linked.routers if router.entrypoint in self._served
            )
            self.links[key] = Link(linked, ranked, problems)


def rank(router: Router) -> Rank:
    """Sort key: higher priority first, layer by layer; then the name decides."""
    return (router.order, router.entrypoint)
