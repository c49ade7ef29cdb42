"""healthCheck and passiveHealthCheck of service references: checked values with upstream's defaults.

Upstream allows active checks on ExternalName Services alone; here every Service may have one.
"""

import re
from hashlib import blake2b
from typing import Final

import msgspec

from hearthgate.ingress.routing.model import HealthCheck, PassiveHealthCheck
from hearthgate.ingress.routing.origin import Origin
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Problem, Reason, shorten
from hearthgate.resources.traefik.service import HealthCheck as Spec
from hearthgate.resources.traefik.service import PassiveHealthCheck as PassiveSpec

_DEFAULT_INTERVAL: Final = 30.0
_DEFAULT_TIMEOUT: Final = 5.0
_SHORTEST: Final = 0.1
"""Seconds. Checks that come faster than this are an attack on the backend."""
_DEFAULT_WINDOW: Final = 10.0
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE: Final = re.compile(r"[\x20-\x7e\t]*")


def health_check(
    spec: Spec, scheme: str, origin: Origin, *, skips_verification: bool
) -> tuple[HealthCheck | None, tuple[Problem, ...]]:
    """The check of servers that are spoken to in `scheme`. None when it is wrong: to serve without a check that
    was asked for would send requests to servers that are down."""
    draft = _Draft(origin)
    mode = spec.mode or "http"
    if mode not in ("http", "grpc"):
        draft.refuse("mode", f"{shorten(mode)} is not one of http, grpc")
    if spec.scheme not in ("", "http", "https", "h2c"):
        draft.refuse("scheme", f"{shorten(spec.scheme)} is not one of http, https, h2c")
    if spec.method and not _TOKEN.fullmatch(spec.method):
        draft.refuse("method", f"{shorten(spec.method)} is not an HTTP method")
    if spec.status and not 100 <= spec.status <= 599:
        draft.refuse("status", f"{spec.status} is not an HTTP status")
    if not 0 <= spec.port < 65536:
        draft.refuse("port", f"{spec.port} is not a port")
    interval = draft.seconds("interval", spec.interval, _DEFAULT_INTERVAL)
    slower = spec.unhealthy_interval
    if mode == "grpc" and (spec.scheme or scheme) == "https" and skips_verification:
        message = "grpc over TLS is not asked without verification: give the transport rootCAs, or take mode http"
        draft.problems.append(origin.problem("mode", Reason.UNSUPPORTED, message))
    headers = []
    for name, value in spec.headers.items():
        if not _TOKEN.fullmatch(name) or not _VISIBLE.fullmatch(value):
            draft.refuse(f"headers.{name[:80]}", "is not a header that can be sent")
        headers.append((name.lower(), value))
    check = HealthCheck(
        mode=mode,
        scheme="https" if (spec.scheme or scheme) == "https" else "http",
        path=draft.path(spec.path),
        method=spec.method or "GET",
        status=spec.status,
        port=spec.port,
        interval=interval,
        unhealthy_interval=interval if slower is None else draft.seconds("unhealthyInterval", slower, interval),
        timeout=draft.seconds("timeout", spec.timeout, _DEFAULT_TIMEOUT),
        hostname=spec.hostname,
        follow_redirects=spec.follow_redirects,
        headers=tuple(sorted(headers)),
    )
    return (None if draft.problems else check), tuple(draft.problems)


def check_name(check: HealthCheck, *what: object) -> str:
    """A name for the results of a check: the same for one check of servers that are spoken to alike (`what`)."""
    content = msgspec.json.encode([check, *what], enc_hook=repr)
    return blake2b(content, digest_size=8).hexdigest()


def passive_health_check(
    spec: PassiveSpec, origin: Origin
) -> tuple[PassiveHealthCheck | None, tuple[Problem, ...]]:
    draft = _Draft(origin)
    window = draft.seconds("failureWindow", spec.failure_window, _DEFAULT_WINDOW)
    if spec.max_failed_attempts < 0:
        draft.refuse("maxFailedAttempts", f"must not be negative: {spec.max_failed_attempts}")
    if draft.problems:
        return None, tuple(draft.problems)
    return PassiveHealthCheck(window=window, failures=spec.max_failed_attempts or 1), ()


class _Draft:
    def __init__(self, origin: Origin) -> None:
        self.problems: list[Problem] = []
        self._origin = origin

    def refuse(self, field: str, message: str) -> None:
        self.problems.append(self._origin.problem(field, Reason.INVALID_VALUE, message))

    def seconds(self, field: str, value: int | str, default: float) -> float:
        """As upstream: what is not positive means the default."""
        try:
            found = parse_duration(value)
        except ValueError as error:
            self.refuse(field, str(error))
            return default
        return max(_SHORTEST, found) if found > 0 else default

    def path(self, text: str) -> str:
        """Relative to the server: a path, with a query perhaps."""
        if "://" in text or text.startswith("//") or not text.isascii() or not text.isprintable() or " " in text:
            self.refuse("path", f"{shorten(text)} is not a path such as /healthz: the Service says which server")
            return "/"
        return text if text.startswith("/") else f"/{text}"
