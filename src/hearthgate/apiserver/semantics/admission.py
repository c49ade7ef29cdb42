"""Whether an object may be stored: types and values by `resources.decode`, names by `names`.

A field that Hearthgate does not support is no reason to refuse: the object is upstream's, its controller
reports what it cannot do. Such problems become warnings of the answer.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from hearthgate.apiserver.errors import Cause, invalid, not_strict
from hearthgate.apiserver.semantics.names import metadata_causes
from hearthgate.model.problems import Problem, Reason
from hearthgate.resources import builtin
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.kinds import Kind

Object = dict[str, Any]

_WARN_ONLY: Final = frozenset({Reason.UNSUPPORTED, Reason.DEPRECATED})
_SECRET_FIELDS: Final = frozenset({"data", "stringData"})
_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class FieldValidation(StrEnum):
    """What becomes of fields that the kind does not have: refuse, prune and warn, or prune."""

    STRICT = "Strict"
    WARN = "Warn"
    IGNORE = "Ignore"


def admit(kind: Kind, obj: Object, validation: FieldValidation) -> tuple[str, ...]:
    """Prunes unknown fields of `obj` in place and gives the warnings. Raises ApiError, every cause at once."""
    found = decode_mapping(obj).problems
    unknown = [problem for problem in found if problem.reason is Reason.UNKNOWN_FIELD]
    warnings = [str_of(problem) for problem in found if problem.reason in _WARN_ONLY]
    causes = [
        _blanked(kind, _cause(problem))
        for problem in found
        if problem.reason is not Reason.UNKNOWN_FIELD and problem.reason not in _WARN_ONLY
    ]
    named = {cause.field for cause in causes}
    # Kinds of which a part is read leave the rest unchecked; the rules of the API rely on these two.
    causes += [
        Cause(part, "Invalid value: must be a mapping")
        for part in ("spec", "status")
        if part not in named and not isinstance(obj.get(part, {}), dict)
    ]
    if not causes:
        causes = list(metadata_causes(kind, obj["metadata"]))
    if causes:
        if validation is FieldValidation.STRICT:
            causes += [_cause(problem) for problem in unknown]
        raise invalid(kind, str(obj["metadata"].get("name", "")), causes)
    if unknown:
        warnings = [*_refuse_or_prune(kind, obj, unknown, validation), *warnings]
        # What hid behind the unknown fields: the decoder judges support only on a clean object.
        warnings += [str_of(p) for p in decode_mapping(obj).problems if p.reason in _WARN_ONLY]
    if kind.remark:
        warnings.append(kind.remark)
    return tuple(warnings)


def str_of(problem: Problem) -> str:
    return f"{problem.field}: {problem.message}" if problem.field else problem.message


def _refuse_or_prune(
    kind: Kind, obj: Object, unknown: Sequence[Problem], validation: FieldValidation
) -> list[str]:
    said = [f'unknown field "{problem.field}"{_hint(problem)}' for problem in unknown]
    if validation is FieldValidation.STRICT:
        raise not_strict(kind, said)
    if builtin.is_builtin(kind.api_version, kind.kind):
        for mistake in builtin.mistakes(kind.api_version, kind.kind, obj):
            if mistake.reason is Reason.UNKNOWN_FIELD:
                del mistake.holder[mistake.key]
    else:
        for problem in unknown:
            _prune(obj, problem.field)
    return [] if validation is FieldValidation.IGNORE else said


def _hint(problem: Problem) -> str:
    return f" ({hint}" if (hint := problem.message.partition(" (")[2]) else ""


def _prune(obj: Object, path: str) -> None:
    """Removes the field at a path such as `spec.routes[0].mach`; a field name may hold dots at its end."""
    value: Any = obj
    rest = path
    while True:
        if isinstance(value, dict) and rest in value:
            del value[rest]
            return
        step = _STEP.match(rest)
        if step is None:
            return
        value = value[int(step[1])] if step[1] else value.get(step[2])
        rest = rest[step.end() :].removeprefix(".")
        if not isinstance(value, dict | list):
            return


def _blanked(kind: Kind, cause: Cause) -> Cause:
    """A message quotes the wrong value: what stands where secrets belong is left out."""
    if kind.resource == "secrets" and cause.field in _SECRET_FIELDS:
        return cause._replace(message="Invalid value: must be a mapping of names to strings")
    return cause


def _cause(problem: Problem) -> Cause:
    match problem.reason:
        case Reason.MISSING_FIELD:
            return Cause(problem.field, f"Required value: {problem.message}", "FieldValueRequired")
        case Reason.UNKNOWN_FIELD:
            return Cause(problem.field, problem.message, "FieldValueForbidden")
        case _:
            return Cause(problem.field, f"Invalid value: {problem.message}", "FieldValueInvalid")
