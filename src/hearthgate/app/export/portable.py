"""What of an object another cluster can take, and which objects it makes itself. Pure.

A cluster gives identity, times, versions and status; whoever makes an object here from another one will make it
there again.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from hearthgate.apiserver.foldersync.marks import MANAGER, OWNER_LABEL, SOURCE_ANNOTATION
from hearthgate.backends.desired import MANAGERS
from hearthgate.resources.discovery import MANAGED_BY_LABEL

Object = dict[str, Any]

_OWN_DOMAIN: Final = "hearthgate.dev"
_NAME_LABEL: Final = "kubernetes.io/metadata.name"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_TRIGGER_TIME: Final = "endpoints.kubernetes.io/last-change-trigger-time"
_DELETION_FINALIZERS: Final = frozenset({"foregroundDeletion", "orphan"})
_SLICE_MAKERS: Final = MANAGERS | {"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}
_MADE_NAMESPACES: Final = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})

_MADE: Final = frozenset(
    {
        ("", "Event"),
        ("", "Node"),
        ("", "Pod"),
        ("acme.cert-manager.io", "Challenge"),
        ("acme.cert-manager.io", "Order"),
        ("cert-manager.io", "CertificateRequest"),
        ("coordination.k8s.io", "Lease"),
        ("events.k8s.io", "Event"),
        ("metallb.io", "ConfigurationState"),
        ("metallb.io", "ServiceBGPStatus"),
        ("metallb.io", "ServiceL2Status"),
    }
)
"""A request or an order that is brought over would be worked on again, and so issue a certificate anew."""


def is_made_kind(group: str, kind: str) -> bool:
    """Whether no object of the kind is ever brought over."""
    return (group, kind) in _MADE


def is_made(obj: Object, services: Mapping[tuple[str, str], Object]) -> bool:
    """Whether a cluster makes this object itself, or it is about to end. `services`: by namespace and name."""
    group, kind = group_of(obj), obj["kind"]
    metadata = obj["metadata"]
    name, namespace = str(metadata["name"]), str(metadata.get("namespace", ""))
    if is_made_kind(group, kind) or "deletionTimestamp" in metadata:
        return True
    match group, kind:
        case "", "Namespace":
            return name in _MADE_NAMESPACES
        case "", "Service":
            return (namespace, name) == ("default", "kubernetes")
        case "", "ConfigMap":
            return name == "kube-root-ca.crt"
        case "", "ServiceAccount":
            return name == "default"
        case "", "Secret":
            return obj.get("type") == "kubernetes.io/service-account-token"
        case "", "Endpoints":
            service = services.get((namespace, name))
            has_selector = service is not None and bool((service.get("spec") or {}).get("selector"))
            is_kept_by_cluster = _TRIGGER_TIME in (metadata.get("annotations") or {})
            return has_selector or is_kept_by_cluster or (namespace, name) == ("default", "kubernetes")
        case "discovery.k8s.io", "EndpointSlice":
            return (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) in _SLICE_MAKERS
        case _:
            return False


def portable(obj: Object) -> Object:
    """`obj` without what a cluster gives, and without our own marks; its keys in one order, whoever wrote it."""
    content = {key: obj[key] for key in sorted(obj) if key not in {"apiVersion", "kind", "metadata", "status"}}
    change = _BY_KIND.get((group_of(obj), obj["kind"]), dict)
    head = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": _metadata(obj)}
    rest: Object = _sorted(change(content))
    return head | rest


def group_of(obj: Object) -> str:
    group, slash, _version = str(obj["apiVersion"]).partition("/")
    return group if slash else ""


def _metadata(obj: Object) -> Object:
    held = obj["metadata"]
    labels = {
        key: value
        for key, value in (held.get("labels") or {}).items()
        if (key, value) != (OWNER_LABEL, MANAGER) and not (key == _NAME_LABEL and obj["kind"] == "Namespace")
    }
    annotations = {
        key: value
        for key, value in (held.get("annotations") or {}).items()
        if key not in {SOURCE_ANNOTATION, _LAST_APPLIED, _TRIGGER_TIME}
    }
    finalizers = [
        item
        for item in held.get("finalizers") or ()
        if item not in _DELETION_FINALIZERS and not item.partition("/")[0].endswith(_OWN_DOMAIN)
    ]
    metadata = {key: held[key] for key in ("name", "namespace") if held.get(key)}
    kept = {"labels": labels, "annotations": annotations, "finalizers": finalizers}
    return metadata | {key: _sorted(value) for key, value in kept.items() if value}


def _namespace(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    spec["finalizers"] = [item for item in spec.get("finalizers") or () if item != "kubernetes"]
    return _with_spec(obj, {key: value for key, value in spec.items() if value})


def _service(obj: Object) -> Object:
    """Addresses and ports that the cluster gave are its own; a headless Service asks for none."""
    spec = dict(obj.get("spec") or {})
    spec.pop("healthCheckNodePort", None)
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    return _with_spec(obj, spec)


def _service_account(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key != "secrets"}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _with_spec(obj: Object, spec: Object) -> Object:
    rest = {key: value for key, value in obj.items() if key != "spec"}
    return {**rest, "spec": spec} if spec else rest


_BY_KIND: Final[Mapping[tuple[str, str], Callable[[Object], Object]]] = MappingProxyType(
    {("", "Namespace"): _namespace, ("", "Service"): _service, ("", "ServiceAccount"): _service_account}
)


_RANKS: Final = MappingProxyType(
    {
        ("", "Namespace"): 0,
        ("apiextensions.k8s.io", "CustomResourceDefinition"): 1,
        ("", "Secret"): 2,
        ("", "ConfigMap"): 2,
        ("", "Service"): 3,
    }
)


def order(obj: Object) -> tuple[int, str, str, str, str]:
    """What others need comes first."""
    group, kind, metadata = group_of(obj), obj["kind"], obj["metadata"]
    return _RANKS.get((group, kind), 4), group, kind, metadata.get("namespace", ""), metadata["name"]
