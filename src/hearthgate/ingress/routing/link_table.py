"""What the objects of one kind add to the model, brought up to date by differences: only objects that something
changed for are linked again."""

from collections.abc import Callable, Collection, Hashable
from typing import Generic, NamedTuple, TypeVar

from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection as Objects
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.ingress.routing.model import Router
from hearthgate.ingress.routing.routers import Linked
from hearthgate.ingress.routing.tracking import Result
from hearthgate.model.problems import Problem
from hearthgate.resources.meta import Resource

R = TypeVar("R", bound=Resource)
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
        self._seen = Objects({})
        self.version = 0
        """Another one whenever something in the table is."""

    def update(self, snapshot: Snapshot, dropped: frozenset[Hashable]) -> None:
        """dropped: the results that the tracker has forgotten for this snapshot."""
        objects = snapshot.collection(self._kind)
        differences = changes(self._seen, objects).items()
        came_or_went = {key for key, (before, after) in differences if before is None or after is None}
        self._seen = objects
        again = {key[1:] for key in dropped if isinstance(key, tuple) and key[0] == self._key}
        for key in came_or_went | again:
            self._put(key, *self._link(objects.objects.get(key)))

    def _link(self, found: Resource | None) -> tuple[Link | None, tuple[Problem, ...]]:
        """Its link, or what is wrong with an object that is not ours."""
        linked, problems = self._linked(found) if isinstance(found, self._kind) else Result(None)
        if linked is None:
            return None, problems
        ranked = tuple((rank(router), router) for router in linked.routers if router.entrypoint in self._served)
        return Link(linked, ranked, problems), ()

    def _put(self, key: Key, link: Link | None, unclaimed: tuple[Problem, ...]) -> None:
        """An equal link is not put in the place of the one before: further down, routers are known by identity."""
        if link == self.links.get(key) and unclaimed == self.unclaimed.get(key, ()):
            return
        self.version += 1
        if link is None:
            self.links.pop(key, None)
        else:
            self.links[key] = link
        if unclaimed:
            self.unclaimed[key] = unclaimed
        else:
            self.unclaimed.pop(key, None)


def rank(router: Router) -> Rank:
    """Sort key: higher priority first, layer by layer; then the name decides."""
    return (router.order, router.entrypoint)
