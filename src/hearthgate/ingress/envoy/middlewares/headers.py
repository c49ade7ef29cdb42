"""headers: preflights and refused hosts as routes that answer, everything else as header mutations.

In upstream's order. A request: preflight, custom request headers, host check. An answer: security headers,
custom response headers, CORS headers. A refused host's answer passes the custom and CORS headers alone.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from hearthgate.ingress.envoy.middlewares import cel, cors
from hearthgate.ingress.envoy.middlewares.conditions import any_of_ignoring_case, differs, matches
from hearthgate.ingress.envoy.middlewares.lane import Branch, Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import (
    Change,
    mutation,
    on_inner_response,
    on_response,
    remove,
    set_text,
)
from hearthgate.ingress.middlewares.headers import Headers, Secure

_FORWARDED_FOR = "x-forwarded-for"


def headers(middleware: Headers, lane: Lane) -> Steps | Refusal:
    branches: list[Branch] = []
    if middleware.cors is not None:
        preflight = cors.preflight(middleware.cors, lane)
        if isinstance(preflight, Refusal):
            return preflight
        branches.append(preflight)
    request = dict(middleware.request)
    outer = replace(
        lane,
        host=middleware.host or lane.host,
        headers={**lane.headers, **{name: value or None for name, value in request.items()}},
        changed=lane.changed - request.keys(),
        hides_client=_hides_client(lane, request),
        filters=(*lane.filters, *_filters(middleware, lane.scope.tls, _place(lane), secure=False)),
    )
    if middleware.secure is not None and middleware.secure.allowed_hosts:
        refused = _refused_hosts(middleware.secure, outer)
        if isinstance(refused, Refusal):
            return refused
        branches.extend(refused)
    inner = replace(
        outer, filters=(*lane.filters, *_filters(middleware, lane.scope.tls, _place(lane), secure=True))
    )
    return (*branches, inner)


def _hides_client(lane: Lane, request: dict[str, str]) -> bool:
    return request[_FORWARDED_FOR] == "" if _FORWARDED_FOR in request else lane.hides_client


def _place(lane: Lane) -> int:
    """Where the filters stand in a chain in which an earlier one may reply; 0 where none does."""
    return len(lane.filters) if lane.replies else 0


@lru_cache(maxsize=8192)
def _filters(middleware: Headers, tls: bool, place: int, *, secure: bool) -> tuple[Any, ...]:
    """secure: with the security headers."""
    request = [set_text(name, value) if value else remove(name) for name, value in middleware.request]
    changes = tuple(_changes(middleware, tls=tls, secure=secure))
    mark: tuple[Any, ...] = ()
    if place and any(change.text or change.expression for change in changes):
        reached, response = on_inner_response(changes, place)
        mark = (reached,)
    else:
        response = on_response(changes)
    if not request and not response:
        return ()
    return (*mark, mutation(request=request, response=response))


def _changes(middleware: Headers, *, tls: bool, secure: bool) -> Iterator[Change]:
    if secure and middleware.secure is not None:
        yield from _secure_changes(middleware.secure, tls=tls)
    for name, value in middleware.response:
        yield Change(name, value)
    if middleware.cors is not None:
        yield from cors.changes(middleware.cors)


def _secure_changes(secure: Secure, *, tls: bool) -> Iterator[Change]:
    for name, value in secure.always:
        yield Change(name, value)
    for name, value in secure.on_tls:
        if tls:
            yield Change(name, value)
        elif secure.tls_proxy_headers:
            yield Change(name, expression=cel.either(_proxy_spoke_tls(secure), cel.quote(value), "''"))


def _proxy_spoke_tls(secure: Secure) -> str:
    tests = (
        f"({cel.has_header(name)} && {cel.header(name)} == {cel.quote(value)})"
        for name, value in secure.tls_proxy_headers
    )
    return f"({' || '.join(tests)})"


def _refused_hosts(secure: Secure, lane: Lane) -> tuple[Branch, ...] | Refusal:
    """Requests for a host that is not allowed. The first of the host headers that is there replaces Host."""
    if lane.is_touched(*secure.host_headers):
        return Refusal(
            "hostsProxyHeaders names a header that a middleware before it changes: take one of them out"
        )
    allowed = any_of_ignoring_case(secure.allowed_hosts)
    refused = []
    for name in secure.host_headers:
        part = lane.when(matches(name, ".+"), differs(name, allowed))
        refused.append(part.answer(500, "Bad Host\n"))
        lane = lane.when(differs(name, ".+"))
    if not lane.host:
        refused.append(lane.when(differs(":authority", allowed)).answer(500, "Bad Host\n"))
    elif not re.fullmatch(allowed, lane.host):
        refused.append(lane.answer(500, "Bad Host\n"))
    return tuple(refused)
