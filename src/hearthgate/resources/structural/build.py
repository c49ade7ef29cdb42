"""From a structural schema to its nodes, with the checks of every place compiled into one closure.

The source has passed `shape.shape_mistakes`: types, numbers and patterns are what they must be.
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.listtypes import KeyedList, SetList
from hearthgate.resources.structural.checks import (
    Simple,
    enum_check,
    extent_checks,
    number_checks,
    same,
    string_checks,
    wrong_type,
)
from hearthgate.resources.structural.mistake import Mistake, Where, duplicate, invalid, path_of, required
from hearthgate.resources.structural.node import ABSENT, Check, Node
from hearthgate.resources.structural.rules import Rule

Schema = Mapping[str, Any]
Rules = Callable[[str, Schema], tuple[Rule, ...]]
"""Compiles the rules of one schema at a path of field names; those that cannot be checked are left out."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "string": (str,),
        "boolean": (bool,),
        "integer": (int,),
        "number": (int, float),
        "object": (dict,),
        "array": (list,),
    }
)
_TYPED_FORMATS: Final = frozenset({"date", "date-time", "datetime", "duration", "byte"})


def build(schema: Schema, rules: Rules, where: Where = None) -> Node:
    """The node of a schema and of all below it."""
    node = Node(
        type=schema.get("type", ""),
        format=schema.get("format", ""),
        nullable=schema.get("nullable") is True,
        int_or_string=schema.get("x-kubernetes-int-or-string") is True,
        keep_unknown=schema.get("x-kubernetes-preserve-unknown-fields") is True,
        embedded=schema.get("x-kubernetes-embedded-resource") is True,
        required=tuple(schema.get("required") or ()),
        default=copy.deepcopy(schema["default"]) if schema.get("default") is not None else ABSENT,
        list_type=_list_type(schema),
        atomic_map=schema.get("x-kubernetes-map-type") == "atomic",
    )
    node.properties = {
        name: build(child, rules, (where, name)) for name, child in (schema.get("properties") or {}).items()
    }
    additional = schema.get("additionalProperties", False)
    node.additional = (
        build(additional, rules, (where, "*")) if isinstance(additional, Mapping) else bool(additional)
    )
    if isinstance(items := schema.get("items"), Mapping):
        node.items = build(items, rules, (where, "[*]"))
    node.rules = rules(path_of(where), schema)
    children = [*node.properties.values(), node.items, node.additional]
    below = [child for child in children if isinstance(child, Node)]
    node.ruled = bool(node.rules) or any(child.ruled for child in below)
    node.typed = _is_typed(node) or any(child.typed for child in below)
    node.check = _checked(node, schema)
    return node


def _is_typed(node: Node) -> bool:
    """Whether rules see another value than JSON has: 5 in a number field is 5.0, a date is a timestamp."""
    return node.type == "number" or (node.type == "string" and node.format in _TYPED_FORMATS)


def _list_type(schema: Schema) -> KeyedList | SetList | None:
    match schema.get("x-kubernetes-list-type"):
        case "set":
            return SetList()
        case "map":
            keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
            fields = (schema.get("items") or {}).get("properties") or {}
            defaults = {key: fields[key]["default"] for key in keys if "default" in fields.get(key, {})}
            return KeyedList(keys, MappingProxyType(defaults))
        case _:
            return None


def _checked(node: Node, schema: Schema) -> Check:
    """The check of a place: its type first, then all that holds for values of this type."""
    if node.int_or_string:
        accepted: tuple[type, ...] = (int, str)
        wanted = "integer,string"
    else:
        accepted, wanted = _TYPES.get(node.type, ()), node.type
    enum = enum_check(schema)
    by_type = _by_type(node, schema)
    whole_numbers = node.type == "integer"

    def check(value: Any, old: Any, where: Where, found: list[Mistake]) -> None:
        if old is not ABSENT and value == old and same(value, old):
            return
        if value is None:
            if accepted and not node.nullable:
                found.append(wrong_type(where, wanted, value))
            elif enum is not None:
                enum(value, where, found)
            return
        kind = type(value)
        if accepted and kind not in accepted and not (whole_numbers and kind is float and value.is_integer()):
            found.append(wrong_type(where, wanted, value))
            return
        if enum is not None:
            enum(value, where, found)
        for part in by_type.get(kind, ()):
            part(value, old, where, found)

    return check


def _by_type(node: Node, schema: Schema) -> Mapping[type, tuple[Check, ...]]:
    """What to check of a value, by its Python type."""
    combined = tuple(_combinations(schema, skip_types=node.int_or_string))
    number = tuple(map(_simple, number_checks(schema)))
    array: list[Check] = [_simple(check) for check in extent_checks(schema, "minItems", "maxItems", "items")]
    if node.list_type is not None:
        array.append(_simple(_unique(node.list_type)))
    if node.items is not None:
        array.append(_items(node.items, node.list_type))
    parts: dict[type, tuple[Check, ...]] = {
        str: (*map(_simple, string_checks(schema)), *combined),
        int: (*number, *combined),
        float: (*number, *combined),
        bool: combined,
        list: (*array, *combined),
        dict: (*_object_checks(node, schema), *combined),
    }
    return {kind: checks for kind, checks in parts.items() if checks}


def _simple(check: Simple) -> Check:
    return lambda value, old, where, found: check(value, where, found)


