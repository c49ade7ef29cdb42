"""The objects of one resource in memory: their bytes, found by key and listed in order."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple

Key = tuple[str, str]
"""(namespace, name)"""


class Entry(NamedTuple):
    """One stored object. `raw` is its JSON, resourceVersion included."""

    namespace: str
    name: str
    revision: int
    raw: bytes


class Collection:
    """Ordered by namespace and name, as upstream lists."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: dict[Key, Entry] = {(entry.namespace, entry.name): entry for entry in entries}
        self._order: list[Key] = sorted(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, namespace: str, name: str) -> Entry | None:
        return self._entries.get((namespace, name))

    def entries(self, namespace: str | None = None) -> list[Entry]:
        """All, or those of one namespace, in order. The list is the caller's own."""
        keys = self._order
        if namespace is not None:
            first = bisect_left(keys, (namespace, ""))
            keys = keys[first : bisect_left(keys, (namespace + "\0", ""), first)]
        return [self._entries[key] for key in keys]

    def put(self, entry: Entry) -> None:
        key = (entry.namespace, entry.name)
        if key not in self._entries:
            insort(self._order, key)
        self._entries[key] = entry

    def remove(self, namespace: str, name: str) -> None:
        key = (namespace, name)
        if self._entries.pop(key, None) is not None:
            del self._order[bisect_left(self._order, key)]
