"""core/v1 Service."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hearthgate.apiserver.errors import Cause
from hearthgate.apiserver.semantics.validation import faults

Object = Mapping[str, Any]

_TYPES: Final = frozenset({"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"})
_BALANCED_ONLY: Final = ("loadBalancerClass", "loadBalancerSourceRanges", "allocateLoadBalancerNodePorts")
_LONGEST_AFFINITY: Final = 86_400


def check(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    kind = spec.get("type", "")
    yield from faults.one_of("spec.type", kind, _TYPES)
    if not spec.get("ports") and spec.get("clusterIP") != "None" and kind != "ExternalName":
        yield faults.required("spec.ports")
    yield from faults.labels("spec.selector", spec.get("selector") or {})
    yield from _ports(spec, kind)
    yield from _addresses(spec, kind)
    yield from _affinity(spec)
    yield from _policies(spec, kind)
    yield from _by_type(spec, kind)
    if old is not None:
        yield from _changes(spec, old.get("spec") or {})


def _ports(spec: Object, kind: str) -> Iterator[Cause]:
    ports = spec.get("ports") or ()
    names: set[str] = set()
    numbers: set[tuple[int, str]] = set()
    node_ports: set[tuple[int, str]] = set()
    for field, port in faults.numbered("spec.ports", ports):
        name, protocol = port.get("name", ""), port.get("protocol", "")
        if name:
            yield from faults.label(f"{field}.name", name)
            if name in names:
                yield faults.duplicate(f"{field}.name", name)
            names.add(name)
        elif len(ports) > 1:
            yield faults.required(f"{field}.name")
        yield from faults.port_number(f"{field}.port", port.get("port", 0))
        yield from faults.protocol(f"{field}.protocol", protocol)
        yield from faults.port(f"{field}.targetPort", port.get("targetPort", port.get("port", 0)))
        if port.get("appProtocol"):
            yield from faults.qualified(f"{field}.appProtocol", port["appProtocol"])
        number = (port.get("port", 0), protocol)
        if number in numbers:
            yield faults.duplicate(field, f"{number[0]}/{protocol}")
        numbers.add(number)
        if node_port := port.get("nodePort"):
            if kind in {"ClusterIP", "ExternalName"}:
                yield faults.forbidden(f"{field}.nodePort", f"may not be used when `type` is '{kind}'")
            yield from faults.port_number(f"{field}.nodePort", node_port)
            if (node_port, protocol) in node_ports:
                yield faults.duplicate(f"{field}.nodePort", node_port)
            node_ports.add((node_port, protocol))


def _addresses(spec: Object, kind: str) -> Iterator[Cause]:
    cluster = spec.get("clusterIP", "")
    all_cluster = spec.get("clusterIPs") or []
    if cluster == "None" and kind in {"LoadBalancer", "NodePort"}:
        why = f"may not be set to 'None' for {kind} services"
        yield faults.invalid("spec.clusterIPs[0]", cluster, why)
    if cluster not in {"", "None"}:
        yield from faults.address("spec.clusterIP", cluster)
    if all_cluster and all_cluster[0] != cluster:
        why = "first value must match `clusterIP`"
        yield faults.invalid("spec.clusterIPs", all_cluster, why)
    for field, value in faults.numbered("spec.externalIPs", spec.get("externalIPs")):
        yield from faults.address(field, value)
    for field, value in faults.numbered("spec.loadBalancerSourceRanges", spec.get("loadBalancerSourceRanges")):
        yield from faults.network(field, value.strip())
    for field, value in faults.numbered("spec.ipFamilies", spec.get("ipFamilies")):
        yield from faults.one_of(field, value, ("IPv4", "IPv6"))


def _affinity(spec: Object) -> Iterator[Cause]:
    affinity, config = spec.get("sessionAffinity", ""), spec.get("sessionAffinityConfig")
    yield from faults.one_of("spec.sessionAffinity", affinity, ("ClientIP", "None"))
    if affinity == "None" and config:
        why = "must not be set when session affinity is None"
        yield faults.forbidden("spec.sessionAffinityConfig", why)
    seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
    if affinity == "ClientIP" and seconds is not None and not 0 < seconds <= _LONGEST_AFFINITY:
        field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
        yield faults.invalid(field, seconds, f"must be greater than 0 and less than {_LONGEST_AFFINITY}")


def _policies(spec: Object, kind: str) -> Iterator[Cause]:
    both = ("Cluster", "Local")
    if external := spec.get("externalTrafficPolicy"):
        if kind not in {"LoadBalancer", "NodePort"} and not spec.get("externalIPs"):
            why = "may only be set for externally-accessible services"
            yield faults.invalid("spec.externalTrafficPolicy", external, why)
        yield from faults.one_of("spec.externalTrafficPolicy", external, both)
    if internal := spec.get("internalTrafficPolicy"):
        yield from faults.one_of("spec.internalTrafficPolicy", internal, both)
    if family := spec.get("ipFamilyPolicy"):
        policies = ("PreferDualStack", "RequireDualStack", "SingleStack")
        yield from faults.one_of("spec.ipFamilyPolicy", family, policies)
    if check_port := spec.get("healthCheckNodePort"):
        if kind != "LoadBalancer" or spec.get("externalTrafficPolicy") != "Local":
            why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            yield faults.invalid("spec.healthCheckNodePort", check_port, why)
        yield from faults.port_number("spec.healthCheckNodePort", check_port)


def _by_type(spec: Object, kind: str) -> Iterator[Cause]:
    if kind != "LoadBalancer":
        for name in _BALANCED_ONLY:
            if spec.get(name) not in (None, []):
                yield faults.forbidden(f"spec.{name}", "may only be used when `type` is 'LoadBalancer'")
    if kind == "ExternalName":
        if spec.get("clusterIP"):
            yield faults.forbidden("spec.clusterIP", "may not be set when `type` is 'ExternalName'")
        if name := spec.get("externalName", "").removesuffix("."):
            yield from faults.subdomain("spec.externalName", name.lower())
        else:
            yield faults.required("spec.externalName")


def _changes(spec: Object, old: Object) -> Iterator[Cause]:
    both = {spec.get("type"), old.get("type")}
    if "ExternalName" not in both and old.get("clusterIP") and spec.get("clusterIP") != old["clusterIP"]:
        yield faults.invalid("spec.clusterIP", spec.get("clusterIP", ""), "field is immutable")
    if both == {"LoadBalancer"} and old.get("loadBalancerClass") != spec.get("loadBalancerClass"):
        yield faults.invalid("spec.loadBalancerClass", spec.get("loadBalancerClass"), "may not change once set")
