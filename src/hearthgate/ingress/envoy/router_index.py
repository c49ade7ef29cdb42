"""The routers of one entrypoint and kind of connection, found by virtual host, kept up to date by differences."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Sequence

from hearthgate.ingress.envoy.routes import CompiledRouter


class RouterIndex:
    """Starts empty; `update` says what changed."""

    def __init__(self) -> None:
        self._members: dict[int, CompiledRouter] = {}
        self._pinned: dict[str, list[CompiledRouter]] = {}
        self._wide: list[CompiledRouter] = []
        self._named: Counter[str] = Counter()
        self.domains: tuple[str, ...] = ("*",)
        """Sorted: every domain that some router names, and `*`."""

    def update(self, compiled: Iterable[CompiledRouter]) -> frozenset[str] | None:
        """Takes exactly these routers. The domains whose routers changed or that are new; None for all."""
        new = {id(router): router for router in compiled}
        old, self._members = self._members, new
        gone = [old[key] for key in old.keys() - new.keys()]
        added = [new[key] for key in new.keys() - old.keys()]
        before = self._named.keys() if not gone and not added else set(self._named)
        for router in gone:
            self._remove(router)
        for router in added:
            self._add(router)
        different = before ^ self._named.keys()
        if different:
            self.domains = tuple(sorted({*self._named, "*"}))
        if any(router.wide for router in (*gone, *added)):
            return None
        return frozenset(different.union(*(router.pinned for router in (*gone, *added))))

    def of(self, domain: str) -> tuple[CompiledRouter, ...]:
        """All that may have routes for a domain, in order of precedence."""
        pinned = self._pinned.get(domain, ())
        if not self._wide or not pinned:
            return specific_hosts_first(pinned or self._wide)
        return specific_hosts_first(sorted({*pinned, *self._wide}, key=_order))

    def _add(self, router: CompiledRouter) -> None:
        for host in router.pinned:
            insort(self._pinned.setdefault(host, []), router, key=_order)
        if router.wide:
            insort(self._wide, router, key=_order)
        self._named.update(router.domains)

    def _remove(self, router: CompiledRouter) -> None:
        for host in router.pinned:
            self._pinned[host].remove(router)
            if not self._pinned[host]:
                del self._pinned[host]
        if router.wide:
            self._wide.remove(router)
        for domain in router.domains:
            self._named[domain] -= 1
            if not self._named[domain]:
                del self._named[domain]


def _order(router: CompiledRouter) -> tuple[int | str, ...]:
    return router.order


def specific_hosts_first(routers: Sequence[CompiledRouter]) -> tuple[CompiledRouter, ...]:
    """The same routers, given by precedence. Of those whose host has a rank none stands before one whose host is
    more specific: it goes down behind that one, past others that stand between."""
    ranked: dict[int, list[int]] = {}
    for place, router in enumerate(routers):
        if router.router.host_rank:
            ranked.setdefault(router.router.host_rank, []).append(place)
    if len(ranked) < 2:
        return tuple(routers)
    places: dict[int, int] = {}
    lowest = -1
    for rank in sorted(ranked, reverse=True):
        places.update((place, max(place, lowest)) for place in ranked[rank])
        lowest = max(places[place] for place in ranked[rank])
    order = sorted(
        range(len(routers)),
        key=lambda place: (places.get(place, place), -routers[place].router.host_rank, place),
    )
    return tuple(routers[place] for place in order)
