"""What a namespace that is ending says of its contents, in upstream's conditions. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

Condition = dict[str, Any]

_DETAIL_LIMIT: Final = 1024


class Remains(NamedTuple):
    """What is left in a namespace: objects by resource, objects by finalizer, and what went wrong."""

    resources: Mapping[str, int] = {}
    finalizers: Mapping[str, int] = {}
    failures: Sequence[str] = ()


def ending_conditions(before: Sequence[Condition], remains: Remains, now: str) -> list[Condition]:
    """The conditions of the status. Those of others stay; a time changes only with its status."""
    held = {condition.get("type"): condition for condition in before}
    said = [_timed(condition, held.get(condition["type"]), now) for condition in _conditions(remains)]
    names = {condition["type"] for condition in said}
    return [*(condition for condition in before if condition.get("type") not in names), *said]


def _conditions(remains: Remains) -> list[Condition]:
    failures = "; ".join(remains.failures)[:_DETAIL_LIMIT]
    resources = ", ".join(
        f"{resource if '.' in resource else f'{resource}.'} has {count} resource instances"
        for resource, count in sorted(remains.resources.items())
    )
    finalizers = ", ".join(
        f"{finalizer} in {count} resource instances" for finalizer, count in sorted(remains.finalizers.items())
    )
    return [
        _calm("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "every kind is known"),
        _calm("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "every version is known"),
        _alarm("NamespaceDeletionContentFailure", "ContentDeletionFailed", f"not deleted: {failures}")
        if failures
        else _calm("NamespaceDeletionContentFailure", "ContentDeleted", "all is deleted or waits for finalizers"),
        _alarm("NamespaceContentRemaining", "SomeResourcesRemain", f"some resources are remaining: {resources}")
        if resources
        else _calm("NamespaceContentRemaining", "ContentRemoved", "nothing is remaining"),
        _alarm(
            "NamespaceFinalizersRemaining", "SomeFinalizersRemain", f"finalizers hold what is left: {finalizers}"
        )
        if finalizers
        else _calm("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "no finalizer holds anything"),
    ]


def _alarm(name: str, reason: str, message: str) -> Condition:
    return {"type": name, "status": "True", "reason": reason, "message": message}


def _calm(name: str, reason: str, message: str) -> Condition:
    return {"type": name, "status": "False", "reason": reason, "message": message}


def _timed(condition: Condition, before: Condition | None, now: str) -> Condition:
    same = before is not None and before.get("status") == condition["status"]
    time = (before or {}).get("lastTransitionTime") if same else None
    return {**condition, "lastTransitionTime": time or now}
