"""Conditions in the statuses of this domain's objects, as patches. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from hearthgate.cluster.conditions import merge_conditions
from hearthgate.resources.meta import Condition, Resource


def conditions_patch(resource: Resource, now: datetime, *wanted: Condition) -> Mapping[str, Any]:
    """What to merge into the status so that it says these conditions; nothing when it does. Conditions of other
    types stay as they are."""
    known: tuple[Condition, ...] = resource.status.conditions if resource.status is not None else ()
    generation = resource.metadata.generation
    stamped = (msgspec.structs.replace(condition, observed_generation=generation) for condition in wanted)
    merged = merge_conditions(known, stamped, now)
    return {} if merged == known else {"conditions": [msgspec.to_builtins(condition) for condition in merged]}
