"""How a delete is asked for, and what becomes of dependents: propagation policies and their finalizers. Pure.

The rules are upstream's (apiserver registry `deletionFinalizersForGarbageCollection`, ValidateDeleteOptions).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from hearthgate.apiserver.errors import ApiError, Cause, bad_request

ORPHAN: Final = "orphan"
"""The finalizer of an object whose dependents shall lose it as their owner, before it goes."""
FOREGROUND: Final = "foregroundDeletion"
"""The finalizer of an object that goes after its dependents."""
_POLICY: Final = "propagationPolicy"
_KINDS: Final = frozenset({"", "DeleteOptions"})


class Propagation(StrEnum):
    """What becomes of the dependents of an object that is deleted."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


class Deletion(NamedTuple):
    """What a delete insists on (empty: on nothing), and its policy. None leaves that to the finalizers."""

    uid: str = ""
    resource_version: str = ""
    propagation: Propagation | None = None


ANYHOW: Final = Deletion()


def finalizers_after(finalizers: Iterable[str], propagation: Propagation | None) -> list[str]:
    """The finalizers of an object that is deleted by this policy. An explicit policy replaces an earlier one."""
    held = list(finalizers)
    if propagation is None:
        return held
    kept = [finalizer for finalizer in held if finalizer not in {ORPHAN, FOREGROUND}]
    match propagation:
        case Propagation.ORPHAN:
            wanted = [*kept, ORPHAN]
        case Propagation.FOREGROUND:
            wanted = [*kept, FOREGROUND]
        case _:
            wanted = kept
    return held if set(wanted) == set(held) else wanted


def propagation_of(finalizers: Iterable[str]) -> Propagation:
    """The policy that an object's own finalizers ask for, when it is collected."""
    held = set(finalizers)
    if ORPHAN in held:
        return Propagation.ORPHAN
    return Propagation.FOREGROUND if FOREGROUND in held else Propagation.BACKGROUND


def read_delete_options(given: Any, query: Mapping[str, str]) -> tuple[Deletion, tuple[str, ...]]:
    """The deletion that is asked for, and its dryRun values. The query counts where the body says nothing.

    Raises ApiError 400 for wrong types, 422 for values that the API does not have.
    """
    if not isinstance(given, Mapping) or str(given.get("kind") or "") not in _KINDS:
        raise bad_request("the body of a delete is a DeleteOptions object")
    preconditions = _typed(given, "preconditions", dict, "an object") or {}
    for name in ("uid", "resourceVersion"):
        _typed(preconditions, name, str, "a string")
    dry_run = _typed(given, "dryRun", list, "a list of strings") or []
    if any(not isinstance(value, str) for value in dry_run):
        raise bad_request("dryRun: must be a list of strings")
    # Accepted, as nothing here needs time to end; a wrong one is a mistake all the same.
    _typed(given, "gracePeriodSeconds", int, "a number")
    _number(query.get("gracePeriodSeconds", ""))
    policy = _typed(given, _POLICY, str, "a string") or query.get(_POLICY, "")
    orphan = _typed(given, "orphanDependents", bool, "true or false")
    if orphan is None and query.get("orphanDependents"):
        orphan = query["orphanDependents"].lower() not in {"false", "0"}
    deletion = Deletion(
        preconditions.get("uid") or "", preconditions.get("resourceVersion") or "", _propagation(policy, orphan)
    )
    return deletion, (*dry_run, *filter(None, [query.get("dryRun", "")]))


def _propagation(policy: str, orphan: bool | None) -> Propagation | None:
    if policy and orphan is not None:
        message = f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set'
        raise _invalid(Cause(_POLICY, message))
    if policy and policy not in set(Propagation):
        known = ", ".join(f'"{value}"' for value in ("Foreground", "Background", "Orphan", "nil"))
        message = f'Unsupported value: "{policy[:40]}": supported values: {known}'
        raise _invalid(Cause(_POLICY, message, "FieldValueNotSupported"))
    if policy:
        return Propagation(policy)
    if orphan is None:
        return None
    return Propagation.ORPHAN if orphan else Propagation.BACKGROUND


def _typed(given: Mapping[str, Any], name: str, wanted: type, words: str) -> Any:
    """The value under `name`, None when there is none."""
    value = given.get(name)
    if value is not None and (not isinstance(value, wanted) or (wanted is int and isinstance(value, bool))):
        raise bad_request(f"{name}: must be {words}")
    return value


def _number(text: str) -> None:
    if text and not text.removeprefix("-").isdigit():
        raise bad_request("gracePeriodSeconds: must be a number")


def _invalid(cause: Cause) -> ApiError:
    message = f'DeleteOptions.meta.k8s.io "" is invalid: {cause.field}: {cause.message}'
    return ApiError(422, "Invalid", message, [cause])
