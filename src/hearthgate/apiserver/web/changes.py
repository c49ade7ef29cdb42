"""What a watch with a selection sees of a change: objects enter and leave it. Pure."""

from typing import NamedTuple

import msgspec

from hearthgate.apiserver.semantics.selection import Selection
from hearthgate.apiserver.store.history import UNKNOWN, Event


class Change(NamedTuple):
    """One frame of a watch: ADDED, MODIFIED or DELETED, and the object's bytes."""

    type: str
    raw: bytes


def seen(event: Event, selection: Selection) -> Change | None:
    """The change as the selection sees it; None when the object was not in it and is not now.

    When nobody knows the state before, the object counts as selected: a client ignores the deletion of what
    it never saw, but would keep for ever what it was not told has gone.
    """
    if selection.namespace is not None and event.namespace != selection.namespace:
        return None
    if not (selection.labels.requirements or selection.keys or selection.fields):
        return Change(event.type, event.raw)
    is_in = event.type != "DELETED" and selection.matches(event.namespace, event.name, event.raw)
    was_in = event.before is not None and (
        event.before == UNKNOWN or selection.matches(event.namespace, event.name, event.before)
    )
    if is_in:
        return Change("MODIFIED" if was_in else "ADDED", event.raw)
    if not was_in:
        return None
    return Change("DELETED", event.raw if event.type == "DELETED" else _left(event))


def _left(event: Event) -> bytes:
    """The last state inside the selection, with the revision of the change."""
    obj = msgspec.json.decode(event.before or event.raw)
    obj["metadata"]["resourceVersion"] = str(event.revision)
    return msgspec.json.encode(obj)
