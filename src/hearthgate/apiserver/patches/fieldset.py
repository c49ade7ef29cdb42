"""Sets of fields: which leaves an object has, and FieldsV1, their form in metadata.managedFields.

A path is a tuple of FieldsV1 steps: `f:name` for a key, `k:{...}` for an item of a keyed list, `v:value` for
a member of a set. Keyed items belong to the set themselves; atomic lists and maps and scalars are leaves.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from hearthgate.apiserver.patches.topology import KeyedList, SetList, Topology, item_key

FieldPath = tuple[str, ...]
FieldSet = frozenset[FieldPath]

_UNTRACKED: Final = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        *(
            ("f:metadata", f"f:{field}")
            for field in [
                "name",
                "namespace",
                "uid",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "managedFields",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
                "generateName",
                "selfLink",
            ]
        ),
    }
)


def leaves(obj: Mapping[str, Any], topology: Topology) -> dict[FieldPath, Any]:
    """Every tracked field of an object with its value; a keyed item or empty map stands for itself."""
    return dict(_walk(obj, (), (), topology))


def _walk(
    value: Any, path: FieldPath, names: tuple[str, ...], topology: Topology
) -> Iterator[tuple[FieldPath, Any]]:
    if path in _UNTRACKED:
        return
    if isinstance(value, dict) and (value or not path) and not topology.is_atomic(names):
        for key, item in value.items():
            yield from _walk(item, (*path, f"f:{key}"), (*names, key), topology)
        return
    if isinstance(value, list):
        match topology.list_type(names):
            case KeyedList() as keyed:
                keys = [item_key(keyed, item) for item in value]
                if None not in keys and len(set(keys)) == len(keys):
                    is_whole = topology.is_atomic(names)
                    for key, item in zip(keys, value, strict=True):
                        step = (*path, _key_step(dict(key or ())))
                        if is_whole:
                            yield step, item
                            continue
                        yield step, None
                        yield from _walk(item, step, names, topology)
                    return
            case SetList():
                for item in value:
                    yield (*path, "v:" + msgspec.json.encode(item).decode()), item
                return
    yield path, value


def _key_step(pairs: Mapping[str, Any]) -> str:
    return "k:" + msgspec.json.encode(pairs, order="sorted").decode()


def to_fields(paths: Iterable[FieldPath]) -> dict[str, Any]:
    """FieldsV1 of a set."""
    root: dict[str, Any] = {}
    members = sorted(paths)
    for path in members:
        node = root
        for step in path:
            node = node.setdefault(step, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return root


def from_fields(fields: Any) -> FieldSet:
    """The set that FieldsV1 describes; what is no FieldsV1 describes nothing."""
    return frozenset(_read(fields, ())) if isinstance(fields, dict) else frozenset()


def _read(node: dict[str, Any], path: FieldPath) -> Iterator[FieldPath]:
    below = {step: child for step, child in node.items() if step != "."}
    if path and (not below or "." in node):
        yield path
    for step, child in below.items():
        if isinstance(child, dict):
            yield from _read(child, (*path, step))
