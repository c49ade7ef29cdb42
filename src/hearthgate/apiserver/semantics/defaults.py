"""What upstream fills into built-in objects when they are written, and what it reads as left out."""

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.core import LenientResource
from hearthgate.resources.kinds import Kind

Object = dict[str, Any]


def _namespace(obj: Object) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    external = spec["type"] == "ExternalName"
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if not external:
            port.setdefault("targetPort", port["port"])
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def _secret(obj: Object) -> None:
    plain = obj.pop("stringData", None) or {}
    if plain:
        data = obj["data"] = dict(obj.get("data") or {})
        data.update((key, base64.b64encode(text.encode()).decode()) for key, text in plain.items())
    obj.setdefault("type", "Opaque")


def _endpoints(obj: Object) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _endpoint_slice(obj: Object) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


_BY_RESOURCE: Final[Mapping[str, Callable[[Object], None]]] = MappingProxyType(
    {
        "namespaces": _namespace,
        "services": _service,
        "secrets": _secret,
        "endpoints": _endpoints,
        "endpointslices.discovery.k8s.io": _endpoint_slice,
    }
)


def fill(resource: str, obj: Object) -> None:
    """Changes `obj`, whose types are right, in place."""
    if default := _BY_RESOURCE.get(resource):
        default(obj)


def without_nulls(kind: Kind, obj: Object) -> Object:
    """`obj` without its nulls where upstream reads null as left out: built-in kinds, and all metadata."""
    if kind.resource_type is not None and issubclass(kind.resource_type, LenientResource):
        result: Object = _drop(obj)
        return result
    return {**obj, "metadata": _drop(obj["metadata"])}


def _drop(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop(item) for key, item in value.items() if item is not None}
    return [_drop(item) for item in value] if isinstance(value, list) else value
