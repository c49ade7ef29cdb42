"""What makes a schema structural: the rules that upstream asks of the schemas of custom resource definitions.

Every place has one type, said outside of allOf, anyOf, oneOf and not, so that pruning and defaulting have
one answer. All mistakes are found, at their path inside openAPIV3Schema.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.structural.checks import pattern_of
from hearthgate.resources.structural.mistake import (
    Mistake,
    Where,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    path_of,
    required,
    type_invalid,
)
from hearthgate.resources.structural.rules import REASONS, field_steps

Schema = Mapping[str, Any]

_KNOWN_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_SCALARS: Final = frozenset({"boolean", "integer", "number", "string"})
_NOT_SUPPORTED: Final = (
    "$ref",
    "additionalItems",
    "definitions",
    "dependencies",
    "id",
    "patternProperties",
)
_OUTSIDE_ONLY: Final = (
    "type",
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)
_INT_OR_STRING: Final = ({"type": "integer"}, {"type": "string"})


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types)


def _is_mapping_of_mappings(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(child, Mapping) for child in value.values())


_FORMS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = MappingProxyType(
    {
        **dict.fromkeys(("type", "format", "pattern", "title", "description"), (_is(str), "a string")),
        **dict.fromkeys(
            ("x-kubernetes-list-type", "x-kubernetes-map-type", "$ref", "$schema", "id"), (_is(str), "a string")
        ),
        **dict.fromkeys(
            ("nullable", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"), (_is(bool), "true or false")
        ),
        **dict.fromkeys(
            (
                "x-kubernetes-int-or-string",
                "x-kubernetes-preserve-unknown-fields",
                "x-kubernetes-embedded-resource",
            ),
            (_is(bool), "true or false"),
        ),
        **dict.fromkeys(
            ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
            (_is_integer, "an integer"),
        ),
        **dict.fromkeys(("minimum", "maximum", "multipleOf"), (_is_number, "a number")),
        **dict.fromkeys(("required", "x-kubernetes-list-map-keys"), (_all(_is(str)), "a list of strings")),
        **dict.fromkeys(("allOf", "anyOf", "oneOf"), (_all(_is(Mapping)), "a list of schemas")),
        "x-kubernetes-validations": (_all(_is(Mapping)), "a list of rules"),
        "enum": (_is(list), "a list"),
        "properties": (_is_mapping_of_mappings, "a mapping of names to schemas"),
        "additionalProperties": (_is(Mapping, bool), "a schema or a boolean"),
        "items": (_is(Mapping, list), "a schema"),
        "not": (_is(Mapping), "a schema"),
    }
)
"""Of which form the value of a keyword must be for the rest of the rules to read it."""


def shape_mistakes(schema: Schema) -> list[Mistake]:
    """Every mistake of a whole openAPIV3Schema. A schema without any can be built."""
    malformed = list(_malformed(schema, None))
    if malformed:
        return malformed
    found: list[Mistake] = []
    kind = schema.get("type", "")
    if not kind:
        found.append(required("type", "must not be empty at the root"))
    elif kind != "object":
        found.append(invalid("type", kind, "must be object at the root"))
    if schema.get("nullable"):
        found.append(forbidden("nullable", "nullable cannot be true at the root"))
    found.extend(_metadata_mistakes(schema))
    found.extend(_place(schema, None, "root"))
    return found


def _metadata_mistakes(schema: Schema) -> Iterator[Mistake]:
    metadata = (schema.get("properties") or {}).get("metadata")
    if metadata is None:
        return
    if metadata.get("type", "object") != "object":
        yield invalid("properties[metadata].type", metadata["type"], "must be object")
    allowed = {"type", "properties", "description", "title", "x-kubernetes-validations"}
    fields = set(metadata.get("properties") or {})
    if set(metadata) - allowed or fields - {"name", "generateName"}:
        detail = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        yield forbidden("properties[metadata]", detail)


def _malformed(schema: Schema, where: Where) -> Iterator[Mistake]:
    """Keywords whose value cannot be read at all."""
    for keyword, value in schema.items():
        form = _FORMS.get(keyword)
        if form is not None and value is not None and not form[0](value):
            yield type_invalid(path_of((where, keyword)), value, f"must be {form[1]}")
            continue
        match keyword, value:
            case "properties", Mapping():
                for name, child in value.items():
                    yield from _malformed(child, (where, f"properties[{name}]"))
            case (("allOf" | "anyOf" | "oneOf"), list()):
                for index, child in enumerate(value):
                    yield from _malformed(child, (where, f"{keyword}[{index}]"))
            case (("items" | "additionalProperties" | "not"), Mapping()):
                yield from _malformed(value, (where, keyword))


def _place(schema: Schema, where: Where, level: str) -> Iterator[Mistake]:
    """The rules of one place outside of allOf, anyOf, oneOf and not, and of everything below it."""
    yield from _keywords(schema, where)
    yield from _type_rules(schema, where, level)
    yield from _map_rules(schema, where)
    yield from _list_rules(schema, where)
    yield from _rule_forms(schema, where)
    yield from _alternatives(schema, schema, where, where)
    for name, child in (schema.get("properties") or {}).items():
        yield from _place(child, (where, f"properties[{name}]"), "object fields")
    if isinstance(additional := schema.get("additionalProperties"), Mapping):
        yield from _place(additional, (where, "additionalProperties"), "object fields")
    if isinstance(items := schema.get("items"), Mapping):
        yield from _place(items, (where, "items"), "array items")


def _keywords(schema: Schema, where: Where) -> Iterator[Mistake]:
    """What holds for a schema wherever it stands."""
    for keyword in _NOT_SUPPORTED:
        if schema.get(keyword):
            yield forbidden(path_of((where, keyword)), f"{keyword} is not supported")
    if schema.get("uniqueItems"):
        detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield forbidden(path_of((where, "uniqueItems")), detail)
    if isinstance(schema.get("items"), list):
        yield forbidden(path_of((where, "items")), "items must be a schema object and not an array")
    if pattern := schema.get("pattern"):
        try:
            pattern_of(pattern)
        except ValueError as error:
            detail = f"must be a valid regular expression, but isn't: {error}"
            yield invalid(path_of((where, "pattern")), pattern, detail)
    if (step := schema.get("multipleOf")) is not None and step <= 0:
        yield invalid(path_of((where, "multipleOf")), step, "must be greater than 0")
    if "enum" in schema and schema["enum"] == []:
        yield required(path_of((where, "enum")), "must have at least one value")


def _type_rules(schema: Schema, where: Where, level: str) -> Iterator[Mistake]:
    kind = schema.get("type", "")
    int_or_string = schema.get("x-kubernetes-int-or-string")
    keep_unknown = schema.get("x-kubernetes-preserve-unknown-fields")
    if kind == "null":
        yield forbidden(path_of((where, "type")), "type cannot be set to null, use nullable as an alternative")
    elif kind and kind not in _KNOWN_TYPES:
        yield not_supported(path_of((where, "type")), kind, _KNOWN_TYPES)
    elif not kind and level != "root" and not int_or_string and not keep_unknown:
        yield required(path_of((where, "type")), f"must not be empty for specified {level}")
    if int_or_string and kind:
        detail = "must be empty if x-kubernetes-int-or-string is true"
        yield invalid(path_of((where, "type")), kind, detail)
    if keep_unknown is False:
        path = path_of((where, "x-kubernetes-preserve-unknown-fields"))
        yield invalid(path, False, "must be true or undefined")
    if keep_unknown and kind not in ("", "object"):
        detail = "must be object if x-kubernetes-preserve-unknown-fields is true"
        yield invalid(path_of((where, "type")), kind, detail)
    if schema.get("x-kubernetes-embedded-resource"):
        if kind != "object":
            detail = "must be object if x-kubernetes-embedded-resource is true"
            yield invalid(path_of((where, "type")), kind, detail)
        if not schema.get("properties") and not keep_unknown:
            detail = (
                "must not be empty if x-kubernetes-embedded-resource is true "
                "without x-kubernetes-preserve-unknown-fields"
            )
            yield required(path_of((where, "properties")), detail)


def _map_rules(schema: Schema, where: Where) -> Iterator[Mistake]:
    additional = schema.get("additionalProperties")
    path = path_of((where, "additionalProperties"))
    if additional is False:
        yield forbidden(path, "additionalProperties cannot be set to false")
    elif additional is not None and schema.get("properties"):
        yield forbidden(path, "additionalProperties and properties are mutual exclusive")
    if map_type := schema.get("x-kubernetes-map-type"):
        if map_type not in ("atomic", "granular"):
            yield not_supported(path_of((where, "x-kubernetes-map-type")), map_type, ("atomic", "granular"))
        if schema.get("type") != "object":
            detail = "must be object if x-kubernetes-map-type is specified"
            yield invalid(path_of((where, "type")), schema.get("type", ""), detail)


def _list_rules(schema: Schema, where: Where) -> Iterator[Mistake]:
    is_array = schema.get("type") == "array"
    items = schema.get("items")
    if is_array and items is None:
        yield required(path_of((where, "items")), "must be specified")
    list_type = schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys") or []
    type_path = path_of((where, "x-kubernetes-list-type"))
    if list_type and not is_array:
        detail = "must be array if x-kubernetes-list-type is specified"
        yield invalid(path_of((where, "type")), schema.get("type", ""), detail)
    if list_type and list_type not in ("atomic", "set", "map"):
        yield not_supported(type_path, list_type, ("atomic", "set", "map"))
    if keys and list_type != "map":
        detail = "must be map if x-kubernetes-list-map-keys is non-empty"
        yield invalid(type_path, list_type or "", detail)
    if not isinstance(items, Mapping):
        return
    if list_type == "set":
        yield from _set_items(items, (where, "items"))
    elif list_type == "map":
        yield from _keyed_items(items, keys, where)


def _rule_forms(schema: Schema, where: Where) -> Iterator[Mistake]:
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        path = path_of((where, f"x-kubernetes-validations[{index}]"))
        texts = ("rule", "message", "messageExpression", "reason", "fieldPath")
        for name in texts:
            if rule.get(name) is not None and not isinstance(rule[name], str):
                yield type_invalid(f"{path}.{name}", rule[name], "must be a string")
        if not isinstance(rule.get("rule"), str) or not rule["rule"].strip():
            yield required(f"{path}.rule", "rule is not specified")
        if isinstance(message := rule.get("message"), str):
            if message and not message.strip():
                yield invalid(f"{path}.message", message, "message must be non-empty if specified")
            elif "\n" in message.strip():
                yield invalid(f"{path}.message", message, "message must not contain line breaks")
        if (reason := rule.get("reason")) and reason not in REASONS:
            yield not_supported(f"{path}.reason", reason, REASONS)
        if isinstance(field := rule.get("fieldPath"), str) and field:
            yield from _field_path(schema, field, f"{path}.fieldPath")


def _field_path(schema: Schema, text: str, path: str) -> Iterator[Mistake]:
    steps = field_steps(text)
    if not steps:
        yield invalid(path, text, "fieldPath must be a valid path")
        return
    for step in steps:
        fields = schema.get("properties") or {}
        additional = schema.get("additionalProperties")
        if step not in fields and not isinstance(additional, Mapping):
            yield invalid(path, text, f"fieldPath must be a valid path: does not refer to a field: {step}")
            return
        below = fields.get(step, additional)
        schema = below if isinstance(below, Mapping) else {}


def _set_items(items: Schema, where: Where) -> Iterator[Mistake]:
    if items.get("nullable"):
        yield forbidden(path_of((where, "nullable")), "cannot be nullable when x-kubernetes-list-type is set")
    kind = items.get("type")
    if kind == "object" and items.get("x-kubernetes-map-type") != "atomic":
        detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
        yield invalid(path_of((where, "x-kubernetes-map-type")), items.get("x-kubernetes-map-type"), detail)
    if kind == "array" and items.get("x-kubernetes-list-type", "atomic") != "atomic":
        detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
        yield invalid(path_of((where, "x-kubernetes-list-type")), items["x-kubernetes-list-type"], detail)


def _keyed_items(items: Schema, keys: list[str], where: Where) -> Iterator[Mistake]:
    keys_path = path_of((where, "x-kubernetes-list-map-keys"))
    if not keys:
        yield required(keys_path, "must not be empty if x-kubernetes-list-type is map")
    if items.get("type") != "object":
        detail = "must be object if parent array's x-kubernetes-list-type is map"
        yield invalid(path_of((where, "items.type")), items.get("type", ""), detail)
        return
    fields = items.get("properties") or {}
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield duplicate(f"{keys_path}[{index}]", key)
            continue
        field = fields.get(key)
        path = path_of((where, f"items.properties[{key}]"))
        if field is None:
            yield invalid(f"{keys_path}[{index}]", key, "entries must all be names of item properties")
        elif field.get("type") not in _SCALARS and not field.get("x-kubernetes-int-or-string"):
            detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield invalid(f"{path}.type", field.get("type", ""), detail)
        elif "default" not in field and key not in (items.get("required") or ()):
            detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be required"
            yield required(f"{path}.default", detail)
        elif field.get("nullable"):
            detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"
            yield forbidden(f"{path}.nullable", detail)


def _alternatives(schema: Schema, outside: Schema, where: Where, place: Where) -> Iterator[Mistake]:
    """allOf, anyOf, oneOf and not may only restrict what the schema `outside` of them, at `place`, says."""
    may_spell = bool(outside.get("x-kubernetes-int-or-string"))
    for keyword in ("allOf", "anyOf", "oneOf"):
        parts = schema.get(keyword) or ()
        if may_spell and keyword == "anyOf" and _spells_int_or_string(parts):
            continue
        for index, part in enumerate(parts):
            spelled = (
                may_spell and keyword == "allOf" and index == 0 and _spells_int_or_string(part.get("anyOf") or ())
            )
            inner = {key: value for key, value in part.items() if key != "anyOf"} if spelled else part
            yield from _restriction(inner, outside, (where, f"{keyword}[{index}]"), place)
    if (excluded := schema.get("not")) is not None:
        yield from _restriction(excluded, outside, (where, "not"), place)


def _spells_int_or_string(parts: Any) -> bool:
    return tuple(parts) == _INT_OR_STRING


def _restriction(schema: Schema, outside: Schema | None, where: Where, place: Where) -> Iterator[Mistake]:
    yield from _keywords(schema, where)
    for keyword in _OUTSIDE_ONLY:
        if keyword in schema and schema[keyword] not in (None, False, "", []):
            yield forbidden(path_of((where, keyword)), "must be empty to be structural")
    known = outside or {}
    for name, child in (schema.get("properties") or {}).items():
        step = f"properties[{name}]"
        there = (known.get("properties") or {}).get(name)
        if there is None and isinstance(known.get("additionalProperties"), Mapping):
            there, step_outside = known["additionalProperties"], "additionalProperties"
        else:
            step_outside = step
        if there is None and not known.get("x-kubernetes-preserve-unknown-fields"):
            yield required(path_of((place, step)), f"because it is defined in {path_of((where, step))}")
        yield from _restriction(child, there, (where, step), (place, step_outside))
    if isinstance(items := schema.get("items"), Mapping):
        there = known.get("items")
        outer = there if isinstance(there, Mapping) else None
        yield from _restriction(items, outer, (where, "items"), (place, "items"))
    yield from _alternatives(schema, known, where, place)
