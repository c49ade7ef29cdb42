"""Who belongs to whom: what counts of an object for that, and an index of dependents by owner. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from hearthgate.apiserver.semantics.deletion import FOREGROUND, ORPHAN

_MARKS: Final = (b'"ownerReferences"', b'"deletionTimestamp"')


class Place(NamedTuple):
    """Where an object is stored."""

    resource: str
    namespace: str
    name: str


class Reference(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An owner as its dependent names it. `blocks`: an owner that goes in the foreground waits for it."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    blocks: bool | None = msgspec.field(default=None, name="blockOwnerDeletion")


class Head(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The metadata that decides over the end of an object."""

    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] | None = None
    owner_references: tuple[Reference, ...] | None = None

    @property
    def owners(self) -> tuple[Reference, ...]:
        return self.owner_references or ()

    @property
    def is_ending(self) -> bool:
        return self.deletion_timestamp is not None

    @property
    def goes_last(self) -> bool:
        """Whether it is being deleted after its dependents."""
        return self.is_ending and FOREGROUND in (self.finalizers or ())

    @property
    def leaves_orphans(self) -> bool:
        """Whether it is being deleted once its dependents have lost it."""
        return self.is_ending and ORPHAN in (self.finalizers or ())


class _Object(msgspec.Struct, frozen=True, gc=False):
    metadata: Head


class _Named(msgspec.Struct, frozen=True, gc=False):
    """What the server itself wrote."""

    uid: str = ""


class _Damaged(msgspec.Struct, frozen=True, gc=False):
    metadata: _Named


_DECODER: Final = msgspec.json.Decoder(_Object)


def head_of(raw: bytes) -> Head:
    """The head of a stored object. One whose owners an older version let in unchecked has none."""
    try:
        return _DECODER.decode(raw).metadata
    except msgspec.ValidationError:
        return Head(uid=msgspec.json.decode(raw, type=_Damaged).metadata.uid)


def may_matter(raw: bytes) -> bool:
    """Whether the object may have owners or be ending. Quick, for the many that have neither and are not."""
    return any(mark in raw for mark in _MARKS)


class Dependents:
    """Objects by the uids of their owners."""

    def __init__(self) -> None:
        self._by_owner: dict[str, dict[Place, None]] = {}
        self._owners: dict[Place, frozenset[str]] = {}

    def set(self, place: Place, owners: Iterable[str]) -> frozenset[str]:
        """Replaces the owners of an object; gives those that it had before."""
        wanted = frozenset(owners)
        before = self._owners.pop(place, frozenset())
        for uid in before - wanted:
            dependents = self._by_owner[uid]
            del dependents[place]
            if not dependents:
                del self._by_owner[uid]
        for uid in wanted - before:
            self._by_owner.setdefault(uid, {})[place] = None
        if wanted:
            self._owners[place] = wanted
        return before

    def knows(self, place: Place) -> bool:
        """Whether the object has owners."""
        return place in self._owners

    def of(self, uid: str) -> tuple[Place, ...]:
        return tuple(self._by_owner.get(uid, ()))
