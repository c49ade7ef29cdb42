"""Entrypoint redirections: one internal router that sends every plain request of an entrypoint elsewhere."""

from collections.abc import Iterator, Mapping

from hearthgate.ingress.middlewares.redirects import RedirectScheme
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import EntryPoint, Router
from hearthgate.ingress.rules.rule import Rule, compile_rule
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, did_you_mean, shorten

EVERYTHING = "HostRegexp(`^.+$`)"


def redirection_routers(
    settings: IngressSettings, entrypoints: Mapping[str, EntryPoint], problems: list[Problem]
) -> Iterator[Router]:
    """The routers; an impossible target gives a Problem and no router."""
    rule = compile_rule(EVERYTHING)
    assert isinstance(rule, Rule), rule  # noqa: S101 - a constant
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
        target = f"{name}-to-{redirect.to.removeprefix(':')}@internal"
        yield Router(
            name=target,
            ref=SETTINGS_REF,
            field=field,
            entrypoint=name,
            rule=rule,
            priority=redirect.priority,
            middlewares=(
                RedirectScheme(name=target, scheme=redirect.scheme, port=str(port), permanent=redirect.permanent),
            ),
        )


def _port(to: str, entrypoints: Mapping[str, EntryPoint]) -> int | None:
    if to.startswith(":") and to[1:].isdigit():
        return int(to[1:])
    target = entrypoints.get(to)
    return target.advertised_port or target.port if target is not None else None
