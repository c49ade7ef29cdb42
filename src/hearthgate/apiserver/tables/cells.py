"""Cells of built-in kinds that no JSONPath can say: counts, ports, addresses, as upstream prints them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from hearthgate.apiserver.tables import pods
from hearthgate.apiserver.tables.ages import age_of
from hearthgate.resources.versions import EVENTS

Object = dict[str, Any]
Cell = Callable[[Object, datetime], Any]

_NONE: Final = "<none>"
_SHOWN: Final = 3
_ROLE: Final = "node-role.kubernetes.io/"


def _count(*fields: str) -> Cell:
    return lambda obj, now: sum(len(obj.get(field) or ()) for field in fields)


def _service_addresses(obj: Object, now: datetime) -> str:
    spec = obj.get("spec", {})
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName") or _NONE)
    ingress = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    given = [str(point.get("ip") or point.get("hostname")) for point in ingress]
    addresses = [*(given if spec.get("type") == "LoadBalancer" else ()), *(spec.get("externalIPs") or ())]
    if not addresses:
        return "<pending>" if spec.get("type") == "LoadBalancer" else _NONE
    return ",".join(addresses)


def _service_ports(obj: Object, now: datetime) -> str:
    ports = [
        f"{port['port']}:{port['nodePort']}/{port['protocol']}"
        if port.get("nodePort")
        else f"{port['port']}/{port['protocol']}"
        for port in obj.get("spec", {}).get("ports") or ()
    ]
    return ",".join(ports) or _NONE


def _selector(obj: Object, now: datetime) -> str:
    return _pairs(obj.get("spec", {}).get("selector"))


def _pairs(labels: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or _NONE


def _or_none(*path: str) -> Cell:
    def cell(obj: Object, now: datetime) -> str:
        value: Any = obj
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return str(value) if value not in {None, ""} else _NONE

    return cell


def _short(items: list[str]) -> str:
    if not items:
        return _NONE
    more = f" + {len(items) - _SHOWN} more..." if len(items) > _SHOWN else ""
    return ",".join(items[:_SHOWN]) + more


def _endpoints(obj: Object, now: datetime) -> str:
    found = []
    for subset in obj.get("subsets") or ():
        for address in subset.get("addresses") or ():
            ports = subset.get("ports") or ()
            host = f"[{address['ip']}]" if ":" in address["ip"] else address["ip"]
            found += [f"{host}:{port['port']}" for port in ports] or [address["ip"]]
    return _short(found)


def _slice_ports(obj: Object, now: datetime) -> str:
    ports = [str(port.get("port") or port.get("name") or "*") for port in obj.get("ports") or ()]
    return _short(ports) if ports else "<unset>"


def _slice_endpoints(obj: Object, now: datetime) -> str:
    addresses = [address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    return _short(addresses) if addresses else "<unset>"


def _node_status(obj: Object, now: datetime) -> str:
    conditions = obj.get("status", {}).get("conditions") or ()
    ready = next((condition.get("status") for condition in conditions if condition.get("type") == "Ready"), None)
    said = ["Ready" if ready == "True" else "Unknown" if ready is None else "NotReady"]
    if obj.get("spec", {}).get("unschedulable"):
        said.append("SchedulingDisabled")
    return ",".join(said)


def _node_roles(obj: Object, now: datetime) -> str:
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))) or _NONE


def _event_object(obj: Object, now: datetime) -> str:
    involved = obj.get("involvedObject") or {}
    kind, name = str(involved.get("kind", "")).lower(), involved.get("name")
    return f"{kind}/{name}" if name else kind


def _event_first(obj: Object, now: datetime) -> str:
    return age_of(obj.get("firstTimestamp") or obj.get("eventTime"), now)


def _event_last(obj: Object, now: datetime) -> str:
    """What is said again and again has a series, and then the series tells."""
    if series := obj.get("series"):
        return age_of(series.get("lastObservedTime"), now)
    last = obj.get("lastTimestamp")
    return age_of(last, now) if last else _event_first(obj, now)


def _event_count(obj: Object, now: datetime) -> int:
    """Events of the newer kind have no count before they are said again."""
    if series := obj.get("series"):
        return int(series.get("count") or 0)
    return int(obj.get("count") or 1)


def _event_source(obj: Object, now: datetime) -> str:
    source = obj.get("source") or {}
    parts = [
        source.get("component") or obj.get("reportingComponent"),
        source.get("host") or obj.get("reportingInstance"),
    ]
    return ", ".join(part for part in parts if part)


def _as_core(cell: Cell) -> Cell:
    """The same cell for an Event as events.k8s.io writes it."""
    return lambda obj, now: cell(EVENTS.to_storage(obj), now)


def _class_parameters(obj: Object, now: datetime) -> str:
    parameters = obj.get("spec", {}).get("parameters") or {}
    if not parameters:
        return _NONE
    kind = ".".join(part for part in (parameters.get("kind"), parameters.get("apiGroup")) if part)
    return f"{kind}/{parameters.get('name', '')}"


_EVENT: Final = MappingProxyType(
    {
        "LAST SEEN": _event_last,
        "FIRST SEEN": _event_first,
        "COUNT": _event_count,
        "OBJECT": _event_object,
        "SOURCE": _event_source,
    }
)


def _ingress_hosts(obj: Object, now: datetime) -> str:
    rules = obj.get("spec", {}).get("rules") or ()
    hosts = [str(rule["host"]) for rule in rules if rule.get("host")]
    more = f" + {len(rules) - _SHOWN} more..." if len(hosts) > _SHOWN else ""
    return ",".join(hosts[:_SHOWN]) + more if hosts else "*"


def _ingress_addresses(obj: Object, now: datetime) -> str:
    points = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return ",".join(sorted({str(point.get("ip") or point.get("hostname")) for point in points}))


def _ingress_ports(obj: Object, now: datetime) -> str:
    return "80, 443" if obj.get("spec", {}).get("tls") else "80"


def _pod_selector(obj: Object, now: datetime) -> str:
    """As selectors are written on a command line."""
    selector = obj.get("spec", {}).get("podSelector") or {}
    terms = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or ():
        key, values = term.get("key", ""), f"({','.join(sorted(term.get('values') or ()))})"
        said = {"Exists": key, "DoesNotExist": f"!{key}", "In": f"{key} in {values}"}
        terms.append((key, said.get(term.get("operator"), f"{key} notin {values}")))
    return ",".join(text for _, text in sorted(terms)) or _NONE


def _flag(field: str, *, unset: bool) -> Cell:
    """A switch of the spec; `unset` is what leaving it out means."""
    return lambda obj, now: obj.get("spec", {}).get(field, unset)


def _node_address(kind: str) -> Cell:
    def cell(obj: Object, now: datetime) -> str:
        addresses = obj.get("status", {}).get("addresses") or ()
        return next((str(one["address"]) for one in addresses if one.get("type") == kind), _NONE)

    return cell


def _node_info(field: str) -> Cell:
    return lambda obj, now: obj.get("status", {}).get("nodeInfo", {}).get(field) or "<unknown>"


CELLS: Final[Mapping[tuple[str, str], Cell]] = MappingProxyType(
    {
        ("services", "CLUSTER-IP"): _or_none("spec", "clusterIP"),
        ("services", "EXTERNAL-IP"): _service_addresses,
        ("services", "PORT(S)"): _service_ports,
        ("services", "SELECTOR"): _selector,
        ("serviceaccounts", "SECRETS"): _count("secrets"),
        ("secrets", "DATA"): _count("data"),
        ("configmaps", "DATA"): _count("data", "binaryData"),
        ("endpoints", "ENDPOINTS"): _endpoints,
        ("endpointslices.discovery.k8s.io", "PORTS"): _slice_ports,
        ("endpointslices.discovery.k8s.io", "ENDPOINTS"): _slice_endpoints,
        ("nodes", "STATUS"): _node_status,
        ("nodes", "ROLES"): _node_roles,
        ("nodes", "INTERNAL-IP"): _node_address("InternalIP"),
        ("nodes", "EXTERNAL-IP"): _node_address("ExternalIP"),
        ("nodes", "OS-IMAGE"): _node_info("osImage"),
        ("nodes", "KERNEL-VERSION"): _node_info("kernelVersion"),
        ("nodes", "CONTAINER-RUNTIME"): _node_info("containerRuntimeVersion"),
        ("pods", "READY"): pods.ready,
        ("pods", "STATUS"): pods.status,
        ("pods", "RESTARTS"): pods.restarts,
        ("pods", "IP"): _or_none("status", "podIP"),
        ("pods", "NODE"): _or_none("spec", "nodeName"),
        ("pods", "NOMINATED NODE"): _or_none("status", "nominatedNodeName"),
        ("pods", "READINESS GATES"): pods.readiness_gates,
        **{("events", column): cell for column, cell in _EVENT.items()},
        **{("events.events.k8s.io", column): _as_core(cell) for column, cell in _EVENT.items()},
        ("ingressclasses.networking.k8s.io", "PARAMETERS"): _class_parameters,
        ("leases.coordination.k8s.io", "HOLDER"): lambda obj, now: obj.get("spec", {}).get("holderIdentity") or "",
        ("ipaddresspools.metallb.io", "AUTO ASSIGN"): _flag("autoAssign", unset=True),
        ("ipaddresspools.metallb.io", "AVOID BUGGY IPS"): _flag("avoidBuggyIPs", unset=False),
        ("ingresses.networking.k8s.io", "CLASS"): _or_none("spec", "ingressClassName"),
        ("ingresses.networking.k8s.io", "HOSTS"): _ingress_hosts,
        ("ingresses.networking.k8s.io", "ADDRESS"): _ingress_addresses,
        ("ingresses.networking.k8s.io", "PORTS"): _ingress_ports,
        ("networkpolicies.networking.k8s.io", "POD-SELECTOR"): _pod_selector,
    }
)
"""By resource and column name; every other cell comes from the column's JSONPath."""
