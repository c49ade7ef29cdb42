"""Fields that cannot change once set. Deployment tools look for the words "field is immutable"."""

from collections.abc import Mapping
from typing import Any

from hearthgate.apiserver.errors import Cause
from hearthgate.resources.kinds import Kind

Object = Mapping[str, Any]


def frozen_causes(kind: Kind, old: Object, new: Object) -> list[Cause]:
    """One for each field of `new` that differs from `old` and may not."""
    causes: list[Cause] = []
    if kind.resource in {"secrets", "configmaps"} and old.get("immutable"):
        why = "Forbidden: field is immutable when `immutable` is set"
        causes += [
            Cause(field, why, "FieldValueForbidden")
            for field in ("immutable", "data", "binaryData")
            if old.get(field) != new.get(field)
        ]
    always = {"secrets": "type", "endpointslices.discovery.k8s.io": "addressType"}.get(kind.resource)
    if always is not None and old.get(always) != new.get(always):
        causes.append(Cause(always, "Invalid value: field is immutable", "FieldValueInvalid"))
    return causes
