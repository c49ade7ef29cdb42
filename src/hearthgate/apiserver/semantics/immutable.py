"""Fields that cannot change once set. Deployment tools look for the words "field is immutable"."""

from typing import Any

from hearthgate.apiserver.errors import Cause, invalid
from hearthgate.resources.kinds import Kind

Object = dict[str, Any]


def check_immutable(kind: Kind, old: Object, new: Object) -> None:
    """Raises ApiError 422."""
    frozen: list[str] = []
    if kind.resource == "secrets":
        frozen.append("type")
    if kind.resource in {"secrets", "configmaps"} and old.get("immutable"):
        frozen += ["immutable", "data", "binaryData"]
    if kind.resource == "endpointslices.discovery.k8s.io":
        frozen.append("addressType")
    causes = [
        Cause(field, "Invalid value: field is immutable", "FieldValueInvalid")
        for field in frozen
        if old.get(field) != new.get(field)
    ]
    if causes:
        raise invalid(kind, old["metadata"]["name"], causes)
