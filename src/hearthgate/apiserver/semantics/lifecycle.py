"""From the old object and the asked one to the new one: what clients may change and what the API keeps.

metadata, generation and the status subresource follow upstream (apimachinery `rest.BeforeCreate` and
`BeforeUpdate`). Conditions on the outside, such as the namespace, are not known here.
"""

from typing import Any, Final

from hearthgate.apiserver.errors import Cause, bad_request, conflict, invalid
from hearthgate.apiserver.semantics.deletion import Propagation, finalizers_after
from hearthgate.apiserver.semantics.nesting import DEPTH_LIMIT, nests_deeper
from hearthgate.model.problems import shorten
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import BY_API_VERSION

Object = dict[str, Any]

NAMESPACE: Final = BY_API_VERSION["v1", "Namespace"]
NAMESPACES: Final = NAMESPACE.resource
NAMESPACE_FINALIZER: Final = "kubernetes"
"""In the spec of every namespace: it stays until what is in it has gone."""
_SERVER_OWNED: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
_ABSENT_WHEN_EMPTY: Final = frozenset({"labels", "annotations", "finalizers", "ownerReferences"})
"""Upstream stores metadata as a type that leaves these out."""
_WITHOUT_GENERATION: Final = frozenset(
    {"events", "secrets", "configmaps", "endpoints", "namespaces", "nodes", "services"}
)


def envelope(kind: Kind, obj: Any, namespace: str, name: str = "") -> Object:
    """`obj` as an object of `kind` at that place, its metadata a mapping. Raises ApiError 400 otherwise."""
    if not isinstance(obj, dict):
        raise bad_request("the body is not an object")
    if "kind" not in obj and "apiVersion" not in obj:
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    if (obj.get("apiVersion"), obj.get("kind")) != (kind.api_version, kind.kind):
        said = f"{obj.get('apiVersion')} {obj.get('kind')}"
        raise bad_request(f"the body is a {said}, but the address takes a {kind.api_version} {kind.kind}")
    for key, value in obj.items():
        # Not in metadata: managedFields go deeper than what they tell about.
        if key != "metadata" and isinstance(value, (dict, list)) and nests_deeper(value, DEPTH_LIMIT):
            raise bad_request(f"{shorten(key)} is nested too deeply: at most {DEPTH_LIMIT} levels")
    metadata = obj.get("metadata")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        raise invalid(kind, name, [Cause("metadata", "Invalid value: must be a mapping")])
    metadata = {
        key: value
        for key, value in metadata.items()
        if value is not None and key != "selfLink" and not (key in _ABSENT_WHEN_EMPTY and value in ({}, []))
    }
    if (metadata.get("namespace") or namespace) != namespace:
        said = f"{metadata['namespace']!r} does not match {namespace!r}"
        raise bad_request(f"the namespace of the object and of the request differ: {said}")
    if namespace:
        metadata["namespace"] = namespace
    if name and metadata.setdefault("name", name) != name:
        said = f"{metadata['name']!r} does not match {name!r}"
        raise bad_request(f"the name of the object and of the request differ: {said}")
    return {**obj, "metadata": metadata}


def created(kind: Kind, obj: Object, *, now: str, uid: str) -> Object:
    """A new object with the metadata that the server gives."""
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in _SERVER_OWNED and key != "resourceVersion"
    }
    metadata["uid"] = uid
    metadata["creationTimestamp"] = now
    if kind.resource not in _WITHOUT_GENERATION:
        metadata["generation"] = 1
    new = {**obj, "metadata": metadata}
    if kind.resource == NAMESPACES:
        held = _spec_finalizers(obj) or []
        if isinstance(held, list) and NAMESPACE_FINALIZER not in held:
            _set_finalizers(new, [*held, NAMESPACE_FINALIZER])
    if kind.status:
        new.pop("status", None)
    return new


