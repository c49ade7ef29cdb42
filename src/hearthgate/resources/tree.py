"""Builds plain data from tokens, within limits, and remembers on demand which line each field stands on.

Nothing here recurses and an alias shares what it names, so neither deep nesting nor a few lines of nested
aliases ("a billion laughs") cost more than their text; what they would expand to is counted and refused.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from hearthgate.model.problems import shorten
from hearthgate.resources.tokens import ALIAS, END, MAP, SCALAR, TextError, Token

MAX_DEPTH: Final = 100
MAX_MERGED: Final = 100_000

Path = tuple[str | int, ...]


class TooLarge(Exception):
    """More data than an object may hold."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Tree(NamedTuple):
    """`weight` is about the length of `data` as JSON, aliases expanded."""

    data: Any
    line: int
    weight: int


class _Frame:
    """One open map or list."""

    __slots__ = ("anchor", "at_key", "key", "key_lines", "line", "merges", "path", "value", "weight")

    def __init__(self, token: Token, path: Path) -> None:
        self.value: Any = {} if token.kind == MAP else []
        self.anchor = token.anchor
        self.line = token.line
        self.path = path
        self.weight = 2
        self.at_key = token.kind == MAP
        self.key: str | None = None
        self.key_lines: dict[str, int] = {}
        self.merges: list[Any] = []


def build(tokens: Iterable[Token], max_weight: int, lines: dict[Path, int] | None = None) -> Iterator[Tree]:
    """One Tree per top-level value. Fills `lines` (path to line) when given. Raises TextError and TooLarge."""
    builder = _Builder(max_weight, lines)
    for token in tokens:
        tree = builder.take(token)
        if tree is not None:
            yield tree


class _Builder:
    def __init__(self, max_weight: int, lines: dict[Path, int] | None) -> None:
        self._max_weight = max_weight
        self._lines = lines
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._spent = 0
        self._merged = 0

    def take(self, token: Token) -> Tree | None:
        if token.kind == END:
            frame = self._stack.pop()
            if frame.merges:
                self._merge(frame)
            return self._add(frame.value, frame.weight, frame.line, frame.anchor)
        top = self._stack[-1] if self._stack else None
        if top is not None and top.at_key:
            self._key(top, token)
            return None
        self._spend(4, token.line)
        if self._lines is not None:
            line = top.key_lines[top.key] if top is not None and top.key is not None else token.line
            self._lines[self._path()] = line
        match token.kind:
            case k if k == SCALAR:
                size = len(token.value) + 4 if isinstance(token.value, str) else 6
                self._spend(size, token.line)
                return self._add(token.value, size, token.line, token.anchor)
            case k if k == ALIAS:
                return self._add(*self._named(token), token.line, None)
            case _:
                if len(self._stack) >= MAX_DEPTH:
                    message = f"nested more than {MAX_DEPTH} deep: nothing in Kubernetes is"
                    raise TextError(token.line, message)
                self._stack.append(_Frame(token, self._path() if self._lines is not None else ()))
                return None

    def _path(self) -> Path:
        if not self._stack:
            return ()
        top = self._stack[-1]
        return (*top.path, len(top.value) if isinstance(top.value, list) else top.key or "<<")

    def _named(self, token: Token) -> tuple[Any, int]:
        found = self._anchors.get(token.anchor or "")
        if found is None:
            raise TextError(
                token.line, "an alias without its anchor above it: a value that starts with * needs quotes"
            )
        return found

    def _spend(self, size: int, line: int) -> None:
        self._spent += size
        if self._spent > self._max_weight * 2:
            raise TooLarge(line, f"more data than {_mib(self._max_weight)} can be")

    def _add(self, value: Any, weight: int, line: int, anchor: str | None) -> Tree | None:
        """Puts a finished value where it belongs."""
        if weight > self._max_weight:
            raise TooLarge(line, f"with its aliases expanded it is larger than {_mib(self._max_weight)}")
        if anchor is not None:
            self._anchors[anchor] = (value, weight)
        if not self._stack:
            return Tree(value, line, weight)
        top = self._stack[-1]
        top.weight += weight + 1
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            if top.key is None:
                top.merges.append((value, line))
            else:
                top.value[top.key] = value
            top.at_key = True
        return None

    def _key(self, frame: _Frame, token: Token) -> None:
        if token.kind == ALIAS:
            token = token._replace(kind=SCALAR, value=self._named(token)[0])
        if token.kind != SCALAR or isinstance(token.value, dict | list):
            raise TextError(
                token.line, "a key must be a plain word: put { and [ in quotes, render templates first"
            )
        frame.at_key = False
        if token.is_merge:
            frame.key = None
            return
        key = sys.intern(_key_text(token.value))  # the same few words in all objects of a folder
        if key in frame.key_lines:
            message = f"key {shorten(key)} is already set on line {frame.key_lines[key]}: keep one of them"
            raise TextError(token.line, message)
        if token.anchor is not None:
            self._anchors[token.anchor] = (token.value, len(key))
        self._spend(len(key) + 4, token.line)
        frame.key = key
        frame.key_lines[key] = token.line
        frame.weight += len(key) + 3

    def _merge(self, frame: _Frame) -> None:
        """YAML's `<<`: keys of the map itself win, then those of the maps merged first."""
        for value, line in frame.merges:
            for source in value if isinstance(value, list) else [value]:
                if not isinstance(source, dict):
                    raise TextError(line, "<< takes a map or a list of maps")
                self._merged += len(source)
                if self._merged > MAX_MERGED:
                    raise TooLarge(line, f"<< merges more than {MAX_MERGED} keys")
                for key, item in source.items():
                    frame.value.setdefault(key, item)


def _key_text(value: Any) -> str:
    """A key as JSON must have it: `on:` is the key "true", as Kubernetes reads it."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case _:
            return str(value)


def _mib(size: int) -> str:
    return f"{size / 2**20:.3g} MiB"
