"""Which Challenges may be worked on: so many at a time, and of TLS-ALPN-01 one for each host. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from hearthgate.certificates.orders.states import is_decided, progress_of
from hearthgate.certificates.tagged import Tagged
from hearthgate.cluster.snapshot import Collection, Key
from hearthgate.resources.certmanager import Challenge

_WAITING: Final = "waiting"
_RUNNING: Final = "running"


class Turns:
    """Remembers whose turn it is until the snapshot shows it, so that none too many are begun meanwhile."""

    def __init__(self) -> None:
        self._challenges: Tagged[Challenge] = Tagged(_tags)
        self._taken: dict[Key, str] = {}

    def follow(self, collection: Collection) -> None:
        self._challenges.follow(collection)
        for key, uid in list(self._taken.items()):
            found = collection.objects.get(key)
            if not isinstance(found, Challenge) or found.metadata.uid != uid or not _is_waiting(found):
                del self._taken[key]

    def take(self, challenge: Challenge, most: int) -> bool:
        """Whether it may be worked on now."""
        if not _is_waiting(challenge) or challenge.key in self._taken:
            return True
        running = {*self._challenges.keys(_RUNNING), *self._taken}
        if len(running) >= most:
            return False
        if challenge.spec.type == "TLS-ALPN-01":
            same = self._challenges.keys(_host(challenge))
            if any(key in running for key in same):
                return False
        self._taken[challenge.key] = challenge.metadata.uid
        return True

    def next(self, decided: Challenge, most: int) -> Iterator[Key]:
        """Who may come now that this one is decided or gone: those that wait longest, and those for its host."""
        running = len({*self._challenges.keys(_RUNNING), *self._taken})
        waiting = [one for one in self._challenges.of(_WAITING) if one.key not in self._taken]
        waiting.sort(key=lambda one: (one.metadata.creation_timestamp or "", one.key))
        yield from (one.key for one in waiting[: max(most - running, 0)])
        yield from self._challenges.keys(_host(decided))


def _is_waiting(challenge: Challenge) -> bool:
    return not is_decided(challenge) and not progress_of(challenge).processing


def _tags(challenge: Challenge) -> Iterable[tuple[str, str] | str]:
    if is_decided(challenge):
        return
    yield _WAITING if _is_waiting(challenge) else _RUNNING
    if challenge.spec.type == "TLS-ALPN-01":
        yield _host(challenge)


def _host(challenge: Challenge) -> tuple[str, str]:
    return (challenge.spec.type, challenge.spec.dns_name.lower())
