"""Strategic merge patch, as kubectl sends it for built-in kinds.

Maps merge; lists with a merge key merge item by item, lists that are sets gain values, other lists are
replaced. The directives `$patch`, `$retainKeys`, `$setElementOrder/x` and `$deleteFromPrimitiveList/x` are
obeyed.
"""

from typing import Any, Final

from hearthgate.apiserver.errors import bad_request
from hearthgate.apiserver.patches.topology import Path, Topology

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
        kept = _list(retain, "$retainKeys")
        if not all(key in kept for key, value in patch.items() if not key.startswith("$") and value is not None):
            raise bad_request(f"$retainKeys at {'.'.join(path) or 'the root'} leaves out what the patch sets")
        result = {key: value for key, value in result.items() if key in kept}
    for key, value in patch.items():
        if key.startswith(_DELETE):
            field = key.removeprefix(_DELETE)
            gone = _list(value, key)
            if field in result:
                result[field] = [item for item in result[field] or () if item not in gone]
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_value(result.get(key), value, (*path, key), topology)
    for key, value in patch.items():
        field = key.removeprefix(_ORDER)
        if key.startswith(_ORDER) and isinstance(result.get(field), list):
            order, before = _list(value, key), target.get(field)
            by = topology.merge_key((*path, field)) or ""
            result[field] = _ordered(result[field], order, before if isinstance(before, list) else [], by)
    return result


def _merge_value(old: Any, new: Any, path: Path, topology: Topology) -> Any:
    if isinstance(new, dict):
        return _merge_map(old if isinstance(old, dict) else {}, new, path, topology)
    if not isinstance(new, list):
        return new
    key = topology.merge_key(path)
    if key is None:
        return new
    held = old if isinstance(old, list) else []
    if not key:
        return _ordered(list(dict.fromkeys([*held, *new])), new, held, key) if _are_scalars([*held, *new]) else new
    return _merge_list(held, new, path, key, topology)


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
    return _ordered(result, new, old, key)


def _ordered(items: list[Any], order: list[Any], before: list[Any], key: str) -> list[Any]:
    """`items` with those that `order` names in that order, and the others among them where they stood `before`.

    As upstream does it: an item that is not named stands in front of the first named one that it preceded; what
    was not there before comes first.
    """

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    stood = [identity(item) for item in before]
    named = sorted((i for i in items if identity(i) in wanted), key=lambda item: wanted.index(identity(item)))
    others = [item for item in items if identity(item) not in wanted]
    result: list[Any] = []
    for item in named:
        here = identity(item)
        while others and here in stood and identity(others[0]) in stood[: stood.index(here)]:
            result.append(others.pop(0))
        result.append(item)
    return result + others


def _are_scalars(items: list[Any]) -> bool:
    return not any(isinstance(item, dict | list) for item in items)


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise bad_request(f"{what} must be a list")
    return value
