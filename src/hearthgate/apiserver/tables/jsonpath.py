"""The JSONPath subset of printer columns: `.a.b`, `[n]`, `[*]`, `['key']`, `[?(@.type=="Ready")]`."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final

Step = Callable[[Any], Iterable[Any]]

_TOKEN: Final = re.compile(
    r"""(?P<all>\[\*\]|\.\*)
      | \.(?P<field>(?:\\.|[^.\[\]\\])+)
      | \[(?P<index>-?\d+)\]
      | \[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]
      | \[\?\(\s*@(?P<path>(?:\.(?:\\.|[^.\[\]\s=!<>\\])+)+)\s*(?P<op>==|!=)\s*
          (?P<q2>['"])(?P<value>.*?)(?P=q2)\s*\)\]""",
    re.VERBOSE,
)


def find(path: str, obj: Any) -> list[Any]:
    """Every value at `path`, in order; none when the object has no such part. Raises ValueError."""
    values = [obj]
    for step in compile_path(path):
        values = [found for value in values for found in step(value)]
    return values


@cache
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
    if match["path"]:
        keys = tuple(_plain(key) for key in re.findall(r"\.((?:\\.|[^.\\])+)", match["path"]))
        return _filter(keys, match["value"], match["op"] == "==")
    return _field(_plain(match["field"]) if match["field"] is not None else match["key"])


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _index(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return step


def _all(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _filter(keys: tuple[str, ...], wanted: str, equal: bool) -> Step:
    def step(value: Any) -> Iterator[Any]:
        for item in value if isinstance(value, list) else ():
            held = item
            for key in keys:
                held = held.get(key) if isinstance(held, dict) else None
            if (str(held) == wanted) is equal:
                yield item

    return step
