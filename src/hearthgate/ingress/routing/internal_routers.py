"""Routers that settings ask for: `/ping`, `/metrics`, and with `api.insecure` the API and its pages.

Their rules, names and priorities are upstream's. They serve the entrypoint that the setting names, over TLS if
that has `http.tls`. An entrypoint `traefik` is made when it is asked for and the settings have none.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec

from hearthgate.ingress.observability import internals
from hearthgate.ingress.routing.entrypoints import INTERNAL_ENTRYPOINT, SETTINGS_REF, FieldError, parse_address
from hearthgate.ingress.routing.model import EntryPoint, LoadBalancer, Router
from hearthgate.ingress.routing.names import default_tls_options
from hearthgate.ingress.routing.observed import router_observed
from hearthgate.ingress.routing.redirections import Guards
from hearthgate.ingress.routing.references import Broken
from hearthgate.ingress.settings import EntryPoint as EntryPointSettings
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, did_you_mean, shorten
from hearthgate.rules.rule import RuleError, compile_rule

MAX_PRIORITY: Final = 9223372036854775807
FIRST_PORT: Final = 8080


S = TypeVar("S", bound=IngressSettings)


class _Wanted(NamedTuple):
    """One router. field: the setting that asks for it."""

    name: str
    field: str
    entrypoint: str
    rule: str
    priority: int
    service: str


def with_internal_entrypoint(settings: S) -> S:
    """The settings with the entrypoint `traefik` among them, if something wants it: on loopback, on port 8080 or
    the next one that no entrypoint has."""
    wanted = any(one.entrypoint == INTERNAL_ENTRYPOINT for one in _wanted(settings))
    if not wanted or INTERNAL_ENTRYPOINT in settings.entry_points:
        return settings
    taken = set(_ports(settings))
    port = next(port for port in range(FIRST_PORT, 65536) if port not in taken)
    own = EntryPointSettings(address=f"127.0.0.1:{port}")
    entry_points = {**settings.entry_points, INTERNAL_ENTRYPOINT: own}
    return msgspec.structs.replace(settings, entry_points=entry_points)


def internal_routers(
    settings: IngressSettings, entrypoints: Mapping[str, EntryPoint], guards: Guards, problems: list[Problem]
) -> Iterator[Router]:
    """The routers, behind the middlewares of their entrypoints. Without its entrypoint one gives a Problem."""
    for wanted in _wanted(settings):
        if wanted.entrypoint not in entrypoints:
            hint = did_you_mean(wanted.entrypoint, entrypoints)
            message = f"{shorten(wanted.entrypoint)} is no entrypoint{hint}"
            problems.append(
                Problem(
                    ref=SETTINGS_REF,
                    field=f"{wanted.field}.entryPoint",
                    reason=Reason.ENTRYPOINT_NOT_FOUND,
                    message=message,
                )
            )
            continue
        rule = compile_rule(wanted.rule)
        if isinstance(rule, RuleError):
            message = f"{shorten(settings.api.base_path if settings.api else '')} cannot be part of a rule"
            problems.append(
                Problem(ref=SETTINGS_REF, field="api.basePath", reason=Reason.INVALID_VALUE, message=message)
            )
            continue
        own = guards(wanted.entrypoint)
        if isinstance(own, Broken):
            place = f"entryPoints.{wanted.entrypoint}.http.middlewares"
            problems.append(Problem(ref=SETTINGS_REF, field=place, reason=own.reason, message=own.message))
            continue
        tls = settings.entry_points[wanted.entrypoint].http.tls
        service = LoadBalancer(name=wanted.service, internal=True)
        yield Router(
            name=f"{wanted.name}@internal",
            ref=SETTINGS_REF,
            field=wanted.field,
            entrypoint=wanted.entrypoint,
            rule=rule,
            priority=wanted.priority,
            middlewares=own,
            service=service,
            tls=tls is not None,
            tls_options=default_tls_options(tls.options if tls else ""),
            observed=router_observed(settings, wanted.entrypoint, None, service),
        )


def _wanted(settings: IngressSettings) -> Iterator[_Wanted]:
    ping, prometheus, api = settings.ping, settings.metrics.prometheus, settings.api
    if ping is not None and not ping.manual_routing:
        rule = "PathPrefix(`/ping`)"
        yield _Wanted("ping", "ping", ping.entry_point, rule, MAX_PRIORITY, internals.PING)
    if prometheus is not None and not prometheus.manual_routing:
        rule = "PathPrefix(`/metrics`)"
        place = ("metrics.prometheus", prometheus.entry_point)
        yield _Wanted("prometheus", *place, rule, MAX_PRIORITY, internals.PROMETHEUS)
    if api is not None and api.insecure:
        base = internals.base_path(settings)
        place = ("api", INTERNAL_ENTRYPOINT)
        yield _Wanted("api", *place, f"PathPrefix(`{base}/api`)", MAX_PRIORITY - 1, internals.API)
        if api.dashboard:
            yield _Wanted("dashboard", *place, f"PathPrefix(`{base}/`)", MAX_PRIORITY - 2, internals.DASHBOARD)


def _ports(settings: IngressSettings) -> Iterator[int]:
    for entrypoint in settings.entry_points.values():
        try:
            yield parse_address(entrypoint.address)[1]
        except FieldError:
            continue  # its own problem says so
