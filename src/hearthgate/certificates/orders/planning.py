"""Which Challenges an Order needs: one for each authorization that is not valid yet. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.proofs import dns_value, key_authorization
from hearthgate.certificates.copied import copied_labels
from hearthgate.certificates.orders.names import derived_name
from hearthgate.certificates.orders.overrides import overridden
from hearthgate.certificates.orders.selection import Chosen, select, why_none
from hearthgate.certificates.orders.states import FAILED, is_decided, progress_of, status_of
from hearthgate.resources.certmanager import Challenge, Order
from hearthgate.resources.certmanager.orders import Authorization
from hearthgate.resources.certmanager.solvers import Solver
from hearthgate.resources.registry import BY_TYPE

_WORDS = {"dns-01": "DNS-01", "http-01": "HTTP-01", "tls-alpn-01": "TLS-ALPN-01"}


class Plan(NamedTuple):
    """create: whole Challenges. surplus: those that are no longer needed. stuck: why some authorizations cannot be
    proved. settled: whether the CA has decided on all, or on one against us: the order is to be read."""

    create: tuple[Mapping[str, Any], ...]
    surplus: tuple[Challenge, ...]
    stuck: tuple[str, ...]
    settled: bool


def plan(order: Order, solvers: Sequence[Solver], key: AccountKey, present: Sequence[Challenge]) -> Plan:
    """present: the Challenges of the order. A decided one stands for its authorization whatever its solver."""
    by_name = {challenge.metadata.name: challenge for challenge in present}
    decided = {one.spec.authorization_url: one for one in present if is_decided(one)}
    create: list[Mapping[str, Any]] = []
    stuck: list[str] = []
    kept: set[str] = set()
    open_ = 0
    for authorization in status_of(order).authorizations:
        if authorization.initial_state != "pending":
            continue
        known = decided.get(authorization.url)
        if known is not None:
            kept.add(known.metadata.name)
            continue
        open_ += 1
        wanted = _wanted(order, authorization, solvers, key)
        if isinstance(wanted, str):
            stuck.append(wanted)
            continue
        name = wanted["metadata"]["name"]
        kept.add(name)
        if name not in by_name:
            create.append(wanted)
    failed = any(progress_of(challenge).state in FAILED for challenge in decided.values())
    surplus = tuple(challenge for name, challenge in by_name.items() if name not in kept)
    return Plan(tuple(create), surplus, tuple(stuck), settled=failed or not open_)


def _wanted(
    order: Order, authorization: Authorization, solvers: Sequence[Solver], key: AccountKey
) -> Mapping[str, Any] | str:
    chosen = select(solvers, authorization, order.metadata.labels)
    if chosen is None:
        return why_none(solvers, authorization)
    solver = overridden(chosen.solver, order.metadata.annotations, order.metadata.namespace)
    return solver if isinstance(solver, str) else _challenge(order, authorization, chosen, solver, key)


def _challenge(
    order: Order, authorization: Authorization, chosen: Chosen, solver: Solver, key: AccountKey
) -> Mapping[str, Any]:
    offered = chosen.offered
    proof = key_authorization(offered.token, key)
    written = msgspec.to_builtins(solver)
    spec: dict[str, Any] = {
        "url": offered.url,
        "authorizationURL": authorization.url,
        "dnsName": authorization.identifier,
        "wildcard": bool(authorization.wildcard),
        "type": _WORDS[offered.type],
        "token": offered.token,
        "key": dns_value(proof) if offered.type == "dns-01" else proof,
        "solver": _without_empty(written),
        "issuerRef": {
            "name": order.spec.issuer_ref.name,
            "kind": order.spec.issuer_ref.kind,
            "group": order.spec.issuer_ref.group,
        },
    }
    owner, kind = BY_TYPE[Order], BY_TYPE[Challenge]
    metadata = {
        "name": derived_name(order.metadata.name, spec),
        "namespace": order.metadata.namespace,
        "labels": copied_labels(order.metadata.labels),
        "ownerReferences": [
            {
                "apiVersion": owner.api_version,
                "kind": owner.kind,
                "name": order.metadata.name,
                "uid": order.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}


def _without_empty(value: Any) -> Any:
    """Without what was not set, but for `{}`, which says which of several is meant."""
    if not isinstance(value, dict):
        return value
    kept = {name: _without_empty(item) for name, item in value.items()}
    return {name: item for name, item in kept.items() if item not in (None, "", [], ())}
