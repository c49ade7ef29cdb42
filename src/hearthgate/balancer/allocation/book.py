"""Every Service's address, brought up to date by what changed between two snapshots. Pure but for its state."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple, cast

from hearthgate.balancer.allocation.allocator import Allocator, Forbidden
from hearthgate.balancer.allocation.asked import Mistake, held_by, is_ours, request_of
from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.allocation.pools import Pool
from hearthgate.balancer.allocation.requests import Grant, Refusal, Request
from hearthgate.balancer.allocation.reservations import reservations
from hearthgate.balancer.allocation.validation import Pools, read_pools
from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.problems import Problem
from hearthgate.resources.core import Namespace, Service
from hearthgate.resources.metallb import IPAddressPool

Answer = Grant | Refusal | Mistake

MOST_REMEMBERED: Final = 1024
"""Services that are gone, whose addresses are kept in mind."""


class _Asked(NamedTuple):
    service: Service
    request: Request | Mistake


class Book:
    """lb_class: of the Services that are ours. forbidden: addresses that nobody may have, and why.

    answers: by Service; who has no address has a Refusal or a Mistake here. Others' Services are not in it.
    """

    def __init__(self, lb_class: str = "", *, forbidden: Forbidden = lambda address: None) -> None:
        self._lb_class = lb_class
        self._allocator = Allocator(forbidden=forbidden)
        self._snapshot = Snapshot()
        self._asked: dict[Key, _Asked] = {}
        self._memory: dict[Key, tuple[Address, ...]] = {}
        self._pools = Pools((), ())
        self._is_restored = False
        self.answers: dict[Key, Answer] = {}

    @property
    def pools(self) -> tuple[Pool, ...]:
        return self._pools.usable

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._pools.problems

    def usage(self) -> Mapping[str, tuple[int, int]]:
        """(IPv4, IPv6) addresses in use by pool."""
        return {pool.name: self._allocator.in_use(pool) for pool in self.pools}

    def take(self, snapshot: Snapshot) -> Collection[Key]:
        """Brings all answers up to date. Returns the Services that were looked at again, in order."""
        old, self._snapshot = self._snapshot, snapshot
        touched, freed = self._take_services(old, snapshot)
        if self._take_pools(old, snapshot):
            touched = set(self._asked) | touched
        if not self._is_restored:
            self._restore()
        moved = self._decide(touched)
        if freed or moved:
            waiting = {key for key, answer in self.answers.items() if isinstance(answer, Refusal)} - touched
            self._decide(waiting)
            touched |= waiting
        return sorted(touched)

    def again(self) -> None:
        """What is forbidden has changed: everything is looked at with the next snapshot."""
        self._snapshot = Snapshot().replaced({Service: self._snapshot.collection(Service)})

    def _take_services(self, old: Snapshot, new: Snapshot) -> tuple[set[Key], bool]:
        """Whom to look at again, and whether somebody is gone or asks for something else: that may have made room
        for those who wait."""
        touched: set[Key] = set()
        freed = False
        for key, change in changes(old.collection(Service), new.collection(Service)).items():
            service = cast("Service | None", change.after)
            if service is None or not is_ours(service, self._lb_class):
                if self._asked.pop(key, None) is not None:
                    self._forget(key)
                    touched.add(key)
                    freed = True
                continue
            request = request_of(service)
            known = self._asked.get(key)
            self._asked[key] = _Asked(service, request)
            freed = freed or (known is not None and known.request != request)
            if known is None or known.request != request or held_by(service) != self._granted(key):
                touched.add(key)
        return touched, freed

    def _forget(self, key: Key) -> None:
        """What the Service had is remembered: one of its name that comes again gets it again if it is free."""
        if grant := self._allocator.grants.get(key):
            self._memory[key] = grant.addresses
            if len(self._memory) > MOST_REMEMBERED:
                del self._memory[next(iter(self._memory))]
        self._allocator.release(key)
        self._allocator.unreserve(key)
        self.answers.pop(key, None)

    def _take_pools(self, old: Snapshot, new: Snapshot) -> bool:
        if all(old.collection(kind) is new.collection(kind) for kind in (IPAddressPool, Namespace)):
            return False
        known, resources = self._pools, new.all(IPAddressPool)
        self._pools = read_pools(resources, new.all(Namespace))
        self._allocator.keep(reservations(resources))
        if known.usable == self._pools.usable:
            return False
        self._allocator.use(self._pools.usable)
        return True

    def _restore(self) -> None:
        """What Services hold stays theirs: all of it is entered before anybody gets something new."""
        if not self._pools.usable:
            return
        self._is_restored = True
        held = {key: held_by(asked.service) for key, asked in self._asked.items()}
        for key in sorted(held, key=lambda key: (-len(held[key]), key)):
            request = self._asked[key].request
            if isinstance(request, Request):
                self._allocator.restore(request, held[key])

    def _decide(self, keys: Iterable[Key]) -> bool:
        """Returns whether an address became free, or may be shared now, which others may have waited for."""
        moved = False
        for key in self._in_turn(keys):
            request = self._asked[key].request
            before = self._allocator.grants.get(key)
            self.answers[key] = self._answer(key, request)
            moved = moved or (before is not None and before != self._allocator.grants.get(key))
        return moved

    def _in_turn(self, keys: Iterable[Key]) -> list[Key]:
        """Who asks for an address by name comes first, so that nobody else gets it; then by name."""

        def rank(key: Key) -> tuple[bool, Key]:
            request = self._asked[key].request
            return (not (isinstance(request, Request) and request.addresses), key)

        found = sorted((key for key in keys if key in self._asked), key=rank)
        for key in found:
            request = self._asked[key].request
            self._allocator.unreserve(key)
            if isinstance(request, Request):
                for address in request.addresses:
                    self._allocator.reserve(address, key)
        return found

    def _answer(self, key: Key, request: Request | Mistake) -> Answer:
        if isinstance(request, Mistake):
            known = self._allocator.grants.get(key)
            if request.keeps and known is not None:
                return request
            self._allocator.release(key)
            return request
        held = self._granted(key) or held_by(self._asked[key].service) or self._memory.get(key, ())
        return self._allocator.allocate(request, held)

    def _granted(self, key: Key) -> tuple[Address, ...]:
        grant = self._allocator.grants.get(key)
        return grant.addresses if grant is not None else ()

    def grant(self, key: Key) -> Grant | None:
        """What the Service holds now."""
        return self._allocator.grants.get(key)
