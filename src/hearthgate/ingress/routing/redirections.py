"""Entrypoint redirections: one internal router that sends every plain request of an entrypoint elsewhere."""

from collections.abc import Callable, Iterator, Mapping

from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.redirects import RedirectScheme
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import EntryPoint, Router
from hearthgate.ingress.routing.names import default_tls_options
from hearthgate.ingress.routing.observed import router_observed
from hearthgate.ingress.routing.references import Broken
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, did_you_mean, shorten
from hearthgate.rules.rule import Rule, compile_rule

EVERYTHING = "HostRegexp(`^.+$`)"
BESIDE_CHALLENGES = f"{EVERYTHING} && !PathPrefix(`/.well-known/acme-challenge/`)"

Guards = Callable[[str], tuple[Middleware, ...] | Broken]
"""The middlewares of an entrypoint, which guard its redirection too."""


def redirection_routers(
    settings: IngressSettings, entrypoints: Mapping[str, EntryPoint], guards: Guards, problems: list[Problem]
) -> Iterator[Router]:
    """The routers; an impossible target gives a Problem and no router. With `http.tls` it is TLS connections that
    are redirected, as upstream does it."""
    for name in sorted(entrypoints):
        redirect = getattr(settings.entry_points[name].http.redirections, "entry_point", None)
        if redirect is None:
            continue
        field = f"entryPoints.{name}.http.redirections.entryPoint"
        port = _port(redirect.to, entrypoints)
        if port is None:
            hint = did_you_mean(redirect.to, entrypoints)
            message = f"{shorten(redirect.to)} is neither an entrypoint nor :port{hint}"
            problems.append(
                Problem(ref=SETTINGS_REF, field=f"{field}.to", reason=Reason.ENTRYPOINT_NOT_FOUND, message=message)
            )
            continue
        own = guards(name)
        if isinstance(own, Broken):
            field = f"entryPoints.{name}.http.middlewares"
            problems.append(Problem(ref=SETTINGS_REF, field=field, reason=own.reason, message=own.message))
            continue
        entrypoint = settings.entry_points[name]
        tls = entrypoint.http.tls
        target = f"{name}-to-{redirect.to.removeprefix(':')}@internal"
        yield Router(
            name=target,
            ref=SETTINGS_REF,
            field=field,
            entrypoint=name,
            rule=_rule(BESIDE_CHALLENGES if entrypoint.allow_acme_by_pass else EVERYTHING),
            priority=redirect.priority,
            observed=router_observed(settings, name, None, None),
            tls=tls is not None,
            tls_options=default_tls_options(tls.options if tls else ""),
            middlewares=(
                *own,
                RedirectScheme(name=target, scheme=redirect.scheme, port=str(port), permanent=redirect.permanent),
            ),
        )


def _rule(text: str) -> Rule:
    rule = compile_rule(text)
    assert isinstance(rule, Rule), rule  # noqa: S101 - a constant
    return rule


def _port(to: str, entrypoints: Mapping[str, EntryPoint]) -> int | None:
    if to.startswith(":") and to[1:].isdigit():
        return int(to[1:])
    target = entrypoints.get(to)
    return target.advertised_port or target.port if target is not None else None
