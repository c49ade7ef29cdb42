"""What settings say to the role as a whole, and what they say in vain."""

from collections.abc import Callable

from hearthgate.app.settings import EmbeddedAPI, Settings
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.settings import LifeCycle
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.resources import support


def drain_grace(settings: Settings) -> float:
    """Seconds that requests have to finish at the end: the longest of the entrypoints."""
    return _longest(settings, lambda life: life.grace_time_out, 10.0)


def accept_grace(settings: Settings) -> float:
    """Seconds that requests are still taken at the end, before those that are open are finished."""
    return _longest(settings, lambda life: life.request_accept_grace_timeout, 0.0)


def settings_warnings(settings: Settings, *, on_box: bool) -> tuple[Problem, ...]:
    """What is set and has no effect, upstream's deprecated fields among it. on_box: without a cluster."""
    marked = tuple(support.marked(settings, SETTINGS_REF, Severity.WARNING))
    if on_box and settings.policy.enforce and not settings.policy.members:
        message = "without members nobody is kept to the policies"
        return (*marked, _warning("policy.members", Reason.MISSING_FIELD, message))
    return marked


def unused_settings(settings: Settings) -> tuple[Problem, ...]:
    """What is set in vain where a cluster's own API is read."""
    said = {
        "embeddedAPI": "the cluster has an API of its own" if settings.embedded_api != EmbeddedAPI() else "",
        "policy.enforce": "`hearthgate speaker` does that on each node" if settings.policy.enforce else "",
    }
    return tuple(
        _warning(field, Reason.UNSUPPORTED, f"has no effect with --kubeconfig: {why}")
        for field, why in said.items()
        if why
    )


def _warning(field: str, reason: Reason, message: str) -> Problem:
    return Problem(ref=SETTINGS_REF, field=field, reason=reason, message=message, severity=Severity.WARNING)


def _longest(settings: Settings, of: Callable[[LifeCycle], int | str], least: float) -> float:
    found = []
    for entrypoint in settings.entry_points.values():
        try:
            found.append(parse_duration(of(entrypoint.transport.life_cycle)))
        except ValueError:
            continue  # the entrypoint is not served, and its own problem says why
    return max(found, default=least)
