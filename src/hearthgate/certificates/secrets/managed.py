"""What our field manager has put into a Secret, from metadata.managedFields: what is there and not wanted any more
can be told from what others put there."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class ManagedFieldsProblem(ValueError):
    """Why managedFields cannot be read."""


class Managed(NamedTuple):
    """Keys by where they are; owners: uids of owner references."""

    annotations: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()


def managed_by(entries: Iterable[Any], manager: str) -> Managed:
    """Of all entries of this manager for server-side apply. Raises ManagedFieldsProblem."""
    found = Managed()
    for entry in entries:
        if not isinstance(entry, Mapping) or (entry.get("manager"), entry.get("operation")) != (manager, "Apply"):
            continue
        fields = entry.get("fieldsV1") or {}
        metadata = _below(fields, "f:metadata")
        found = Managed(
            found.annotations | _keys(metadata, "f:annotations"),
            found.labels | _keys(metadata, "f:labels"),
            found.data | _keys(fields, "f:data"),
            found.owners | _owners(metadata),
        )
    return found


def _below(fields: Any, name: str) -> Mapping[str, Any]:
    found = fields.get(name, {}) if isinstance(fields, Mapping) else None
    if not isinstance(found, Mapping):
        raise ManagedFieldsProblem(f"metadata.managedFields: {name} is not a mapping")
    return found


def _keys(fields: Mapping[str, Any], name: str) -> frozenset[str]:
    return frozenset(key[2:] for key in _below(fields, name) if key.startswith("f:"))


def _owners(metadata: Mapping[str, Any]) -> frozenset[str]:
    found = set()
    for key in _below(metadata, "f:ownerReferences"):
        if key.startswith("k:"):
            try:
                found.add(str(json.loads(key[2:])["uid"]))
            except (ValueError, KeyError, TypeError):
                raise ManagedFieldsProblem("metadata.managedFields: an owner reference has no uid") from None
    return frozenset(found)
