"""Server-side apply: the fields a manager wants, merged into the object, with conflicts and removals.

A field that the manager applied before, does not apply now and nobody else manages is removed. A field that
another manages with another value is a conflict, unless the manager takes it by force.
"""

import copy
from collections.abc import Mapping
from typing import Any

import msgspec

from hearthgate.apiserver.errors import ApiError, Cause
from hearthgate.apiserver.patches.fieldset import FieldPath, FieldSet, leaves
from hearthgate.apiserver.patches.managers import Manager, Writer, read_managers, write_managers
from hearthgate.apiserver.patches.topology import KeyedList, Path, SetList, Topology, item_key

Object = dict[str, Any]


def apply_config(live: Object, config: Object, writer: Writer, topology: Topology, *, force: bool) -> Object:
    """`live` after `writer` applied `config`; neither is changed. Raises ApiError 409 with every conflict."""
    wanted = leaves(config, topology)
    present = leaves(live, topology)
    managers = read_managers(live)
    others = [manager for manager in managers if not manager.is_by(writer)]
    mine = next((manager for manager in managers if manager.is_by(writer)), None)
    changed = {path for path in wanted if path in present and present[path] != wanted[path]}
    if not force:
        _refuse_conflicts(others, changed)
    others = [manager._replace(fields=manager.fields - changed) for manager in others]
    applied: FieldSet = frozenset(wanted)
    held: FieldSet = frozenset().union(*(manager.fields for manager in others))
    result = copy.deepcopy(live)
    if mine is not None:
        for path in sorted(mine.fields - applied - held, key=len):  # an item before its fields
            if not any(kept[: len(path)] == path for kept in applied | held):
                _remove(result, path)
    merged: Object = _merge(result, config, (), topology)
    merged["metadata"] = dict(merged["metadata"])
    same = mine is not None and mine.fields == applied and mine.api_version == writer.api_version
    own = mine if same and mine is not None else Manager.of(writer, applied)
    # It keeps its place: two managers that apply in turns what is there already must change nothing.
    place = len(others) if mine is None else managers.index(mine)
    write_managers(merged, [*others[:place], own, *others[place:]])
    return merged


def _refuse_conflicts(others: list[Manager], changed: set[FieldPath]) -> None:
    causes = [
        Cause(_readable(path), f'conflict with "{manager.manager}"', "FieldManagerConflict")
        for manager in others
        for path in sorted(changed & manager.fields)
    ]
    if causes:
        said = "; ".join(f"{cause.message}: {cause.field}" for cause in causes)
        count = "1 conflict" if len(causes) == 1 else f"{len(causes)} conflicts"
        raise ApiError(409, "Conflict", f"Apply failed with {count}: {said}", causes)


def _merge(live: Any, config: Any, names: Path, topology: Topology) -> Any:
    if isinstance(config, dict):
        if topology.is_atomic(names):
            return config
        result = dict(live) if isinstance(live, dict) else {}
        for key, value in config.items():
            result[key] = _merge(result.get(key), value, (*names, key), topology)
        return result
    if not isinstance(config, list) or not isinstance(live, list):
        return config
    match topology.list_type(names):
        case KeyedList() as keyed:
            return _merge_items(live, config, names, keyed, topology)
        case SetList():
            return live + [item for item in config if item not in live]
        case _:
            return config


def _merge_items(live: list[Any], config: list[Any], names: Path, keyed: KeyedList, topology: Topology) -> Any:
    keys = [item_key(keyed, item) for item in live]
    wanted = [item_key(keyed, item) for item in config]
    if None in keys or None in wanted or len(set(wanted)) != len(wanted):
        return config
    result = list(live)
    for key, item in zip(wanted, config, strict=True):
        if key in keys:
            at = keys.index(key)
            result[at] = _merge(result[at], item, names, topology)
        else:
            result.append(item)
    return result


def _remove(obj: Any, path: FieldPath) -> None:
    """Takes the value at `path` out of `obj`, and the maps that this leaves empty below the second level."""
    parents: list[tuple[Any, Any]] = []
    node = obj
    for step in path:
        at = _locate(node, step)
        if at is None:
            return
        parents.append((node, at))
        node = node[at]
    parent, at = parents.pop()
    del parent[at]
    while parents and len(parents) > 1 and parent in ({}, []):
        parent, at = parents.pop()
        del parent[at]


def _locate(node: Any, step: str) -> Any:
    """The key or index of a step in `node`, or None."""
    kind, text = step[:2], step[2:]
    if kind == "f:":
        return text if isinstance(node, dict) and text in node else None
    if not isinstance(node, list):
        return None
    wanted = msgspec.json.decode(text)
    for index, item in enumerate(node):
        if kind == "v:" and item == wanted:
            return index
        if kind == "k:" and isinstance(item, dict) and _has_keys(item, wanted):
            return index
    return None


def _has_keys(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """A key that the item leaves out counts as the default, which the field set spelled out."""
    return all(item.get(key, value) == value for key, value in wanted.items())


def _readable(path: FieldPath) -> str:
    text = ""
    for step in path:
        kind, name = step[:2], step[2:]
        if kind == "f:":
            text += f".{name}"
        else:
            text += f"[{name}]" if kind == "v:" else _key_text(name)
    return text


def _key_text(encoded: str) -> str:
    pairs = msgspec.json.decode(encoded)
    return "[" + ",".join(f"{key}={msgspec.json.encode(value).decode()}" for key, value in pairs.items()) + "]"
