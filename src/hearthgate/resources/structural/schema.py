"""Structural schemas."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Mistake(NamedTuple):
    path: str
    type: str
    message: str


class Structural:
    source: Mapping[str, Any] = {}
    unchecked: tuple[str, ...] = ()

    def list_type(self, path: tuple[str, ...]) -> Any:
        return None


def prune(schema: Structural, obj: Any) -> list[str]:
    return []


def fill(schema: Structural, obj: Any) -> None:
    pass


def mistakes(schema: Structural, obj: Any, old: Any = None) -> list[Mistake]:
    return []
