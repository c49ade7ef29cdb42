"""Names of settings: found in any case, as upstream finds them; misplaced ones are looked for elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import inspect

from hearthgate.resources.walk import Mistake

_SHOWN: Final = 3
_OF_OTHER_FILES: Final[Mapping[str, str]] = {
    "http": "routers and middlewares are objects: IngressRoute, Middleware",
    "tcp": "routers are objects: IngressRouteTCP",
    "udp": "routers are objects: IngressRouteUDP",
    "tls": "options and certificates are objects: TLSOption, TLSStore, Secret",
    "ports": "values of a Helm chart: what they say of ports stands under entryPoints",
    "logs": "values of a Helm chart: write log and accessLog",
    "additionalarguments": "values of a Helm chart: write each argument as a key of this file",
}
"""Sections of upstream's other files, in lower case, with what stands for them here."""


def spelled(wanted: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with each key as `wanted` writes it, if it is one of its keys in some case. Keys of the user's choice
    stay. A key that stands there twice stays as it is the second time, and so is unknown."""
    found: dict[str, Any] = _spelled(inspect.type_info(wanted), data)
    return found


def placed(wanted: type, mistake: Mistake) -> str:
    """Where the unknown field of a mistake belongs, as ` (it belongs under x)`; empty when nobody knows."""
    *parents, name = mistake.path.split(".")
    if not parents and (hint := _OF_OTHER_FILES.get(name.lower())):
        return f" ({hint})"
    places = [path for path in _paths(inspect.type_info(wanted), ()) if path[-1].lower() == name.lower()]
    shared = {path: _shared(path, parents) for path in places}
    nearest = max(shared.values(), default=0)
    best = sorted(path for path in places if shared[path] == nearest)
    if not best or len(best) > _SHOWN:
        return ""
    if any(len(path) == 1 for path in best):
        return " (it belongs at the top of the file)"
    return f" (it belongs under {' or '.join('.'.join(_filled(path[:-1], parents)) for path in best)})"


def _spelled(info: inspect.Type, value: Any) -> Any:
    match info:
        case inspect.Metadata():
            return _spelled(info.type, value)
        case inspect.UnionType():
            struct = next((one for one in info.types if not isinstance(one, inspect.NoneType)), None)
            return value if struct is None else _spelled(struct, value)
        case inspect.StructType() if isinstance(value, Mapping):
            fields = {field.encode_name.lower(): field for field in info.fields}
            result: dict[str, Any] = {}
            for key, item in value.items():
                field = fields.get(key.lower()) if isinstance(key, str) else None
                if field is None or (field.encode_name in value and field.encode_name != key):
                    result[key] = item
                else:
                    result[field.encode_name] = _spelled(field.type, item)
            return result
        case inspect.DictType() if isinstance(value, Mapping):
            return {key: _spelled(info.value_type, item) for key, item in value.items()}
        case inspect.VarTupleType() if isinstance(value, Sequence) and not isinstance(value, str):
            return [_spelled(info.item_type, item) for item in value]
        case _:
            return value


def _paths(info: inspect.Type, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of all settings; `*` stands for a name of the user's choice."""
    match info:
        case inspect.Metadata():
            yield from _paths(info.type, path)
        case inspect.UnionType():
            for one in info.types:
                yield from _paths(one, path)
        case inspect.StructType():
            for field in info.fields:
                yield (*path, field.encode_name)
                yield from _paths(field.type, (*path, field.encode_name))
        case inspect.DictType():
            yield from _paths(info.value_type, (*path, "*"))
        case inspect.VarTupleType():
            yield from _paths(info.item_type, path)


def _shared(path: Sequence[str], parents: Sequence[str]) -> int:
    """How many steps from the top two paths have in common."""
    count = 0
    for one, other in zip(path, parents, strict=False):
        if one not in ("*", other):
            break
        count += 1
    return count


def _filled(path: Sequence[str], parents: Sequence[str]) -> list[str]:
    """`path` with the user's own names where `parents` have them."""
    shared = _shared(path, parents)
    return [*parents[:shared], *path[shared:]]
