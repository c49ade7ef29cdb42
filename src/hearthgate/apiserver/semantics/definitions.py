"""Admission of custom resource definitions: checked, established and marked in the same write.

Upstream does the last two a moment later by controllers; clients that wait for the condition cannot tell.
"""

from typing import Any, Final

from hearthgate.apiserver.errors import Cause, invalid
from hearthgate.resources.kinds import Kind
from hearthgate.resources.structural.definitions import Definition, accepted_status, read_definition

Object = dict[str, Any]

DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"
"""The finalizer that keeps a definition until its objects have gone."""


def establish(kind: Kind, obj: Object, old: Object | None, now: str) -> tuple[str, ...]:
    """Completes `obj` in place; gives warnings about what it asks for and does not get here. Raises ApiError 422.

    A definition that is ending stays as it is: it must be able to go even if it could not come today.
    """
    if old is not None:
        _check_immutable(kind, obj, old)
    if "deletionTimestamp" in obj["metadata"]:
        return ()
    read = read_definition(obj)
    if not isinstance(read, Definition):
        causes = [Cause(mistake.path, mistake.message, mistake.type) for mistake in read]
        raise invalid(kind, obj["metadata"]["name"], causes)
    before = (old or {}).get("status") or {}
    _check_stored_versions(kind, obj, before.get("storedVersions") or ())
    obj["status"] = accepted_status({**obj, "status": before}, now)
    finalizers = obj["metadata"].get("finalizers") or []
    if CLEANUP not in finalizers:
        obj["metadata"]["finalizers"] = [*finalizers, CLEANUP]
    return read.warnings


def _check_immutable(kind: Kind, obj: Object, old: Object) -> None:
    """Objects are stored by their scope and kind: after a change nobody could reach them. The rest of the identity
    is in the name of the definition."""
    new_spec, old_spec = obj.get("spec") or {}, old["spec"]
    changes = {
        "spec.scope": (new_spec.get("scope"), old_spec["scope"]),
        "spec.names.kind": ((new_spec.get("names") or {}).get("kind"), old_spec["names"]["kind"]),
    }
    causes = [
        Cause(path, f'Invalid value: "{new}": field is immutable', "FieldValueInvalid")
        for path, (new, before) in changes.items()
        if new != before
    ]
    if causes:
        raise invalid(kind, obj["metadata"]["name"], causes)


def _check_stored_versions(kind: Kind, obj: Object, stored: Any) -> None:
    served = {version["name"] for version in obj["spec"]["versions"]}
    causes = [
        Cause(
            f"status.storedVersions[{index}]",
            f'Invalid value: "{version}": missing from spec.versions; objects may still be stored in it',
        )
        for index, version in enumerate(stored)
        if version not in served
    ]
    if causes:
        raise invalid(kind, obj["metadata"]["name"], causes)
