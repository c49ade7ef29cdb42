"""Problems to status conditions: what upstream never tells the owner of an object."""

from collections.abc import Iterable, Mapping
from functools import cache

from hearthgate.ingress.routing.model import Router, TCPRouter, UDPRouter
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Condition

ACCEPTED, PARTIALLY_INVALID, PROGRAMMED = "Accepted", "PartiallyInvalid", "Programmed"
LONGEST_MESSAGE = 1000
AnyRouter = Router | TCPRouter | UDPRouter
_GATEWAY_ROUTES = ("GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute")
ROUTES = ("Ingress", "IngressRoute", "IngressRouteTCP", "IngressRouteUDP", *_GATEWAY_ROUTES)
"""Kinds that are in service as soon as one of their routes is."""
WITHOUT_CONDITIONS = (
    *("Certificate", "Challenge", "ConfigMap", "Ingress", "Secret", "Service"),
    *("BackendTLSPolicy", "Gateway", "GatewayClass", "ReferenceGrant", *_GATEWAY_ROUTES),
)
"""Kinds whose status has no room for our conditions: Events tell. Those of the Gateway API have verdicts."""


def wanted_conditions(
    owned: Iterable[ObjectRef], routers: Iterable[AnyRouter], problems: Iterable[Problem], *, programmed: bool
) -> Mapping[ObjectRef, tuple[Condition, ...]]:
    """The conditions of every object that is ours, without times and generations.

    Accepted: it is in service; for a route: at least one of its routes is. PartiallyInvalid (only when
    true): some of it is not. Programmed (only for what is accepted): the proxy runs it.
    """
    serving = {router.ref for router in routers}
    errors: dict[ObjectRef, list[Problem]] = {}
    warnings: dict[ObjectRef, list[Problem]] = {}
    for problem in problems:
        (errors if problem.is_error else warnings).setdefault(problem.ref, []).append(problem)
    in_service = _in_service(programmed=programmed)

    def of(ref: ObjectRef) -> tuple[Condition, ...]:
        if ref not in errors and ref not in warnings and (ref.kind not in ROUTES or ref in serving):
            return in_service  # nearly all of them
        return tuple(_conditions(ref, errors.get(ref, []), warnings.get(ref, []), serving, programmed=programmed))

    return {ref: of(ref) for ref in sorted({*owned, *errors}) if ref.kind != "Settings"}


@cache
def _in_service(*, programmed: bool) -> tuple[Condition, ...]:
    """Made once, so that whoever compares finds the same object."""
    return tuple(_serving([], [], programmed=programmed))


def _conditions(
    ref: ObjectRef, errors: list[Problem], warnings: list[Problem], serving: set[ObjectRef], *, programmed: bool
) -> Iterable[Condition]:
    accepted = ref in serving if ref.kind in ROUTES else not errors
    if not accepted:
        reason = errors[0].reason.value if errors else "NoRoutes"
        yield _condition(ACCEPTED, False, reason, _text(errors) or "no route of this object serves")
        return
    yield from _serving(errors, warnings, programmed=programmed)


def _serving(errors: list[Problem], warnings: list[Problem], *, programmed: bool) -> Iterable[Condition]:
    yield _condition(ACCEPTED, True, ACCEPTED, _text(warnings) or "in service")
    if errors:
        yield _condition(PARTIALLY_INVALID, True, errors[0].reason.value, _text(errors))
    reason = PROGRAMMED if programmed else "Pending"
    yield _condition(PROGRAMMED, programmed, reason, "the proxy runs it" if programmed else "not yet at the proxy")


def _condition(kind: str, status: bool, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=str(status), reason=reason, message=message)


def _text(problems: list[Problem]) -> str:
    text = "; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in problems)
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"
