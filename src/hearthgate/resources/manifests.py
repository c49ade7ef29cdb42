"""Manifest files: bytes to the Kubernetes objects in them, each with the place where it stands.

Pure: reads no files. Takes YAML with several documents, JSON, and lists (`kind: List`) of either. Whatever
the bytes are, the answer is documents and Problems, in time that grows with the size of the file only.
A document that cannot be read costs itself, not its neighbours.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.model.problems import Problem, Reason, shorten
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.resources.tokens import TextError, Token, json_tokens, yaml_tokens
from hearthgate.resources.tree import Path, TooLarge, Tree, build

MAX_FILE: Final = 16 * 2**20
MAX_OBJECT: Final = 1536 * 2**10
"""What the API stores of one object (etcd's limit on a real cluster)."""

MAX_ITEMS: Final = 50_000
"""Of all lists in one document: aliases can make millions out of a few lines."""

_MARKER: Final = re.compile(r"^(---|\.\.\.)(?=\s|\Z)", re.MULTILINE)
_LIST: Final = re.compile(r"""^["']?kind["']?:[ \t]+["']?\w*List\b""", re.MULTILINE)
_JSON_LIST: Final = re.compile(r'"kind"\s*:\s*"\w*List"')
_CONTENT: Final = re.compile(r"^[ \t]*[^\s%#]", re.MULTILINE)


class Located(NamedTuple):
    """A Problem and the place in a file that it is about."""

    source: Source
    problem: Problem

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


class _Text(msgspec.Struct, frozen=True, dict=True, eq=False):
    """The text of one YAML document or JSON file; knows on demand which line each field stands on."""

    text: str
    first_line: int
    is_json: bool = False

    def tokens(self) -> Iterator[Token]:
        return json_tokens(self.text) if self.is_json else yaml_tokens(self.text, self.first_line)

    @cached_property
    def lines(self) -> dict[Path, int]:
        lines: dict[Path, int] = {}
        for _tree in build(self.tokens(), MAX_FILE, lines):
            if not self.is_json:
                break
        return lines


class Document:
    """One object of a manifest. Its `repr` shows no data, which may be a Secret's."""

    __slots__ = ("_prefix", "_text", "data", "source")

    def __init__(self, data: dict[str, Any], source: Source, text: _Text | None = None, prefix: Path = ()) -> None:
        self.data = data
        self.source = source
        self._text = text
        self._prefix = prefix

    def line_of(self, field: str) -> int:
        """The line of a field such as `spec.routes[0].match`, or of the nearest thing above it that is there."""
        if self._text is None or not field:
            return self.source.line
        lines = self._text.lines
        path = self._prefix
        rest = field
        while rest:
            step = next((step for step in _steps(rest) if (*path, step.key) in lines), None)
            if step is None:
                break
            path, rest = (*path, step.key), step.rest
        return lines[path] if path != self._prefix else self.source.line

    def source_of(self, field: str) -> Source:
        return self.source._replace(line=self.line_of(field))

    def detached(self) -> "Document":
        """As a document of which only the file is known: generated text has no lines to point at."""
        return Document(self.data, self.source._replace(line=0))

    def replace(self, data: dict[str, Any]) -> "Document":
        """The same place with other data."""
        return Document(data, self.source, self._text, self._prefix)

    def __repr__(self) -> str:
        return f"Document({self.source})"


class Parsed(NamedTuple):
    """problems: what could not be read; none of it is in `documents`."""

    documents: tuple[Document, ...]
    problems: tuple[Located, ...]


class _Step(NamedTuple):
    key: str | int
    rest: str


def _steps(field: str) -> Iterator[_Step]:
    """How the first key of a path may be read, longest first: keys may hold dots themselves."""
    if index := re.match(r"\[(\d+)\]\.?", field):
        yield _Step(int(index[1]), field[index.end() :])
        return
    yield _Step(field, "")
    for place in range(len(field) - 1, 0, -1):
        if field[place] in ".[":
            yield _Step(field[:place], field[place + 1 :] if field[place] == "." else field[place:])


def file_ref(path: str) -> ObjectRef:
    """Names a file where there is no object to name."""
    return ObjectRef("File", "", path)


def parse_manifests(text: bytes, path: str) -> Parsed:
    """The objects of one file in their order, lists taken apart. Never raises on bad input."""
    if len(text) > MAX_FILE:
        message = f"the file is larger than {MAX_FILE >> 20} MiB: split it"
        return Parsed((), (_file_problem(path, 0, Reason.TOO_LARGE, message),))
    try:
        decoded = _decode(text)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        message = f"not a text file (byte {text[error.start]:#04x} on line {line} is not UTF-8): move it elsewhere"
        return Parsed((), (_file_problem(path, line, Reason.SYNTAX_ERROR, message),))
    reading = _Reading(path)
    texts = [_Text(decoded, 1, is_json=True)] if path.endswith(".json") else list(_split(decoded))
    for number, part in enumerate(texts):
        reading.read(part, f"documents[{number}]" if len(texts) > 1 else "")
    return Parsed(tuple(reading.documents), tuple(reading.problems))


def _decode(text: bytes) -> str:
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16")
    return text.decode("utf-8-sig")


def _split(text: str) -> Iterator[_Text]:
    """The documents of a YAML stream. A marker in the first column ends a document wherever it stands."""
    start, line = 0, 1
    for marker in [*_MARKER.finditer(text), None]:
        end = marker.start() if marker is not None else len(text)
        part = text[start:end]
        if _CONTENT.search(part):
            yield _Text(part, line)
        if marker is not None:
            following = marker.end() if marker[0] == "..." else end
            line += text.count("\n", start, following)
            start = following


class _Reading:
    """Collects what one file holds."""

    def __init__(self, path: str) -> None:
        self.documents: list[Document] = []
        self.problems: list[Located] = []
        self._path = path
        self._items = 0

    def read(self, text: _Text, field: str) -> None:
        """Reads one text; a syntax error in it is one Problem. `field` names the text within the file."""
        size = len(text.text)
        if size > MAX_OBJECT and not (_JSON_LIST if text.is_json else _LIST).search(text.text):
            message = f"an object of {size / 2**20:.1f} MiB: the API stores at most {MAX_OBJECT / 2**20} MiB"
            self._refuse(text.first_line, Reason.TOO_LARGE, message, field)
            return
        self._items = 0
        before = len(self.documents)
        try:
            for tree in build(text.tokens(), MAX_FILE if size > MAX_OBJECT else 2 * MAX_OBJECT):
                self._take(tree, text, ())
        except TextError as error:
            del self.documents[before:]
            self._refuse(error.line, Reason.SYNTAX_ERROR, error.message, field)
        except TooLarge as error:
            del self.documents[before:]
            self._refuse(error.line, Reason.TOO_LARGE, error.message, field)

    def _take(self, tree: Tree, text: _Text, prefix: Path) -> None:
        data = tree.data
        if data is None:
            return
        if not isinstance(data, dict):
            shape = "a list" if isinstance(data, list) else "a single value"
            message = f"{shape} is not a Kubernetes object: a mapping with apiVersion and kind is"
            self._refuse(tree.line, Reason.SYNTAX_ERROR, message, _dotted(prefix))
        elif _is_list(data):
            self._take_items(data["items"], tree.line, text, prefix)
        elif _is_large(data, tree.weight):
            message = f"an object of more than {MAX_OBJECT / 2**20} MiB: the API stores no larger ones"
            self._refuse(tree.line, Reason.TOO_LARGE, message, _dotted(prefix))
        else:
            self.documents.append(Document(data, Source(self._path, tree.line), text, prefix))

    def _take_items(self, items: Any, line: int, text: _Text, prefix: Path) -> None:
        below = (*prefix, "items")
        if not isinstance(items, list):
            self._refuse(line, Reason.SYNTAX_ERROR, "items of a list must be a list", _dotted(below))
            return
        for index, item in enumerate(items):
            self._items += 1
            if self._items > MAX_ITEMS:
                raise TooLarge(line, f"a list of more than {MAX_ITEMS} items: split it")
            self._take(Tree(item, text.lines.get((*below, index), line), 0), text, (*below, index))

    def _refuse(self, line: int, reason: Reason, message: str, field: str) -> None:
        self.problems.append(_file_problem(self._path, line, reason, message, field))


def _is_list(data: dict[str, Any]) -> bool:
    kind = data.get("kind")
    return isinstance(kind, str) and kind.endswith("List") and "items" in data


def _is_large(data: dict[str, Any], weight: int) -> bool:
    """A known weight spares the exact count; 0 means unknown."""
    return not 0 < weight <= MAX_OBJECT and len(msgspec.json.encode(data)) > MAX_OBJECT


def _dotted(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _file_problem(path: str, line: int, reason: Reason, message: str, field: str = "") -> Located:
    text = f"line {line}: {message}" if line else message
    return Located(
        Source(path, line), Problem(ref=file_ref(path), field=_short_field(field), reason=reason, message=text)
    )


def _short_field(field: str) -> str:
    """A path as it may stand in a Problem: keys of a file can be of any length."""
    return field if len(field) <= 200 else shorten(field, 200)
