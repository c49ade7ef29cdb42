"""Compiles `x-kubernetes-validations`: the rules that a schema states in the Common Expression Language.

A rule that cannot be compiled here refuses nothing: what upstream lets in must go in. It becomes a sentence
that is told when the definition is applied. The form of rules is checked in `shape`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from hearthgate.resources.structural.cel.compiler import Expression
from hearthgate.resources.structural.cel.syntax import CelSyntaxError

REASONS: Final = ("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate")
_VARIABLES: Final = ("self", "oldSelf")
_FIELD: Final = re.compile(r"\.([a-zA-Z_][a-zA-Z0-9_-]*)|\['([^']+)'\]|\[\"([^\"]+)\"\]")


class Rule(NamedTuple):
    """text: as written; title: its message, else its text; detail: what a mistake says. steps: where a mistake is,
    below the place that the rule stands at. transition: whether it compares with the object before; with
    optional_old it also runs when there is none, and `oldSelf` is an optional."""

    expression: Expression
    text: str
    title: str
    detail: str
    message: Expression | None
    reason: str
    steps: tuple[str, ...]
    transition: bool
    optional_old: bool


class Compiler:
    """Collects what cannot be checked while a schema is built."""

    def __init__(self) -> None:
        self.unchecked: list[str] = []

    def rules(self, path: str, schema: Mapping[str, Any]) -> tuple[Rule, ...]:
        """The rules of the schema at `path`, without those that cannot be compiled."""
        return tuple(self._compiled(path, schema.get("x-kubernetes-validations") or ()))

    def _compiled(self, path: str, sources: Iterable[Mapping[str, Any]]) -> Iterable[Rule]:
        for number, source in enumerate(sources, 1):
            text, said = source["rule"].strip(), (source.get("message") or "").strip()
            try:
                expression = Expression(text, _VARIABLES)
            except CelSyntaxError as error:
                self.unchecked.append(f"rule {number} of {path or 'the object'} cannot be checked here: {error}")
                continue
            yield Rule(
                expression=expression,
                text=text,
                title=said or text,
                detail=said or f"failed rule: {text}",
                message=self._message(number, path, source.get("messageExpression")),
                reason=source.get("reason") or REASONS[0],
                steps=field_steps(source.get("fieldPath") or "") or (),
                transition="oldSelf" in expression.names,
                optional_old=source.get("optionalOldSelf") is True,
            )

    def _message(self, number: int, path: str, text: str | None) -> Expression | None:
        if not text:
            return None
        try:
            return Expression(text.strip(), _VARIABLES)
        except CelSyntaxError as error:
            place = path or "the object"
            self.unchecked.append(f"the message of rule {number} of {place} cannot be made here: {error}")
            return None


def field_steps(text: str) -> tuple[str, ...] | None:
    """The names in a fieldPath such as `.spec.ports` or `['a.b']`; None when it cannot be read."""
    steps: list[str] = []
    at = 0
    while at < len(text):
        found = _FIELD.match(text, at)
        if found is None:
            return None
        steps.append(found[1] or found[2] or found[3])
        at = found.end()
    return tuple(steps)
