"""Conditions as meta.k8s.io/v1 has them. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from hearthgate.resources.meta import Condition


def rfc3339(moment: datetime) -> str:
    """The form of metav1.Time: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def merge_conditions(old: Iterable[Condition], new: Iterable[Condition], now: datetime) -> tuple[Condition, ...]:
    """`old` with the types in `new` replaced, the others left as they are, new types at the end in the order of
    their names. `lastTransitionTime` moves to `now` only when the status of a type changes. Merging the same
    `new` again gives an equal result."""
    wanted = {condition.type: condition for condition in new}
    merged: list[Condition] = []
    for known in old:
        condition = wanted.pop(known.type, None)
        merged.append(known if condition is None else _moved(known, condition, now))
    stamp = rfc3339(now)
    merged += (msgspec.structs.replace(wanted[name], last_transition_time=stamp) for name in sorted(wanted))
    return tuple(merged)


def _moved(known: Condition, condition: Condition, now: datetime) -> Condition:
    same = known.status == condition.status and known.last_transition_time
    return msgspec.structs.replace(
        condition, last_transition_time=known.last_transition_time if same else rfc3339(now)
    )
