"""What a Service that is written again keeps or loses of what it was, though the writer did not say so.

Upstream's rules (service registry `patchAllocatedValues`, `dropTypeDependentFields`): whoever changes the type
need not remove what the type before made possible.
"""

from typing import Any, Final

Object = dict[str, Any]

_BALANCED_ONLY: Final = ("loadBalancerClass", "allocateLoadBalancerNodePorts")


def carry_over(resource: str, old: Object, new: Object) -> None:
    """Changes `new`, whose types are right and which has no defaults yet, in place."""
    if resource != "services":
        return
    before, spec = old.get("spec") or {}, new.setdefault("spec", {})
    was, becomes = before.get("type", "ClusterIP"), spec.get("type", "ClusterIP")
    if "ExternalName" not in {was, becomes}:
        if before.get("clusterIP") and not spec.get("clusterIP"):
            spec.update((field, before[field]) for field in ("clusterIP", "clusterIPs") if field in before)
    elif becomes == "ExternalName":
        _drop_same(spec, before, "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
    if becomes != "LoadBalancer":
        _drop_same(spec, before, *_BALANCED_ONLY)
        if (new.get("status") or {}).get("loadBalancer"):
            new["status"] = {**new["status"], "loadBalancer": {}}
    if becomes != "LoadBalancer" or spec.get("externalTrafficPolicy") != "Local":
        _drop_same(spec, before, "healthCheckNodePort")
    if becomes not in {"LoadBalancer", "NodePort"}:
        if not spec.get("externalIPs"):
            _drop_same(spec, before, "externalTrafficPolicy")
        if was in {"LoadBalancer", "NodePort"} and _node_ports(before) == _node_ports(spec):
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)


def _drop_same(spec: Object, before: Object, *fields: str) -> None:
    for field in fields:
        if field in spec and spec[field] == before.get(field):
            del spec[field]


def _node_ports(spec: Object) -> list[int]:
    return [port.get("nodePort", 0) for port in spec.get("ports") or ()]
