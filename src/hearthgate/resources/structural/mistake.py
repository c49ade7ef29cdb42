"""One mistake in an object or a schema, worded as the Kubernetes API words it, and where it is.

Clients match this wording: `Required value`, `Unsupported value: "x": supported values: "a", "b"`,
`Invalid value: 5: spec.n in body should be ...`. A value is shown as Go shows it: strings quoted, the rest JSON.
"""

import json
import math
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

Where = tuple["Where | None", str] | None
"""A path as a chain: (where the parent is, the step as text). None is the root."""


class Mistake(NamedTuple):
    """`type` is upstream's cause reason, such as FieldValueRequired; `message` is its text without the path."""

    path: str
    type: str
    message: str


WHOLE: Final = "<nil>"
"""The path of a mistake of the whole object, as Go prints a path that is not there."""
_SHOWN: Final = 1024


def path_of(where: Where) -> str:
    """`spec.ports[0].name`: a step that starts with a bracket follows without a dot."""
    steps: list[str] = []
    while where is not None:
        where, step = where
        steps.append(step)
    text = ""
    for step in reversed(steps):
        text += step if not text or step.startswith("[") else f".{step}"
    return text


def shown(value: Any) -> str:
    """A value as an error shows it, cut off when it is very long."""
    if value is None:
        return '"null"'  # Go's errors show it as if it were a string
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except ValueError:  # an integer of thousands of digits
        return "<unprintable>"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def required(path: str, detail: str = "") -> Mistake:
    return Mistake(path, "FieldValueRequired", f"Required value: {detail}" if detail else "Required value")


def forbidden(path: str, detail: str) -> Mistake:
    return Mistake(path, "FieldValueForbidden", f"Forbidden: {detail}")


def invalid(path: str, value: Any, detail: str) -> Mistake:
    return Mistake(path, "FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}")


def type_invalid(path: str, value: Any, detail: str) -> Mistake:
    return Mistake(path, "FieldValueTypeInvalid", f"Invalid value: {shown(value)}: {detail}")


def not_supported(path: str, value: Any, supported: Iterable[Any]) -> Mistake:
    values = ", ".join(shown(known if isinstance(known, str) else shown(known)) for known in supported)
    return Mistake(
        path, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {values}"
    )


def duplicate(path: str, value: Any) -> Mistake:
    return Mistake(path, "FieldValueDuplicate", f"Duplicate value: {shown(value)}")


def too_long(path: str, most: int) -> Mistake:
    return Mistake(path, "FieldValueTooLong", f"Too long: may not be more than {most} bytes")


def too_many(path: str, count: int, most: int) -> Mistake:
    items = "item" if most == 1 else "items"
    return Mistake(path, "FieldValueTooMany", f"Too many: {count}: must have at most {most} {items}")


def within(prefix: str, found: Iterable[Mistake]) -> list[Mistake]:
    """The same mistakes below `prefix`."""
    return [mistake._replace(path=f"{prefix}.{mistake.path}" if mistake.path else prefix) for mistake in found]
