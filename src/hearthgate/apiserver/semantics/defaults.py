"""What upstream fills into built-in objects when they are written, and what it reads as left out."""

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources import builtin
from hearthgate.resources.kinds import Kind

Object = dict[str, Any]

_AFFINITY_SECONDS: Final = 10_800


def _namespace(obj: Object) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def _service(obj: Object) -> None:
    """Neither a cluster address nor node ports are given out: nothing here would carry their traffic."""
    spec = obj.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    if spec.setdefault("sessionAffinity", "None") == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config = spec["sessionAffinityConfig"] = dict(spec.get("sessionAffinityConfig") or {})
        config["clientIP"] = {"timeoutSeconds": _AFFINITY_SECONDS, **(config.get("clientIP") or {})}
    _with_protocol(spec.get("ports"))
    for port in spec.get("ports") or ():
        if port.get("targetPort", 0) in (0, "") and "port" in port:
            port["targetPort"] = port["port"]
    if (cluster := spec.get("clusterIP")) and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [cluster]
    if kind in {"LoadBalancer", "NodePort"} or (kind == "ClusterIP" and spec.get("externalIPs")):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def _secret(obj: Object) -> None:
    plain = obj.pop("stringData", None) or {}
    if plain:
        data = obj["data"] = dict(obj.get("data") or {})
        data.update((key, base64.b64encode(text.encode()).decode()) for key, text in plain.items())
    obj.setdefault("type", "Opaque")
    _without_breaks(obj, "data")


def _config_map(obj: Object) -> None:
    _without_breaks(obj, "binaryData")


def _without_breaks(obj: Object, field: str) -> None:
    """Base64 may come in lines; upstream gives it back in one."""
    for key, text in (obj.get(field) or {}).items():
        if "\n" in text or "\r" in text:
            obj[field] = {**obj[field], key: text.replace("\r", "").replace("\n", "")}


def _endpoints(obj: Object) -> None:
    for subset in obj.get("subsets") or ():
        _with_protocol(subset.get("ports"))


def _endpoint_slice(obj: Object) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
    _with_protocol(obj.get("ports"))


def _network_policy(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    for direction in ("ingress", "egress"):
        for rule in spec.get(direction) or ():
            _with_protocol(rule.get("ports"))
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _ingress_class(obj: Object) -> None:
    if parameters := obj.get("spec", {}).get("parameters"):
        parameters.setdefault("scope", "Cluster")


def _pod(obj: Object) -> None:
    """Those that readers rely on; the defaults of the parts of a container are left to whoever runs it."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("enableServiceLinks", True)
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            container.setdefault("terminationMessagePath", "/dev/termination-log")
            container.setdefault("terminationMessagePolicy", "File")
            container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
            _with_protocol(container.get("ports"))
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def _pull_policy(image: str) -> str:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if "@" not in image and tag in {"", "latest"} else "IfNotPresent"


def _with_protocol(ports: Any) -> None:
    for port in ports or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"


_BY_RESOURCE: Final[Mapping[str, Callable[[Object], None]]] = MappingProxyType(
    {
        "namespaces": _namespace,
        "services": _service,
        "secrets": _secret,
        "configmaps": _config_map,
        "endpoints": _endpoints,
        "endpointslices.discovery.k8s.io": _endpoint_slice,
        "networkpolicies.networking.k8s.io": _network_policy,
        "ingressclasses.networking.k8s.io": _ingress_class,
        "pods": _pod,
    }
)


def fill(resource: str, obj: Object) -> None:
    """Changes `obj`, whose types are right, in place."""
    if default := _BY_RESOURCE.get(resource):
        default(obj)


def without_nulls(kind: Kind, obj: Object) -> Object:
    """`obj` without its nulls where upstream reads null as left out: built-in kinds, and all metadata."""
    if builtin.is_builtin(kind.api_version, kind.kind):
        result: Object = _drop(obj)
        return result
    return {**obj, "metadata": _drop(obj["metadata"])}


def _drop(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop(item) for key, item in value.items() if item is not None}
    return [_drop(item) for item in value] if isinstance(value, list) else value
