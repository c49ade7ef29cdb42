"""networking.k8s.io/v1 Ingress, IngressClass and NetworkPolicy."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hearthgate.apiserver.errors import Cause
from hearthgate.apiserver.semantics.validation import faults

Object = Mapping[str, Any]

_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
_PATH_TYPES: Final = frozenset({"Exact", "ImplementationSpecific", "Prefix"})
_BAD_IN_PATH: Final = ("//", "/./", "/../", "%2f", "%2F")
_BAD_AT_END: Final = ("/..", "/.")
_LONGEST_CONTROLLER: Final = 250


def check_ingress(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        yield faults.invalid("spec", "", "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        yield from _backend("spec.defaultBackend", spec["defaultBackend"])
    for field, rule in faults.numbered("spec.rules", spec.get("rules")):
        yield from _rule(field, rule)
    for field, tls in faults.numbered("spec.tls", spec.get("tls")):
        for below, host in faults.numbered(f"{field}.hosts", tls.get("hosts")):
            yield from faults.host(below, host)
        if tls.get("secretName"):
            yield from faults.subdomain(f"{field}.secretName", tls["secretName"])
    if spec.get("ingressClassName") is not None:
        yield from faults.subdomain("spec.ingressClassName", spec["ingressClassName"])
        named = (obj.get("metadata", {}).get("annotations") or {}).get(_CLASS_ANNOTATION)
        if old is None and named is not None:
            why = "can not be set when the class field is also set"
            yield faults.invalid(f"metadata.annotations[{_CLASS_ANNOTATION}]", named, why)


def _rule(field: str, rule: Object) -> Iterator[Cause]:
    if host := rule.get("host"):
        if faults.is_address(host):
            yield faults.invalid(f"{field}.host", host, "must be a DNS name, not an IP address")
        else:
            yield from faults.host(f"{field}.host", host)
    if rule.get("http") is None:
        return
    if not rule["http"].get("paths"):
        yield faults.required(f"{field}.http.paths")
    for below, path in faults.numbered(f"{field}.http.paths", rule["http"].get("paths")):
        yield from _path(below, path)
        yield from _backend(f"{below}.backend", path.get("backend") or {})


def _path(field: str, found: Object) -> Iterator[Cause]:
    path, kind = found.get("path", ""), found.get("pathType")
    if kind is None:
        yield faults.required(f"{field}.pathType", "pathType must be specified")
        return
    yield from faults.one_of(f"{field}.pathType", kind, _PATH_TYPES)
    if kind == "ImplementationSpecific" and not path:
        return
    if not path.startswith("/"):
        yield faults.invalid(f"{field}.path", path, "must be an absolute path")
    elif kind != "ImplementationSpecific":
        for bad in _BAD_IN_PATH:
            if bad in path:
                yield faults.invalid(f"{field}.path", path, f"must not contain '{bad}'")
        for bad in _BAD_AT_END:
            if path.endswith(bad):
                yield faults.invalid(f"{field}.path", path, f"cannot end with '{bad}'")


def _backend(field: str, backend: Object) -> Iterator[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield faults.invalid(field, "", "cannot set both resource and service backends")
    elif resource is not None:
        for name in ("kind", "name"):
            if not resource.get(name):
                yield faults.required(f"{field}.resource.{name}")
    elif service is None:
        yield faults.invalid(field, "", "resource or service backend is required")
    else:
        if not service.get("name"):
            yield faults.required(f"{field}.service.name")
        else:
            yield from faults.label(f"{field}.service.name", service["name"])
        port = service.get("port") or {}
        if port.get("name") and port.get("number"):
            yield faults.invalid(field, "", "cannot set both port name & port number")
        elif port.get("name"):
            yield from faults.port(f"{field}.service.port.name", port["name"])
        elif port.get("number"):
            yield from faults.port_number(f"{field}.service.port.number", port["number"])
        else:
            yield faults.required(field, "port name or number is required")


def check_class(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    controller = spec.get("controller", "")
    if not controller:
        yield faults.required("spec.controller")
    elif len(controller) > _LONGEST_CONTROLLER:
        yield faults.too_long("spec.controller", _LONGEST_CONTROLLER)
    else:
        domain, slash, path = controller.partition("/")
        if not slash or not path or any(faults.subdomain("", domain)):
            why = 'must be a domain-prefixed path (such as "acme.io/foo")'
            yield faults.invalid("spec.controller", controller, why)
    if old is not None and (old.get("spec") or {}).get("controller", "") != controller:
        yield faults.invalid("spec.controller", controller, "field is immutable")
    parameters = spec.get("parameters")
    if parameters is None:
        return
    for name in ("kind", "name"):
        if not parameters.get(name):
            yield faults.required(f"spec.parameters.{name}")
    scope = parameters.get("scope")
    yield from faults.one_of("spec.parameters.scope", scope, ("Cluster", "Namespace"))
    if scope == "Namespace" and not parameters.get("namespace"):
        why = "`parameters.scope` is set to 'Namespace'"
        yield faults.required("spec.parameters.namespace", why)
    if scope == "Cluster" and parameters.get("namespace"):
        yield faults.forbidden("spec.parameters.namespace", "`parameters.scope` is set to 'Cluster'")


def check_policy(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    yield from faults.selector("spec.podSelector", spec.get("podSelector") or {})
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for field, rule in faults.numbered(f"spec.{direction}", spec.get(direction)):
            for below, port in faults.numbered(f"{field}.ports", rule.get("ports")):
                yield from _policy_port(below, port)
            for below, peer in faults.numbered(f"{field}.{peers}", rule.get(peers)):
                yield from _peer(below, peer)
    types = spec.get("policyTypes") or ()
    if len(types) > 2:
        yield faults.invalid("spec.policyTypes", list(types), "may not specify more than two policyTypes")
    for field, one in faults.numbered("spec.policyTypes", types):
        yield from faults.one_of(field, one, ("Egress", "Ingress"))


def _policy_port(field: str, found: Object) -> Iterator[Cause]:
    if found.get("protocol") is not None:
        yield from faults.one_of(f"{field}.protocol", found["protocol"], faults.PROTOCOLS)
    port, end = found.get("port"), found.get("endPort")
    if port is not None:
        yield from faults.port(f"{field}.port", port)
    if end is None:
        return
    if port is None:
        yield faults.invalid(f"{field}.endPort", end, "may not be specified when `port` is not specified")
    elif isinstance(port, str):
        yield faults.invalid(f"{field}.endPort", end, "may not be specified when `port` is non-numeric")
    else:
        if end < port:
            yield faults.invalid(f"{field}.endPort", end, "must be greater than or equal to `port`")
        yield from faults.port_number(f"{field}.endPort", end)


def _peer(field: str, peer: Object) -> Iterator[Cause]:
    selectors = [name for name in ("podSelector", "namespaceSelector") if peer.get(name) is not None]
    for name in selectors:
        yield from faults.selector(f"{field}.{name}", peer[name])
    block = peer.get("ipBlock")
    if block is None:
        if not selectors:
            yield faults.required(field, "must specify a peer")
        return
    if selectors:
        yield faults.forbidden(field, "may not specify both ipBlock and another peer")
    if not block.get("cidr"):
        yield faults.required(f"{field}.ipBlock.cidr")
        return
    yield from faults.network(f"{field}.ipBlock.cidr", block["cidr"])
    whole = faults.read_network(block["cidr"])
    for below, text in faults.numbered(f"{field}.ipBlock.except", block.get("except")):
        part = faults.read_network(text)
        if part is None:
            yield from faults.network(below, text)
        elif whole is not None and not _is_strictly_inside(part, whole):
            yield faults.invalid(below, text, "must be a strict subset of `cidr`")


def _is_strictly_inside(part: Any, whole: Any) -> bool:
    return part.version == whole.version and part != whole and bool(part.subnet_of(whole))
