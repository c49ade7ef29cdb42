"""Runs the rules of a schema on an object that is right in all else.

All rules of one object share one budget of steps: what takes longer is refused, as upstream does it.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from hearthgate.resources.listtypes import KeyedList
from hearthgate.resources.structural.build import by_key, key_of
from hearthgate.resources.structural.cel.compiler import Expression, Frame
from hearthgate.resources.structural.cel.times import duration, timestamp
from hearthgate.resources.structural.cel.values import NO_OVERLOAD, NONE, CelError, CostError, Optional
from hearthgate.resources.structural.mistake import (
    WHOLE,
    Mistake,
    Where,
    duplicate,
    forbidden,
    invalid,
    path_of,
    required,
)
from hearthgate.resources.structural.node import ABSENT, Node
from hearthgate.resources.structural.rules import Rule

STEPS: Final = 1_000_000
"""What the rules of one object may take: about a quarter of a second at worst."""


def rule_mistakes(node: Node, obj: Any, old: Any) -> list[Mistake]:
    """The rules that `obj` breaks. `old`: the object before, or ABSENT."""
    found: list[Mistake] = []
    run = _Run(found)
    try:
        run.visit(node, obj, old, None)
    except CostError:
        detail = "validation failed due to running out of cost budget, no further validation rules will be run"
        found.append(invalid(path_of(run.where) or WHOLE, run.kind, detail))
    return found


class _Run:
    """One pass over one object."""

    def __init__(self, found: list[Mistake]) -> None:
        self._found = found
        self._frame = Frame(STEPS)
        self.where: Where = None
        self.kind = ""

    def visit(self, node: Node, value: Any, old: Any, where: Where) -> None:
        if value is None:
            return
        if node.rules:
            self.where, self.kind = where, node.type
            now, before = converted(node, value), converted(node, old)
            for rule in node.rules:
                self._check(rule, node, now, before, where)
        if isinstance(value, dict):
            told_apart = isinstance(old, dict) and not node.atomic_map
            self._visit_fields(node, value, old if told_apart else {}, where)
        elif isinstance(value, list) and node.items is not None and node.items.ruled:
            keyed = node.list_type if isinstance(node.list_type, KeyedList) else None
            before = by_key(keyed, old) if keyed is not None else {}
            for index, item in enumerate(value):
                was = before.get(key_of(keyed, item), ABSENT) if keyed is not None else ABSENT
                self.visit(node.items, item, was, (where, f"[{index}]"))

    def _visit_fields(self, node: Node, value: Mapping[str, Any], old: Mapping[str, Any], where: Where) -> None:
        for name, item in value.items():
            child = node.below(name)
            if child is not None and child.ruled:
                step = name if name in node.properties else f"[{name}]"
                self.visit(child, item, old.get(name, ABSENT), (where, step))

    def _check(self, rule: Rule, node: Node, value: Any, old: Any, where: Where) -> None:
        if not rule.transition and old is not ABSENT and value == old:
            return  # as upstream: what has not changed need not be better than it was
        if rule.optional_old:
            old = NONE if old is ABSENT else Optional(old, present=True)
        elif old is ABSENT:
            if rule.transition:
                return
            old = None
        try:
            result = rule.expression.evaluate(self._frame, value, old)
            if result is True:
                return
            detail = self._detail(rule, value, old)
        except CelError as error:
            detail = _failure(rule, error)
        for step in rule.steps:
            below = node.below(step)
            where = (where, step if step in node.properties else f"[{step}]")
            node = below or node
        self._found.append(_mistake(rule, node, path_of(where) or WHOLE, value, detail))

    def _detail(self, rule: Rule, value: Any, old: Any) -> str:
        """What the rule's own message expression says, when it says a line of text; else its message."""
        if rule.message is None:
            return rule.detail
        return self._said(rule.message, value, old) or rule.detail

    def _said(self, message: Expression, value: Any, old: Any) -> str:
        try:
            said = message.evaluate(self._frame, value, old)
        except CelError:
            return ""
        return said.strip() if isinstance(said, str) and "\n" not in said.strip() else ""


def _failure(rule: Rule, error: CelError) -> str:
    if str(error) == NO_OVERLOAD:
        signature = "call arguments did not match a supported operator, function or macro signature"
        return f"'{error}': {signature} for rule: {rule.title}"
    return f"{error} evaluating rule: {rule.title}"


def _mistake(rule: Rule, node: Node, path: str, value: Any, detail: str) -> Mistake:
    match rule.reason:
        case "FieldValueForbidden":
            return forbidden(path, detail)
        case "FieldValueRequired":
            return required(path, detail)
        case "FieldValueDuplicate":
            return duplicate(path, value if isinstance(value, str | int | float) else node.type)
        case _:
            return invalid(path, node.type, detail)


def converted(node: Node, value: Any) -> Any:
    """A JSON value as rules see it: numbers as doubles, dates as timestamps. Most need no conversion."""
    if not node.typed or value is None or value is ABSENT:
        return value
    if isinstance(value, dict):
        return {
            name: value if (child := node.below(name)) is None else converted(child, value)
            for name, value in value.items()
        }
    if isinstance(value, list) and node.items is not None:
        return [converted(node.items, item) for item in value]
    if node.type == "number" and isinstance(value, int) and not isinstance(value, bool):
        return _double(value)
    if isinstance(value, str):
        return _from_text(node.format, value)
    return value


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _from_text(name: str, text: str) -> Any:
    """Text that has not its format stays text: formats are laxer than the language in places."""
    try:
        match name:
            case "date-time" | "datetime":
                return timestamp(text)
            case "date":
                return timestamp(f"{text}T00:00:00Z")
            case "duration":
                return duration(text)
            case "byte":
                return base64.b64decode(text, validate=True)
    except (CelError, binascii.Error, ValueError):
        pass
    return text
