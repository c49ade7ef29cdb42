"""The JSONPath of printer columns and selectable fields, as kubectl and the Kubernetes API read it.

`.a.b`, `..b`, `.*`, `[n]`, `[1:3]`, `[*]`, `['key']`, `['a','b']`, and filters: `[?(@.type=="Ready")]`, with
==, !=, <, <=, >, >= against text, a number or a boolean, or `[?(@.field)]` for items that have the field.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

Step = Callable[[Any], Iterable[Any]]

_NAMES: Final = r"(?:\.(?:\\.|[^.\[\]\s=!<>()\\])+)*"
_TOKEN: Final = re.compile(
    rf"""(?P<all>\[\*\]|\.\*|\[\])
      | \.\.(?P<deep>(?:\\.|[^.\[\]\\])+)
      | \.(?P<field>(?:\\.|[^.\[\]\\])+)
      | \[(?P<index>-?\d{{1,9}})\]
      | \[(?P<slice>(?:-?\d{{1,9}})?(?::(?:-?\d{{1,9}})?){{1,2}})\]
      | \[(?P<keys>\s*(?:'[^']*'|"[^"]*")\s*(?:,\s*(?:'[^']*'|"[^"]*")\s*)*)\]
      | \[\?\(\s*@(?P<path>{_NAMES})\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*
          (?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<word>[-+.\w]+))\s*)?\)\]""",
    re.VERBOSE,
)
_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_DEEPEST: Final = 200


def find(path: str, obj: Any) -> list[Any]:
    """Every value at `path`, in order; none when the object has no such part. Raises ValueError."""
    values = [obj]
    for step in compile_path(path):
        values = [found for value in values for found in step(value)]
    return values


@lru_cache(maxsize=4096)
def compile_path(path: str) -> tuple[Step, ...]:
    """Raises ValueError that shows what cannot be read."""
    steps: list[Step] = []
    position = 0
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            raise ValueError(f"JSONPath {path!r}: cannot read {path[position:]!r}")
        steps.append(_step(match))
        position = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["all"]:
        return _all
    if match["index"] is not None:
        return _index(int(match["index"]))
    if match["slice"] is not None:
        return _slice([int(part) if part else None for part in match["slice"].split(":")])
    if match["path"] is not None:
        return _filter(match)
    if match["keys"] is not None:
        return _keys([key[1:-1] for key in re.findall(r"'[^']*'|\"[^\"]*\"", match["keys"])])
    if match["deep"] is not None:
        return _deep(_plain(match["deep"]))
    return _keys([_plain(match["field"])])


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _keys(names: list[str]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield from (value[name] for name in names if name in value)

    return step


def _deep(name: str) -> Step:
    def step(value: Any, depth: int = 0) -> Iterator[Any]:
        if depth > _DEEPEST:
            return
        if isinstance(value, dict) and name in value:
            yield value[name]
        for child in _all(value):
            yield from step(child, depth + 1)

    return step


def _index(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return step


def _slice(bounds: list[int | None]) -> Step:
    cut = slice(*bounds) if bounds[-1] != 0 or len(bounds) < 3 else slice(0)
    return lambda value: value[cut] if isinstance(value, list) else ()


def _all(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


_MISSING: Final = object()


def _filter(match: re.Match[str]) -> Step:
    keys = tuple(_plain(key) for key in re.findall(r"\.((?:\\.|[^.\\])+)", match["path"]))
    fits = _comparison(match)

    def step(value: Any) -> Iterator[Any]:
        for item in value if isinstance(value, list) else ():
            held = item
            for key in keys:
                held = held.get(key, _MISSING) if isinstance(held, dict) else _MISSING
            if fits(held):
                yield item

    return step


def _comparison(match: re.Match[str]) -> Callable[[Any], bool]:
    if match["op"] is None:
        return lambda held: held is not _MISSING
    text = next(match[group] for group in ("single", "double", "word") if match[group] is not None)
    compare = _COMPARISONS[match["op"]]
    number = _number(text) if match["word"] is not None else None

    def fits(held: Any) -> bool:
        if held is _MISSING:
            return match["op"] == "!="
        if isinstance(held, bool):
            held = str(held).lower()
        if number is not None and isinstance(held, int | float):
            return bool(compare(held, number))
        return bool(compare(str(held), text))

    return fits


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
