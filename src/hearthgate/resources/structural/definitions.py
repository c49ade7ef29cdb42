"""Definitions."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hearthgate.resources.kinds import Kind
from hearthgate.resources.structural.schema import Mistake


class Definition(NamedTuple):
    kinds: tuple[Kind, ...]
    storage: Kind
    deprecations: Mapping[str, str]


def read_definition(crd: Mapping[str, Any]) -> "Definition | list[Mistake]":
    return []


def accepted_status(crd: Mapping[str, Any], now: str) -> dict[str, Any]:
    return {}
