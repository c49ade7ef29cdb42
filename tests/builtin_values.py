"""Judges values of built-in kinds as the API would, defaults filled in."""

import copy
from typing import Any

from hearthgate.apiserver.semantics.carryover import carry_over
from hearthgate.apiserver.semantics.defaults import fill
from hearthgate.apiserver.semantics.validation import value_causes
from hearthgate.resources.kinds import Kind

Object = dict[str, Any]

GROUPS = {
    "Ingress": ("networking.k8s.io", "ingresses"),
    "IngressClass": ("networking.k8s.io", "ingressclasses"),
    "NetworkPolicy": ("networking.k8s.io", "networkpolicies"),
    "EndpointSlice": ("discovery.k8s.io", "endpointslices"),
    "Endpoints": ("", "endpoints"),
    "Lease": ("coordination.k8s.io", "leases"),
}


def kind_of(name: str) -> Kind:
    group, plural = GROUPS.get(name, ("", f"{name.lower()}s"))
    return Kind(group, "v1", name, plural)


def judged(name: str, obj: Object, old: Object | None = None) -> list[tuple[str, str]]:
    """(field, message) of every cause, after defaults."""
    kind = kind_of(name)
    filled = copy.deepcopy({"metadata": {"name": "a"}, **obj})
    before = None if old is None else copy.deepcopy({"metadata": {"name": "a"}, **old})
    if before is not None:
        fill(kind.resource, before)
        carry_over(kind.resource, before, filled)
    fill(kind.resource, filled)
    return [(cause.field, cause.message) for cause in value_causes(kind, filled, before)]


def service(*ports: Object, **spec: Any) -> Object:
    return {"spec": {"ports": list(ports or ({"port": 80},)), **spec}}


def ingress(path: Object, **rule: Any) -> Object:
    return {"spec": {"rules": [{"http": {"paths": [path]}, **rule}]}}
