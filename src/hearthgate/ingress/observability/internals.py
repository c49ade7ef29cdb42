"""The services of this program, as upstream names them, and which of them the settings turn on. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from hearthgate.ingress.settings import IngressSettings

API, DASHBOARD, PING = "api@internal", "dashboard@internal", "ping@internal"
PROMETHEUS, NOOP = "prometheus@internal", "noop@internal"

TURNED_ON_BY: Final[Mapping[str, str]] = {
    API: "api",
    DASHBOARD: "api",
    NOOP: "",
    PING: "ping",
    PROMETHEUS: "metrics.prometheus",
}
"""The setting that a service needs, by its name; empty = none."""
_IS_ON: Final[Mapping[str, Callable[[IngressSettings], bool]]] = {
    API: lambda settings: settings.api is not None,
    DASHBOARD: lambda settings: settings.api is not None and settings.api.dashboard,
    NOOP: lambda settings: True,
    PING: lambda settings: settings.ping is not None,
    PROMETHEUS: lambda settings: settings.metrics.prometheus is not None,
}


def is_on(name: str, settings: IngressSettings) -> bool:
    """Whether this service is there."""
    return name in _IS_ON and _IS_ON[name](settings)


def socket_name(name: str) -> str:
    """Of the unix socket where a service is reached, in the folder of the proxy's sockets."""
    return f"internal-{name.removesuffix('@internal')}.sock"


def base_path(settings: IngressSettings) -> str:
    """`api.basePath` without a slash at its end; empty for the root."""
    said = settings.api.base_path if settings.api is not None else ""
    return "/" + said.strip("/") if said.strip("/") else ""
