"""Strategic merge patch, as kubectl sends it for built-in kinds.

Maps merge; lists with a merge key merge item by item, lists that are sets gain values, other lists are
replaced. The directives `$patch`, `$retainKeys`, `$setElementOrder/x` and `$deleteFromPrimitiveList/x` are
obeyed.
"""

from typing import Any, Final

from hearthgate.apiserver.errors import bad_request
from hearthgate.apiserver.patches.topology import KeyedList, Path, SetList, Topology

_ORDER: Final = "$setElementOrder/"
_DELETE: Final = "$deleteFromPrimitiveList/"


def merge_strategic(target: dict[str, Any], patch: Any, topology: Topology) -> dict[str, Any]:
    """`target` with `patch` merged in; neither is changed. Raises ApiError 400 for a malformed patch."""
    if not isinstance(patch, dict):
        raise bad_request("a strategic merge patch is an object")
    return _merge_map(target, patch, (), topology)


def _merge_map(target: dict[str, Any], patch: dict[str, Any], path: Path, topology: Topology) -> dict[str, Any]:
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    if directive not in {None, "merge"}:
        raise bad_request(f"unknown $patch directive at {'.'.join(path) or 'the root'}")
    result = dict(target)
    retain = patch.get("$retainKeys")
    if retain is not None:
        result = {key: value for key, value in result.items() if key in _list(retain, "$retainKeys")}
    for key, value in patch.items():
        if key.startswith(_DELETE):
            field = key.removeprefix(_DELETE)
            gone = _list(value, key)
            result[field] = [item for item in result.get(field) or () if item not in gone]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_value(result.get(key), value, (*path, key), topology)
    for key, order in patch.items():
        field = key.removeprefix(_ORDER)
        if key.startswith(_ORDER) and isinstance(result.get(field), list):
            result[field] = _reorder(result[field], _list(order, key), topology.list_type((*path, field)))
    return result


def _merge_value(old: Any, new: Any, path: Path, topology: Topology) -> Any:
    if isinstance(new, dict):
        return _merge_map(old if isinstance(old, dict) else {}, new, path, topology)
    if not isinstance(new, list):
        return new
    match topology.list_type(path):
        case KeyedList() as keyed:
            return _merge_list(old if isinstance(old, list) else [], new, path, keyed.keys[0], topology)
        case SetList():
            kept = list(old) if isinstance(old, list) else []
            return kept + [item for item in new if item not in kept]
        case _:
            return new


def _merge_list(old: list[Any], new: list[Any], path: Path, key: str, topology: Topology) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in new):
        return [item for item in new if not (isinstance(item, dict) and "$patch" in item)]
    result = list(old)
    for item in new:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"an item of {'.'.join(path)} lacks its merge key {key!r}")
        at = [i for i, held in enumerate(result) if isinstance(held, dict) and held.get(key) == item[key]]
        if item.get("$patch") == "delete":
            result = [held for i, held in enumerate(result) if i not in at]
        elif at:
            result[at[0]] = _merge_map(result[at[0]], item, path, topology)
        else:
            result.append(_merge_map({}, item, path, topology))
    return result


def _reorder(items: list[Any], order: list[Any], list_type: KeyedList | SetList | None) -> list[Any]:
    """Items that the order names stand in that order; the others keep their place before their successor."""
    key = list_type.keys[0] if isinstance(list_type, KeyedList) else None

    def identity(item: Any) -> Any:
        return item.get(key) if key is not None and isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    named = sorted((i for i in items if identity(i) in wanted), key=lambda item: wanted.index(identity(item)))
    remaining = iter(named)
    return [next(remaining) if identity(item) in wanted else item for item in items]


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise bad_request(f"{what} must be a list")
    return value
