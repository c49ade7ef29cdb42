"""MiddlewareTCP: what happens to connections before they reach a service (traefik.io/v1alpha1)."""

from typing import Final

import msgspec

from hearthgate.ingress.middlewares.access import networks
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.model.problems import Problem, Reason
from hearthgate.resources.traefik import MiddlewareTCP
from hearthgate.resources.traefik.tcp import InFlightConn, IPAllowListTCP, MiddlewareTCPSpec

_KINDS: Final = {
    "in_flight_conn": "inFlightConn",
    "ip_allow_list": "ipAllowList",
    "ip_white_list": "ipWhiteList",
}
_MOST: Final = 2**31 - 1


class StreamMiddleware(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One checked middleware of connections. `name`: `namespace-name@kubernetescrd`."""

    name: str


class AllowedAddresses(StreamMiddleware, frozen=True, kw_only=True):
    """Closes connections of peers that are in none of `ranges` (networks)."""

    ranges: tuple[str, ...]


class ConnectionLimit(StreamMiddleware, frozen=True, kw_only=True):
    """Closes connections beyond `amount` at once."""

    amount: int


def build_stream_middleware(resource: MiddlewareTCP) -> tuple[StreamMiddleware | None, tuple[Problem, ...]]:
    """The checked value, None when it cannot serve, and what is wrong with it."""
    given = [attribute for attribute in _KINDS if getattr(resource.spec, attribute) is not None]
    if len(given) != 1:
        return None, (_wrong_number(resource, [_KINDS[attribute] for attribute in given]),)
    draft = Draft(resource.ref, f"spec.{_KINDS[given[0]]}", lambda _: None)
    value = _value(resource.spec, draft)
    return (None if draft.is_refused else value), tuple(sorted(draft.problems))


def _value(spec: MiddlewareTCPSpec, draft: Draft) -> StreamMiddleware:
    if spec.in_flight_conn is not None:
        return _connection_limit(spec.in_flight_conn, draft)
    if spec.ip_white_list is not None:
        draft.warn("", "is deprecated: use ipAllowList, which takes the same options", Reason.DEPRECATED)
    return _allowed_addresses(spec.ip_allow_list or spec.ip_white_list or IPAllowListTCP(), draft)


def _connection_limit(options: InFlightConn, draft: Draft) -> ConnectionLimit:
    if not 1 <= options.amount <= _MOST:
        draft.refuse("amount", f"must be 1 to {_MOST}, not {options.amount}")
    draft.warn(
        "amount",
        f"counts the connections of all clients of a route together, not those of each address: at most "
        f"{options.amount} at once",
        Reason.UNSUPPORTED,
    )
    return ConnectionLimit(name=draft.name, amount=options.amount)


def _allowed_addresses(options: IPAllowListTCP, draft: Draft) -> AllowedAddresses:
    if not options.source_range:
        draft.refuse("sourceRange", "is required: list the networks that may pass", Reason.MISSING_FIELD)
    return AllowedAddresses(name=draft.name, ranges=networks(options.source_range, draft, "sourceRange"))


def _wrong_number(resource: MiddlewareTCP, given: list[str]) -> Problem:
    if given:
        message = f"multi-types in definition: {', '.join(given)} (make one MiddlewareTCP of each)"
    else:
        message = "no type in definition (ipAllowList or inFlightConn)"
    return Problem(ref=resource.ref, field="spec", reason=Reason.MIDDLEWARE_INVALID, message=message)
