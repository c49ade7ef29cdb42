"""Verdicts to the status of objects: whole documents, in which what other controllers said stays as it is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.cluster.conditions import merge_conditions
from hearthgate.ingress.routing.gateway.verdicts import (
    CONTROLLERS,
    PROGRAMMED,
    ClassVerdict,
    GatewayVerdict,
    PolicyVerdict,
    RouteVerdict,
    Verdict,
    condition,
)
from hearthgate.resources.gateway.references import GROUP, ParentReference
from hearthgate.resources.meta import Condition

FEATURES: Final = (
    "BackendTLSPolicy",
    "BackendTLSPolicySANValidation",
    "GRPCRoute",
    "GRPCRouteNamedRouteRule",
    "Gateway",
    "HTTPRoute",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendTimeout",
    "HTTPRouteCORS",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteSchemeRedirect",
    "ReferenceGrant",
    "TCPRoute",
    "TLSRoute",
    "TLSRouteModeMixed",
    "TLSRouteModeTerminate",
    "UDPRoute",
)
"""Names of the specification, sorted, of what is served here."""
Object = Mapping[str, Any]


class GatewayDocument(NamedTuple):
    """The status that an object should have. programmed: whether the proxy runs what the verdict is about."""

    verdict: Verdict
    programmed: bool

    def merged(self, status: Object, generation: int, now: datetime) -> dict[str, Any]:
        """The top fields of the status that are ours, made from the status that the object has."""
        stamped = _Stamp(generation, now)
        match self.verdict:
            case ClassVerdict(_, conditions):
                features = [{"name": name} for name in FEATURES]
                return {
                    "conditions": stamped.merge(status.get("conditions"), conditions),
                    "supportedFeatures": features,
                }
            case GatewayVerdict():
                return _gateway(self.verdict, status, stamped, programmed=self.programmed)
            case RouteVerdict(_, parents):
                wanted = [(_reference(one.parent), one.controller, one.conditions) for one in parents]
                return {"parents": _entries(status.get("parents"), "parentRef", wanted, stamped)}
            case PolicyVerdict(_, ancestors):
                own = [(_gateway_reference(one.gateway), one.controller, one.conditions) for one in ancestors]
                return {"ancestors": _entries(status.get("ancestors"), "ancestorRef", own, stamped)}

    def is_empty(self) -> bool:
        """Whether nothing is to be said: then only what was said before has to go."""
        match self.verdict:
            case RouteVerdict(_, entries) | PolicyVerdict(_, entries):
                return not entries
        return False


class _Stamp(NamedTuple):
    generation: int
    now: datetime

    def merge(self, found: Any, wanted: Iterable[Condition]) -> list[Any]:
        """Conditions of others stay; those of ours that are no longer true of anything go."""
        stamped = tuple(
            msgspec.structs.replace(one, observed_generation=self.generation, last_transition_time="")
            for one in wanted
        )
        ours = {one.type for one in stamped} | {"PartiallyInvalid"}
        entries = [entry for entry in found or () if isinstance(entry, Mapping)]
        known = tuple(_condition(entry) for entry in entries if entry.get("type") in ours)
        still = tuple(one for one in known if any(one.type == wish.type for wish in stamped))
        merged = [msgspec.to_builtins(one) for one in merge_conditions(still, stamped, self.now)]
        return [*merged, *(entry for entry in entries if entry.get("type") not in ours)]


def _condition(entry: Object) -> Condition:
    try:
        return msgspec.convert(dict(entry), Condition)
    except msgspec.ValidationError:
        return Condition(type=str(entry.get("type")), status="")


def _gateway(verdict: GatewayVerdict, status: Object, stamp: _Stamp, *, programmed: bool) -> dict[str, Any]:
    known = {entry.get("name"): entry for entry in status.get("listeners") or () if isinstance(entry, Mapping)}
    listeners = [
        {
            "name": one.name,
            "supportedKinds": [{"group": GROUP, "kind": kind} for kind in one.kinds],
            "attachedRoutes": one.attached,
            "conditions": stamp.merge(
                (known.get(one.name) or {}).get("conditions"),
                (*one.conditions, _programmed(one.valid, programmed)),
            ),
        }
        for one in verdict.listeners
    ]
    return {
        "addresses": [{"type": one.type, "value": one.value} for one in verdict.addresses],
        "conditions": stamp.merge(
            status.get("conditions"), (*verdict.conditions, _programmed(verdict.valid, programmed))
        ),
        "listeners": listeners,
    }


def _programmed(valid: bool, programmed: bool) -> Condition:
    if not valid:
        return condition(PROGRAMMED, False, "Invalid", "it cannot serve: see the other conditions")
    if not programmed:
        return condition(PROGRAMMED, False, "Pending", "not yet at the proxy")
    return condition(PROGRAMMED, True, PROGRAMMED, "the proxy runs it")


_Wanted = tuple[dict[str, Any], str, tuple[Condition, ...]]


def _entries(found: Any, key: str, wanted: Sequence[_Wanted], stamp: _Stamp) -> list[Any]:
    """Entries of other controllers stay as they are and where they are; ours carry their conditions on, and those
    go that nothing is to be said of any more."""
    left = list(wanted)
    entries: list[Any] = []
    for entry in found or ():
        if not isinstance(entry, Mapping) or entry.get("controllerName") not in CONTROLLERS:
            entries.append(entry)
            continue
        same = next((w for w in left if (w[0], w[1]) == (_bare(entry.get(key)), entry["controllerName"])), None)
        if same is not None:
            left.remove(same)
            entries.append(_entry(key, same, stamp.merge(entry.get("conditions"), same[2])))
    return [*entries, *(_entry(key, one, stamp.merge((), one[2])) for one in left)]


def _entry(key: str, wanted: _Wanted, conditions: list[Any]) -> dict[str, Any]:
    return {key: wanted[0], "controllerName": wanted[1], "conditions": conditions}


def _reference(parent: ParentReference) -> dict[str, Any]:
    whole = {
        "group": parent.group,
        "kind": parent.kind,
        "namespace": parent.namespace,
        "name": parent.name,
        "sectionName": parent.section_name,
        "port": parent.port,
    }
    return {name: value for name, value in whole.items() if value is not None}


def _gateway_reference(key: tuple[str, str]) -> dict[str, Any]:
    return {"group": GROUP, "kind": "Gateway", "namespace": key[0], "name": key[1]}


def _bare(reference: Any) -> dict[str, Any]:
    if not isinstance(reference, Mapping):
        return {}
    bare = {name: value for name, value in reference.items() if value is not None}
    return {"group": GROUP, "kind": "Gateway", **bare}
