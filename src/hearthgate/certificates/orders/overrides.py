"""How annotations of an Order (copied from the Certificate, and there by the shim) change its HTTP-01 solver.

Our proxy answers on every entrypoint whatever the solver says; the Challenge says it all the same, as upstream's
does, for whoever reads it. Pure.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from hearthgate.resources.certmanager.solvers import HTTP01, IngressSolver, ParentReference, Solver

PREFIX: Final = "acme.cert-manager.io/http01-"
_NAME: Final = f"{PREFIX}override-ingress-name"
_CLASS: Final = f"{PREFIX}ingress-class"
_CLASS_NAME: Final = f"{PREFIX}ingress-ingressclassname"
_PARENT_KIND: Final = f"{PREFIX}parentrefkind"
_PARENT_NAME: Final = f"{PREFIX}parentrefname"
_PARENT_NAMESPACE: Final = f"{PREFIX}parentrefnamespace"


def overridden(solver: Solver, annotations: Mapping[str, str], namespace: str) -> Solver | str:
    """The solver to write into the Challenge, or what is wrong with the annotations."""
    http01 = solver.http01
    if http01 is None:
        return solver
    changed = (
        _ingress(http01.ingress, annotations)
        if http01.ingress is not None
        else _gateway(http01, annotations, namespace)
    )
    if isinstance(changed, str):
        return changed
    if isinstance(changed, IngressSolver):
        changed = msgspec.structs.replace(http01, ingress=changed)
    return msgspec.structs.replace(solver, http01=changed)


def _ingress(ingress: IngressSolver, annotations: Mapping[str, str]) -> IngressSolver | str:
    given = [name for name in (_NAME, _CLASS, _CLASS_NAME) if annotations.get(name)]
    if len(given) > 1:
        return f"only one of the annotations {', '.join(given)} can hold: remove the others from the Certificate"
    if not given:
        return ingress
    value = annotations[given[0]]
    return msgspec.structs.replace(
        ingress,
        name=value if given[0] == _NAME else "",
        class_=value if given[0] == _CLASS else None,
        ingress_class_name=value if given[0] == _CLASS_NAME else None,
    )


def _gateway(http01: HTTP01, annotations: Mapping[str, str], namespace: str) -> HTTP01 | str:
    gateway = http01.gateway_http_route
    if gateway is None:
        return http01
    kind, name = annotations.get(_PARENT_KIND, ""), annotations.get(_PARENT_NAME, "")
    if bool(kind) != bool(name):
        return f"the annotations {_PARENT_KIND} and {_PARENT_NAME} go together: set both, or none"
    parents = gateway.parent_refs
    if name:
        where = annotations.get(_PARENT_NAMESPACE) or namespace
        parent = ParentReference(name=name, kind=kind, namespace=where)
        others = (
            known for known in parents if (known.name, known.kind, known.namespace or namespace) != _id(parent)
        )
        parents = (*others, parent)
    if not parents:
        return "the solver names no parentRefs, and no annotation does: name the Gateway in the issuer"
    return msgspec.structs.replace(
        http01, gateway_http_route=msgspec.structs.replace(gateway, parent_refs=parents)
    )


def _id(parent: ParentReference) -> tuple[str, str, str | None]:
    return (parent.name, parent.kind, parent.namespace)