def updated(kind: Kind, old: Object, new: Object, *, status: bool) -> Object:
    """`new` as it may replace `old`; equal to `old` when nothing that counts differs.

    status: the write came through the status subresource. Raises ApiError 409 when `new` was made from
    another version or is another object.
    """
    _check_identity(kind, old, new)
    if status:
        merged = {**old, "status": new.get("status")}
        if merged["status"] is None:
            del merged["status"]
        if "managedFields" in new["metadata"]:
            merged["metadata"] = {**old["metadata"], "managedFields": new["metadata"]["managedFields"]}
        return merged
    metadata = dict(new["metadata"])
    for key in (*_SERVER_OWNED, "resourceVersion", "generateName"):
        metadata.pop(key, None)
        if key in old["metadata"]:
            metadata[key] = old["metadata"][key]
    if "managedFields" not in metadata and "managedFields" in old["metadata"]:
        metadata["managedFields"] = old["metadata"]["managedFields"]
    merged = {**new, "metadata": metadata}
    if kind.resource == NAMESPACES:
        _set_finalizers(merged, _spec_finalizers(old))
    if kind.status:
        merged.pop("status", None)
        if "status" in old:
            merged["status"] = old["status"]
    _check_finalizers(kind, old, merged)
    if "generation" in metadata and _substance(kind, old) != _substance(kind, merged):
        metadata["generation"] += 1
    return merged


def finalized(old: Object, asked: Object) -> Object:
    """`old` with the finalizers of the spec that are asked for: the `finalize` subresource of a namespace.

    Raises ApiError 409 when `asked` was made from another version or is another object.
    """
    _check_identity(NAMESPACE, old, asked)
    new = {**old}
    _set_finalizers(new, _spec_finalizers(asked) or [])
    return new


def _spec_finalizers(namespace: Object) -> Any:
    spec = namespace.get("spec")
    return spec.get("finalizers") if isinstance(spec, dict) else None


def _set_finalizers(namespace: Object, finalizers: Any) -> None:
    """Those of the spec, which only the subresource may change."""
    spec = namespace.get("spec")
    spec = {key: value for key, value in spec.items() if key != "finalizers"} if isinstance(spec, dict) else {}
    namespace["spec"] = {**spec, **({} if finalizers is None else {"finalizers": finalizers})}


def deleted(kind: Kind, old: Object, propagation: Propagation | None, *, now: str) -> Object:
    """`old` after a delete, waiting for its finalizers; `old` itself when it waits for the same ones already."""
    finalizers = finalizers_after(old["metadata"].get("finalizers") or (), propagation)
    metadata = {key: value for key, value in old["metadata"].items() if key != "finalizers"}
    if finalizers:
        metadata["finalizers"] = finalizers
    if "deletionTimestamp" in metadata:
        return {**old, "metadata": metadata}
    metadata |= {"deletionTimestamp": now, "deletionGracePeriodSeconds": 0}
    if "generation" in metadata:
        metadata["generation"] += 1
    new = {**old, "metadata": metadata}
    if kind.resource == NAMESPACES:
        new["status"] = {**old.get("status", {}), "phase": "Terminating"}
    return new


def is_released(kind: Kind, obj: Object) -> bool:
    """Whether it was deleted and the last finalizer has gone."""
    metadata = obj["metadata"]
    if kind.resource == NAMESPACES and _spec_finalizers(obj):
        return False
    return "deletionTimestamp" in metadata and not metadata.get("finalizers")


def _substance(kind: Kind, obj: Object) -> Object:
    outside = ("metadata", "status") if kind.status else ("metadata",)
    return {key: value for key, value in obj.items() if key not in outside}


def _check_identity(kind: Kind, old: Object, new: Object) -> None:
    name = old["metadata"]["name"]
    wanted = new["metadata"].get("uid")
    if wanted and wanted != old["metadata"]["uid"]:
        held = old["metadata"]["uid"]
        raise conflict(
            kind, name, f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {held}"
        )
    version = new["metadata"].get("resourceVersion")
    if version and version != old["metadata"]["resourceVersion"]:
        why = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(kind, name, why)


def _check_finalizers(kind: Kind, old: Object, new: Object) -> None:
    if "deletionTimestamp" not in old["metadata"]:
        return
    added = set(new["metadata"].get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
    if added:
        message = f"Forbidden: no new finalizers can be added if the object is being deleted: {sorted(added)}"
        cause = Cause("metadata.finalizers", message, "FieldValueForbidden")
        raise invalid(kind, old["metadata"]["name"], [cause])
