"""What was written and must be removed again, whatever happens in between. Pure.

An entry holds all that removing takes: the Challenge may be gone by then, and its issuer changed. It has names of
Secrets, never what is in them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from hearthgate.certificates.dns01.provider import Record
from hearthgate.cluster.snapshot import Key
from hearthgate.resources.certmanager.solvers import DNS01

VERSION: Final = 1


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """namespace, challenge, uid: of the Challenge. host: the name that is proved. secrets: the namespace of the
    solver's Secrets. since: when it was to be written."""

    namespace: str
    challenge: str
    uid: str
    host: str
    name: str
    value: str
    ttl: int
    solver: DNS01
    secrets: str
    since: datetime

    @property
    def key(self) -> Key:
        return (self.namespace, self.challenge)

    @property
    def record(self) -> Record:
        return Record(self.name, self.value, self.ttl)


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    entries: tuple[msgspec.Raw, ...]


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """entries: no two for the same record of a Challenge, oldest first."""

    entries: tuple[Entry, ...] = ()

    def of(self, key: Key) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.key == key)

    def with_entry(self, entry: Entry) -> "Journal":
        """The first mention of a record counts: it has the solver that wrote it."""
        if any(_same(entry, known) for known in self.entries):
            return self
        return Journal(entries=(*self.entries, entry))

    def without(self, entry: Entry) -> "Journal":
        return Journal(entries=tuple(known for known in self.entries if not _same(entry, known)))

    def is_shared(self, entry: Entry) -> bool:
        """Whether another Challenge wants the same record: CAs may give two orders one authorization."""
        return any(known.record[:2] == entry.record[:2] and known.key != entry.key for known in self.entries)

    def left_over(self, present: Iterable[Key]) -> tuple[Key, ...]:
        """Challenges that have entries and are not among those that are present."""
        there = frozenset(present)
        return tuple(dict.fromkeys(entry.key for entry in self.entries if entry.key not in there))

    def to_json(self) -> bytes:
        return msgspec.json.encode({"version": VERSION, "entries": self.entries})


def from_json(text: bytes) -> tuple[Journal, int]:
    """The journal, and how many of its entries cannot be read any more. Nothing is an empty journal."""
    if not text:
        return Journal(), 0
    try:
        written = msgspec.json.decode(text, type=_Written)
    except msgspec.DecodeError:
        return Journal(), 1
    journal, lost = Journal(), 0
    for raw in written.entries:
        try:
            journal = journal.with_entry(msgspec.json.decode(raw, type=Entry))
        except msgspec.DecodeError:
            lost += 1
    return journal, lost


def _same(one: Entry, other: Entry) -> bool:
    return (one.key, one.name, one.value) == (other.key, other.name, other.value)
