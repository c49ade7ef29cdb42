"""What is known of one kind: the objects that decode, and those that do not with the reasons.

Fed by the reflector, read by the hub. A bad object costs itself and nothing else. Objects are trimmed on arrival:
the types leave managedFields out, and the last-applied annotation goes because it repeats the object (of a Secret:
its plaintext).
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from hearthgate.cluster.depth import CUT_OFF, MOST
from hearthgate.cluster.snapshot import Collection, Key, RefusedObject
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.decode import decode
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Lenient, ObjectMeta, Resource

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


class Item(NamedTuple):
    """One object as it arrived. `resource` is None when `problems` holds an error."""

    metadata: ObjectMeta
    resource: Resource | None
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> Key:
        return (self.metadata.namespace, self.metadata.name)


class _Bare(Lenient, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()


_BARE: Final = msgspec.json.Decoder(_Bare)


def read_metadata(raw: bytes | msgspec.Raw) -> ObjectMeta:
    """The metadata of an object, blank when not even that can be read."""
    try:
        return _BARE.decode(raw).metadata
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ObjectMeta()


def read_item(kind: Kind, raw: bytes | msgspec.Raw) -> Item:
    """Decodes one object. Never raises on bad input."""
    text = bytes(raw)
    if CUT_OFF in text:
        metadata = read_metadata(text)
        ref = ObjectRef(kind.kind, metadata.namespace, metadata.name)
        message = f"nested more than {MOST} levels deep"
        return Item(metadata, None, (Problem(ref=ref, reason=Reason.INVALID_VALUE, message=message),))
    resource, problems = decode(kind, text)
    metadata = read_metadata(raw) if resource is None else resource.metadata
    # Items of a list need not say their kind; a Problem must.
    ref = ObjectRef(kind.kind, metadata.namespace, metadata.name)
    problems = tuple(
        problem if problem.ref == ref else msgspec.structs.replace(problem, ref=ref) for problem in problems
    )
    if resource is not None and LAST_APPLIED in metadata.annotations:
        kept = {name: text for name, text in metadata.annotations.items() if name != LAST_APPLIED}
        metadata = msgspec.structs.replace(metadata, annotations=kept)
        resource = msgspec.structs.replace(resource, metadata=metadata)
    return Item(metadata, resource, problems)


class KindCache:
    """The objects of one kind. `on_change` is called after every change of them, of `synced` and of `trouble`.

    synced: the first list is complete. absent: the server does not serve the kind (and it counts as empty).
    last_event: when (monotonic) the server was last heard of; trouble: why it is not heard of now.
    """

    def __init__(self, kind: Kind, on_change: Callable[[], None]) -> None:
        if kind.resource_type is None:
            raise ValueError(f"{kind.resource} has no type to decode to")
        self.kind = kind
        self.resource_type: type[Resource] = kind.resource_type
        self.synced = False
        self.absent = False
        self.last_event: float | None = None
        self.trouble = ""
        self.lists = 0
        self._on_change = on_change
        self._collection = Collection({})
        self._pending: dict[Key, Resource | None] = {}
        self._troubled: dict[Key, Item] = {}
        self._findings: Findings | None = None

    @property
    def collection(self) -> Collection:
        """The same object until an object of this kind changes."""
        if self._pending:
            self._collection = self._collection.changed(self._pending)
            self._pending = {}
        return self._collection

    @property
    def findings(self) -> "Findings":
        """What decoding complained about; the same object until that changes."""
        if self._findings is None:
            self._findings = _findings(self.kind, self._troubled)
        return self._findings

    def __len__(self) -> int:
        """Objects known, refused ones included."""
        refused = sum(item.resource is None for item in self._troubled.values())
        return len(self.collection.objects) + refused

    def complain(self, trouble: str) -> None:
        """Notes why the server is not heard of; an empty text when it is again."""
        changed = bool(trouble) != bool(self.trouble)
        self.trouble = trouble
        if changed:
            self._on_change()

    def put(self, item: Item) -> None:
        """Takes an added or changed object. Nothing happens when it is the same as before."""
        if self._put(item):
            self._on_change()

    def remove(self, key: Key) -> None:
        if self._remove(key):
            self._on_change()

    def replace(self, items: Iterable[Item], *, absent: bool = False) -> None:
        """Takes a complete list: what is not in it is gone."""
        listed = {item.key: item for item in items}
        gone = [key for key in (*self.collection.objects, *self._troubled) if key not in listed]
        changes = [self._remove(key) for key in gone]
        changes += [self._put(item) for item in listed.values()]
        first = not self.synced
        self.synced, self.absent = True, absent
        self.lists += 1
        if first or any(changes):
            self._on_change()

    def _get(self, key: Key) -> Resource | None:
        return self._pending[key] if key in self._pending else self._collection.objects.get(key)

    def _put(self, item: Item) -> bool:
        known = self._get(item.key)
        before = self._troubled.get(item.key, _NOTHING)
        same_metadata = item.resource is not None or before.metadata == item.metadata
        if same_metadata and before.problems == item.problems and self._is_same(known, item.resource):
            return False
        if known is not None or item.resource is not None:
            self._pending[item.key] = item.resource
        if item.problems or item.key in self._troubled:
            self._findings = None
            self._troubled.pop(item.key, None)
        if item.problems:
            self._troubled[item.key] = item
        return True

    def _is_same(self, known: Resource | None, new: Resource | None) -> bool:
        """Whether nothing changed that anybody reads. A status that only Hearthgate writes is read by nobody:
        otherwise every status written after a change would be a change itself. The older object is kept, with a
        resourceVersion that is outdated; whoever writes by it meets a conflict and reads the object anew."""
        if known == new:
            return True
        if known is None or new is None or self.kind.upstream_status or not self.kind.status:
            return False
        metadata = msgspec.structs.replace(new.metadata, resource_version=known.metadata.resource_version)
        return msgspec.structs.replace(new, status=known.status, metadata=metadata) == known

    def _remove(self, key: Key) -> bool:
        known = self._get(key) is not None
        if known:
            self._pending[key] = None
        troubled = self._troubled.pop(key, None) is not None
        if troubled:
            self._findings = None
        return known or troubled


_NOTHING: Final = Item(ObjectMeta(), None)


class Findings(NamedTuple):
    """Refused objects with their Problems, and the warnings about objects that serve."""

    refused: Mapping[ObjectRef, tuple[Problem, ...]]
    objects: Mapping[ObjectRef, RefusedObject]
    warnings: tuple[Problem, ...]


def _findings(kind: Kind, troubled: Mapping[Key, Item]) -> Findings:
    refused: dict[ObjectRef, tuple[Problem, ...]] = {}
    objects: dict[ObjectRef, RefusedObject] = {}
    warnings: list[Problem] = []
    for key, item in sorted(troubled.items(), key=lambda entry: entry[0]):
        if item.resource is not None:
            warnings += item.problems
            continue
        ref, metadata = ObjectRef(kind.kind, *key), item.metadata
        refused[ref] = tuple(problem for problem in item.problems if problem.is_error)
        warnings += (problem for problem in item.problems if not problem.is_error)
        objects[ref] = RefusedObject(ref, metadata.uid, metadata.resource_version, metadata.generation)
    return Findings(MappingProxyType(refused), MappingProxyType(objects), tuple(warnings))