def _object_checks(node: Node, schema: Schema) -> Iterable[Check]:
    yield from map(_simple, extent_checks(schema, "minProperties", "maxProperties", "properties"))
    if node.embedded:
        yield _simple(_embedded)
    if node.required:
        names = node.required

        def check_required(value: dict[str, Any], old: Any, where: Where, found: list[Mistake]) -> None:
            found.extend(required(path_of((where, name))) for name in names if name not in value)

        yield check_required
    atomic = node.atomic_map
    checks = {name: child.check for name, child in node.properties.items()}
    other = node.additional.check if isinstance(node.additional, Node) else None
    if checks or other is not None:

        def check_fields(value: dict[str, Any], old: Any, where: Where, found: list[Mistake]) -> None:
            was = old if isinstance(old, dict) and not atomic else {}
            for name, item in value.items():
                check = checks.get(name, other)
                if check is not None:
                    check(item, was.get(name, ABSENT), (where, name), found)

        yield check_fields


def _embedded(value: dict[str, Any], where: Where, found: list[Mistake]) -> None:
    for name in ("apiVersion", "kind"):
        text = value.get(name)
        if text is None or text == "":
            found.append(required(path_of((where, name)), "must not be empty"))
        elif not isinstance(text, str):
            found.append(wrong_type((where, name), "string", text))
    if not isinstance(value.get("metadata", {}), dict):
        found.append(wrong_type((where, "metadata"), "object", value["metadata"]))


def _items(node: Node, list_type: KeyedList | SetList | None) -> Check:
    check = node.check

    def check_items(value: list[Any], old: Any, where: Where, found: list[Mistake]) -> None:
        before = by_key(list_type, old) if isinstance(list_type, KeyedList) else {}
        for index, item in enumerate(value):
            was = before.get(key_of(list_type, item), ABSENT) if before else ABSENT  # type: ignore[arg-type]
            check(item, was, (where, f"[{index}]"), found)

    return check_items


def key_of(keyed: KeyedList, item: Any) -> str | None:
    """What tells an item of a keyed list from the others; None when it is no mapping."""
    if not isinstance(item, dict):
        return None
    return repr([item.get(key, keyed.defaults.get(key)) for key in keyed.keys])


def by_key(keyed: KeyedList, items: Any) -> dict[str | None, Any]:
    """The items of the list before, by their keys; none when it was no list."""
    return {key_of(keyed, item): item for item in items} if isinstance(items, list) else {}


def _unique(list_type: KeyedList | SetList) -> Simple:
    def check(value: list[Any], where: Where, found: list[Mistake]) -> None:
        seen: set[tuple[bool, str]] = set()
        for index, item in enumerate(value):
            told: Any = item
            if isinstance(list_type, KeyedList):
                if not isinstance(item, dict):
                    continue
                told = {key: item[key] for key in list_type.keys if key in item}
            is_text = isinstance(told, str)
            identity = (is_text, told if is_text else json.dumps(told, sort_keys=True))
            if identity in seen:
                found.append(duplicate(path_of((where, f"[{index}]")), told))
            seen.add(identity)

    return check


def _combinations(schema: Schema, *, skip_types: bool) -> Iterable[Check]:
    """allOf, anyOf, oneOf and not. `skip_types`: the two alternatives that only spell out int-or-string."""
    for key in ("allOf", "anyOf", "oneOf"):
        parts = schema.get(key) or ()
        if not parts or (skip_types and _spells_int_or_string(key, parts)):
            continue
        checks = [_nested(part) for part in parts if not (skip_types and _spells_int_or_string("", (part,)))]
        if key == "allOf":
            yield from checks
        else:
            yield _one_of(checks, exactly_one=key == "oneOf")
    if (excluded := schema.get("not")) is not None:
        yield _not(_nested(excluded))


def _spells_int_or_string(key: str, parts: Iterable[Schema]) -> bool:
    types = [part.get("type") for part in parts]
    if key == "anyOf":
        return types == ["integer", "string"]
    inner = next(iter(parts), {}).get("anyOf") or ()
    return [part.get("type") for part in inner] == ["integer", "string"]


def _nested(schema: Schema) -> Check:
    return build(schema, lambda path, nested: ()).check


def _tries(checks: Iterable[Check], value: Any, where: Where) -> list[list[Mistake]]:
    tries: list[list[Mistake]] = []
    for check in checks:
        mine: list[Mistake] = []
        check(value, ABSENT, where, mine)
        tries.append(mine)
    return tries


def _one_of(checks: list[Check], *, exactly_one: bool) -> Check:
    def check(value: Any, old: Any, where: Where, found: list[Mistake]) -> None:
        tries = _tries(checks, value, where)
        valid = sum(not mine for mine in tries)
        path = path_of(where)
        if exactly_one and valid != 1:
            count = f"Found {valid} valid alternatives" if valid else "Found none valid"
            detail = f'"{path}" must validate one and only one schema (oneOf). {count}'
            found.append(invalid(path, "", detail))
        elif not valid:
            found.append(invalid(path, "", f'"{path}" must validate at least one schema (anyOf)'))
        if not valid:
            nearest: list[Mistake] = min(tries, key=len)  # it tells best what was meant
            found.extend(nearest)

    return check


def _not(check_excluded: Check) -> Check:
    def check(value: Any, old: Any, where: Where, found: list[Mistake]) -> None:
        if not _tries([check_excluded], value, where)[0]:
            path = path_of(where)
            found.append(invalid(path, "", f'"{path}" must not validate the schema (not)'))

    return check
