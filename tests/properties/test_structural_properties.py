"""Schemas at random on objects at random: nothing raises, and the walks agree with each other."""

import contextlib
import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.resources.structural.cel.compiler import Expression, Frame
from hearthgate.resources.structural.cel.syntax import CelSyntaxError
from hearthgate.resources.structural.cel.values import CelError, CostError
from hearthgate.resources.structural.definitions import Definition, read_definition
from hearthgate.resources.structural.formats import FORMATS
from hearthgate.resources.structural.schema import Structural, fill, mistakes, prune

NAMES = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = (
    st.none() | st.booleans() | NUMBERS | st.text(max_size=6) | st.sampled_from(["a", "b", "1h", "2024-01-01"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
RULES = st.sampled_from(
    [
        "self == oldSelf",
        "self.a > 1",
        "has(self.a) && self.a.size() > 0",
        "self.all(x, x in self)",
        "self.map(x, x.a).sum() == self.b",
        "self.matches('(a|b)*') || self.?b.orValue(true)",
        "string(self) == 'x' ? self + self != self : dyn(self) in [1, 'a', null]",
        "'%s %d'.format([self, self]).find('[a-c]+') < self",
    ]
)


def optional(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.just({}) | values.map(lambda value: {name: value})


def joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda dicts: {key: value for part in dicts for key, value in part.items()})


LIMITS = joined(
    optional("enum", st.lists(SCALARS, min_size=1, max_size=3)),
    optional("minLength", st.integers(0, 3)),
    optional("maxLength", st.integers(0, 3)),
    optional("minimum", st.integers(-5, 5)),
    optional("maximum", st.integers(-5, 5)),
    optional("multipleOf", st.sampled_from([1, 3, 0.1])),
    optional("pattern", st.sampled_from(["^a", "[0-9]+", "(a|b)*$"])),
    optional("format", st.sampled_from([*sorted(FORMATS), "int32", "int64", "password"])),
    optional("minItems", st.integers(0, 2)),
    optional("maxProperties", st.integers(0, 2)),
)
COMBINED = joined(
    LIMITS,
    optional("anyOf", st.lists(LIMITS, min_size=1, max_size=2)),
    optional("oneOf", st.lists(LIMITS, min_size=1, max_size=2)),
    optional("not", LIMITS),
)
EXTRAS = joined(
    COMBINED,
    optional("nullable", st.booleans()),
    optional("x-kubernetes-validations", st.lists(RULES.map(lambda rule: {"rule": rule}), max_size=2)),
)
LEAVES = joined(
    EXTRAS,
    st.sampled_from(
        [
            *({"type": kind} for kind in ("string", "integer", "number", "boolean")),
            {"x-kubernetes-int-or-string": True},
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        ]
    ),
)


def _objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    fields = st.dictionaries(NAMES, st.tuples(inner, optional("default", JSON)).map(lambda p: {**p[0], **p[1]}))
    return joined(
        EXTRAS,
        st.just({"type": "object"}),
        fields.map(lambda found: {"properties": found} if found else {}),
        optional("required", st.lists(NAMES, max_size=2)),
        optional("x-kubernetes-map-type", st.just("atomic")),
    )


def _lists(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]}
    items = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "number"}}}
    return joined(
        EXTRAS,
        st.just({"type": "array"}),
        inner.map(lambda found: {"items": found})
        | st.just({"items": items, **keyed})
        | st.just({"items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
    )


def _maps(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return joined(EXTRAS, st.just({"type": "object"}), inner.map(lambda found: {"additionalProperties": found}))


SCHEMAS = st.recursive(LEAVES, lambda inner: _objects(inner) | _lists(inner) | _maps(inner), max_leaves=6)
ROOTS = st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=3).map(
    lambda fields: {"type": "object", "properties": fields}
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=3)


@given(ROOTS, OBJECTS)
def test_prune_and_fill_are_idempotent(source: dict[str, Any], obj: dict[str, Any]) -> None:
    schema, _ = Structural.compile(source)
    prune(schema, obj)
    once = copy.deepcopy(obj)
    assert prune(schema, obj) == []
    assert obj == once
    fill(schema, obj)
    once = copy.deepcopy(obj)
    fill(schema, obj)
    assert obj == once


@given(ROOTS, OBJECTS, JSON.filter(lambda value: value is not None))
def test_what_is_filled_is_not_missing(source: dict[str, Any], obj: dict[str, Any], default: Any) -> None:
    defaulted = {name: {**field, "default": default} for name, field in source["properties"].items()}
    schema, _ = Structural.compile({**source, "properties": defaulted, "required": ["a", "b", "c"]})
    fill(schema, obj)
    missing = {mistake.path for mistake in mistakes(schema, obj) if mistake.type == "FieldValueRequired"}
    assert not missing & set(defaulted)


@given(ROOTS, OBJECTS, OBJECTS | st.none())
def test_mistakes_never_raise_and_change_nothing(source: dict[str, Any], obj: Any, old: Any) -> None:
    schema, _ = Structural.compile(source)
    before = copy.deepcopy(obj)
    found = mistakes(schema, obj, old)
    assert obj == before
    assert found == mistakes(schema, obj, old)


@given(ROOTS, OBJECTS)
def test_what_is_unchanged_breaks_rules_at_most(source: dict[str, Any], obj: dict[str, Any]) -> None:
    schema, _ = Structural.compile(_without_rules(source))
    assert mistakes(schema, obj, copy.deepcopy(obj)) == []


def _without_rules(source: Any) -> Any:
    if isinstance(source, dict):
        return {key: _without_rules(value) for key, value in source.items() if key != "x-kubernetes-validations"}
    return [_without_rules(value) for value in source] if isinstance(source, list) else source


KEYWORDS = st.sampled_from(
    [
        *(
            "type",
            "properties",
            "items",
            "additionalProperties",
            "required",
            "enum",
            "pattern",
            "default",
            "anyOf",
        ),
        *("allOf", "not", "format", "nullable", "minimum", "maxLength", "multipleOf", "x-kubernetes-validations"),
        *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-int-or-string", "rule", "a"),
        *("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "fieldPath", "metadata"),
    ]
)
JUNK = st.recursive(
    SCALARS | st.sampled_from(["object", "array", "string", "map", "set", "self.a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(KEYWORDS, JUNK), OBJECTS)
def test_junk_for_a_schema_is_mistakes(source: dict[str, Any], obj: dict[str, Any]) -> None:
    schema, _ = Structural.compile(source)
    prune(schema, obj)
    fill(schema, obj)
    mistakes(schema, obj)


SPEC_KEYS = st.sampled_from(
    ["group", "scope", "names", "versions", "plural", "kind", "name", "served", "storage", "schema", "conversion"]
)
SPECS = st.recursive(
    SCALARS | st.sampled_from(["Cluster", "example.com"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SPEC_KEYS, inner, max_size=6),
    max_leaves=20,
)


@given(SPECS, st.sampled_from(["spec", "metadata", "names", "versions", "version", "schema", "column"]))
def test_junk_for_a_definition_is_mistakes(junk: Any, place: str) -> None:
    version = {"name": "v1", "served": True, "storage": True}
    version["schema"] = {"openAPIV3Schema": junk if place == "schema" else {"type": "object"}}
    version["additionalPrinterColumns"] = [junk] if place == "column" else []
    versions = junk if place == "versions" else [junk if place == "version" else version]
    names = junk if place == "names" else {"plural": "as", "kind": "A"}
    spec = {"group": "b.c", "scope": "Cluster", "names": names, "versions": versions}
    metadata = junk if place == "metadata" else {"name": "as.b.c"}
    found = read_definition({"metadata": metadata, "spec": junk if place == "spec" else spec})
    assert isinstance(found, Definition) or found


EXPRESSIONS = st.recursive(
    st.sampled_from(["self", "oldSelf", "1", "2u", "1.5", "'a'", "null", "true", "[]", "{}", "duration('1s')"]),
    lambda inner: st.builds(
        lambda form, one, other: form.format(one, other),
        st.sampled_from(
            [
                "({0} + {1})",
                "({0} == {1})",
                "({0} < {1})",
                "({0} in {1})",
                "({0} && {1})",
                "({0} || {1})",
                "!{0}",
                "-{0}",
                "{0}.a",
                "{0}.?a",
                "{0}[{1}]",
                "{0}[?{1}]",
                "size({0})",
                "has({0}.a)",
                "[{0}, {1}]",
                "{{'k': {0}}}",
                "{0}.all(x, {1})",
                "{0}.map(x, x == {1})",
                "{0}.filter(x, {1}).size()",
                "string({0})",
                "int({0})",
                "{0}.matches({1})",
                "{0}.split({1})",
                "{0}.join({1})",
                "{0}.orValue({1})",
                "{0}.sum()",
                "({0} ? {1} : {0})",
                "ip({0})",
                "quantity({0}).add({1})",
                "timestamp({0})",
                "{0}.substring({1})",
                "'%s%d'.format([{0}, {1}])",
                "{0}.sortBy(x, {1})",
                "cel.bind(y, {0}, [y, {1}])",
                "lists.range({0})",
                "{0}.replace({1}, 'bb')",
                "type({0})",
                "{0}.getHours({1})",
                "url({0})",
                "sets.contains({0}, {1})",
            ]
        ),
        inner,
        inner,
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, JSON)
def test_expressions_fail_only_as_the_language_says(text: str, value: Any) -> None:
    with contextlib.suppress(CelSyntaxError, CelError, CostError):
        Expression(text, ("self", "oldSelf")).evaluate(Frame(10_000), value, None)


@given(st.text(alphabet="self.?[](){}ax1\"'`\\+-*/%<>=!&|:, \n", max_size=30) | st.text(max_size=20))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    with contextlib.suppress(CelSyntaxError):
        Expression(text, ("self",))
