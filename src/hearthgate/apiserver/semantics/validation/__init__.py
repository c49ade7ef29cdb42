"""Which values the built-in kinds may have, and which may change: upstream's rules and words. Pure.

Types and unknown fields are checked before, and defaults are filled in.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from hearthgate.apiserver.errors import Cause, invalid
from hearthgate.apiserver.semantics.immutable import frozen_causes
from hearthgate.apiserver.semantics.validation import certmanager, data, endpoints, networking, services, workloads
from hearthgate.resources.kinds import Kind

Object = Mapping[str, Any]
Check = Callable[[Object, Object | None], Iterator[Cause]]

_BY_RESOURCE: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "services": services.check,
        "endpoints": endpoints.check_endpoints,
        "endpointslices.discovery.k8s.io": endpoints.check_slice,
        "secrets": data.check_secret,
        "configmaps": data.check_config_map,
        "pods": workloads.check_pod,
        "leases.coordination.k8s.io": workloads.check_lease,
        "ingresses.networking.k8s.io": networking.check_ingress,
        "ingressclasses.networking.k8s.io": networking.check_class,
        "networkpolicies.networking.k8s.io": networking.check_policy,
        **certmanager.CHECKS,
    }
)
_OUTSIDE: Final = ("metadata", "status")


def check_values(kind: Kind, obj: Object, old: Object | None) -> None:
    """Raises ApiError 422 with every value that the kind does not allow, or not in place of `old`."""
    causes = value_causes(kind, obj, old)
    if causes:
        raise invalid(kind, obj["metadata"].get("name", ""), causes)


def value_causes(kind: Kind, obj: Object, old: Object | None) -> list[Cause]:
    """The same as a list.

    An object that was stored under other rules may still change its metadata and its status, or it could never
    be given up.
    """
    causes = [] if old is None else list(certmanager.check_annotations(kind.resource, obj, old))
    if old is not None and _substance(old) == _substance(obj):
        return causes
    check = _BY_RESOURCE.get(kind.resource)
    if check is not None:
        causes.extend(check(obj, old))
    return causes if old is None else [*causes, *frozen_causes(kind, old, obj)]


def check_status(kind: Kind, obj: Object, old: Object) -> None:
    """Raises ApiError 422 when the status may not become that."""
    if causes := list(certmanager.check_status(kind.resource, obj, old)):
        raise invalid(kind, obj["metadata"].get("name", ""), causes)


def _substance(obj: Object) -> dict[str, Any]:
    return {key: value for key, value in obj.items() if key not in _OUTSIDE}
