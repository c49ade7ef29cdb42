"""metadata.managedFields: who set which field, kept up to date by every write."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Self

from hearthgate.apiserver.patches.fieldset import FieldPath, FieldSet, from_fields, leaves, to_fields
from hearthgate.apiserver.patches.topology import Topology

Object = dict[str, Any]

_MAX_UPDATERS: Final = 10
_ANCIENT: Final = "ancient-changes"
_MISSING: Final = object()


class Writer(NamedTuple):
    """Who writes now. `operation` is Update or Apply; `subresource` is empty or `status`."""

    manager: str
    operation: str
    subresource: str
    api_version: str
    time: str


class Manager(NamedTuple):
    """One entry of managedFields."""

    manager: str
    operation: str
    subresource: str
    api_version: str
    time: str
    fields: FieldSet

    @classmethod
    def of(cls, writer: Writer, fields: FieldSet) -> Self:
        return cls(*writer, fields)

    def is_by(self, writer: Writer) -> bool:
        return (self.manager, self.operation, self.subresource) == writer[:3]


def read_managers(obj: Object) -> list[Manager]:
    """Entries that are not what they should be are left out: they come from clients."""
    managers = []
    for entry in obj["metadata"].get("managedFields") or ():
        if isinstance(entry, dict) and isinstance(entry.get("manager"), str):
            operation, subresource, version, time = (
                str(entry.get(key) or "") for key in ("operation", "subresource", "apiVersion", "time")
            )
            fields = from_fields(entry.get("fieldsV1"))
            managers.append(Manager(entry["manager"], operation, subresource, version, time, fields))
    return managers


def write_managers(obj: Object, managers: Iterable[Manager]) -> None:
    """Replaces managedFields of `obj`, whose metadata must be its own copy."""
    entries = [
        {
            "manager": manager.manager,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": manager.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields(manager.fields),
            **({"subresource": manager.subresource} if manager.subresource else {}),
        }
        for manager in _capped(managers)
    ]
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def track_update(old: Object | None, new: Object, writer: Writer, topology: Topology) -> Object:
    """`new` with managedFields that give every field it changed to `writer`."""
    before = leaves(old, topology) if old is not None else {}
    after = leaves(new, topology)
    changed = {path for path, value in after.items() if before.get(path, _MISSING) != value}
    gone = before.keys() - after.keys()
    touched = changed | gone
    result = {**new, "metadata": dict(new["metadata"])}
    write_managers(result, _reassigned(read_managers(new), touched, frozenset(changed), writer))
    return result


def _reassigned(
    managers: Sequence[Manager], touched: set[FieldPath], changed: FieldSet, writer: Writer
) -> list[Manager]:
    if not touched:
        return list(managers)
    result = []
    own: FieldSet = frozenset()
    for manager in managers:
        if manager.is_by(writer):
            own = manager.fields
            continue
        left = manager.fields - touched
        if left:
            result.append(manager._replace(fields=left))
    own = (own - touched) | changed
    return [*result, Manager.of(writer, own)] if own else result


def _capped(managers: Iterable[Manager]) -> list[Manager]:
    """At most ten managers by Update: the oldest are put together, as upstream does."""
    result = [manager for manager in managers if manager.fields]
    updaters = [manager for manager in result if manager.operation == "Update"]
    surplus = sorted(updaters, key=lambda manager: manager.time)[: max(0, len(updaters) - _MAX_UPDATERS + 1)]
    if len(updaters) <= _MAX_UPDATERS:
        return result
    fields: FieldSet = frozenset().union(*(manager.fields for manager in surplus))
    first = surplus[-1]
    ancient = first._replace(manager=_ANCIENT, subresource="", fields=fields)
    return [ancient, *(manager for manager in result if manager not in surplus)]
