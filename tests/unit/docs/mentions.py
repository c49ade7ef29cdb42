"""Which options the tests of the data plane set: read from golden inputs and from the text of wire tests.

A path is that of a manifest (`spec.rateLimit.burst`), without the places in lists.
"""

import ast
import contextlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

TESTS = Path(__file__).parents[2]
WIRE = (TESTS / "component" / "ingress", TESTS / "system")
GOLDEN = TESTS / "golden"
UNIT = (TESTS / "unit" / "app", TESTS / "unit" / "ingress")


class Mentions(NamedTuple):
    """paths: (kind, path) of options in whole manifests, and of middlewares by their type and options.

    wire_keys: every key of a mapping that a wire test writes, wherever it goes.
    golden_keys: every key in a golden input, model inputs included. unit_keys: as wire_keys, of unit tests.
    """

    paths: frozenset[tuple[str, str]]
    wire_keys: frozenset[str]
    golden_keys: frozenset[str]
    unit_keys: frozenset[str]


@cache
def mentions(middlewares: frozenset[str]) -> Mentions:
    """middlewares: the keys of a Middleware's spec."""
    paths: set[tuple[str, str]] = set()
    golden_keys: set[str] = set()
    wire_keys: set[str] = set()
    for file in sorted(GOLDEN.glob("*/*/input.yaml")):
        for document in yaml.load_all(file.read_text(), yaml.CSafeLoader):
            paths |= set(_of_manifest(document))
            golden_keys |= set(_keys(document))
    for file in sorted(path for folder in WIRE for path in folder.glob("*.py")):
        module = _Module(ast.parse(file.read_text()), middlewares)
        paths |= set(module.paths())
        wire_keys |= set(module.keys())
    unit_keys: set[str] = set()
    for file in sorted(path for folder in UNIT for path in folder.glob("*.py")):
        unit_keys |= set(_Module(ast.parse(file.read_text()), middlewares).keys())
    return Mentions(frozenset(paths), frozenset(wire_keys), frozenset(golden_keys), frozenset(unit_keys))


@cache
def rules_of(syntax: str) -> str:
    """The text of all golden inputs and wire tests that write rules of that syntax."""
    files = [*GOLDEN.glob("*/*/input.yaml"), *(path for folder in WIRE for path in folder.glob("*.py"))]
    texts = [path.read_text() for path in sorted(files)]
    return "\n".join(text for text in texts if syntax == "v3" or "v2" in text)


def _of_manifest(document: Any) -> Iterator[tuple[str, str]]:
    if isinstance(document, Mapping) and isinstance(document.get("kind"), str):
        top = "settings" if document["kind"] == "Settings" else "spec"
        yield from ((document["kind"], path) for path in _paths(document.get(top), top))


def _paths(value: Any, path: str) -> Iterator[str]:
    yield path
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _paths(below, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item, path)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield str(key)
            yield from _keys(below)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _keys(item)


class _Module:
    """What one test module writes, as far as its text tells."""

    def __init__(self, tree: ast.Module, middlewares: frozenset[str]) -> None:
        self._tree = tree
        self._middlewares = middlewares
        self._values = {
            target.id: statement.value
            for statement in ast.walk(tree)
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None
            for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
            if isinstance(target, ast.Name)
        }

    def paths(self) -> Iterator[tuple[str, str]]:
        for node in ast.walk(self._tree):
            match node:
                case ast.Tuple(elts=[ast.Constant(value=str() as kind), options]) if kind in self._middlewares:
                    yield from self._middleware(kind, options)
                case ast.Call(args=[ast.Constant(value=str() as kind), options, *_]) if kind in self._middlewares:
                    yield from self._middleware(kind, options)
                case ast.Dict():
                    value = self._value(node)
                    yield from _of_manifest(value)
                    for kind in self._middlewares & value.keys():
                        yield from (("Middleware", path) for path in _paths(value[kind], f"spec.{kind}"))
                case ast.Constant(value=str() as text) if "kind:" in text:
                    with contextlib.suppress(yaml.YAMLError):
                        for document in yaml.load_all(text, yaml.CSafeLoader):
                            yield from _of_manifest(document)

    def keys(self) -> Iterator[str]:
        for node in ast.walk(self._tree):
            match node:
                case ast.Dict(keys=keys):
                    yield from (str(key.value) for key in keys if isinstance(key, ast.Constant))
                case ast.keyword(arg=str() as name):
                    yield name
                case ast.Constant(value=str() as text) if ":" in text and "\n" in text and "&" not in text:
                    with contextlib.suppress(yaml.YAMLError):
                        for document in yaml.load_all(text, yaml.CSafeLoader):
                            yield from _keys(document)

    def _middleware(self, kind: str, options: ast.expr) -> Iterator[tuple[str, str]]:
        yield from (("Middleware", path) for path in _paths(self._value(options), f"spec.{kind}"))

    def _value(self, node: ast.expr, depth: int = 0) -> Any:
        """The literal that an expression writes; None for what only running it would tell."""
        match node:
            case ast.Dict(keys=keys, values=values):
                found: dict[str, Any] = {}
                for key, value in zip(keys, values, strict=True):
                    below = self._value(value, depth + 1)
                    if isinstance(key, ast.Constant):
                        found[str(key.value)] = below
                    elif key is None and isinstance(below, Mapping):
                        found |= below
                return found
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self._value(item, depth + 1) for item in items]
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if name in self._values and depth < 12:
                return self._value(self._values[name], depth + 1)
            case _:
                return None
