"""The parts of Hearthgate that people look for with kubectl: what they are called, and whose log lines are theirs.

A new part is one entry of `DESCRIPTIONS` and one `Part` where it is started.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple


class Description(NamedTuple):
    """component: names the container, the log file, and with the host name the Pod. labels: upstream's, so that
    selectors people know find the Pod. loggers: the modules whose log lines are the part's, with all below."""

    component: str
    labels: Mapping[str, str]
    loggers: tuple[str, ...] = ()


class Process(NamedTuple):
    """One run of a part. Two runs never have the same `identity`."""

    identity: str
    started: datetime


class Part(NamedTuple):
    """A part that runs in this program. process: None while it is down. ready: whether it does its work now."""

    description: Description
    version: str
    process: Callable[[], Process | None]
    ready: Callable[[], Awaitable[bool]]


CONTROLLER: Final = Description("controller", {"app.kubernetes.io/name": "hearthgate"})
PROXY: Final = Description(
    "proxy", {"app.kubernetes.io/name": "traefik", "component": "proxy"}, ("hearthgate.ingress.proxy",)
)
CERTIFICATES: Final = Description(
    "certificates",
    {
        "app": "cert-manager",
        "app.kubernetes.io/name": "cert-manager",
        "app.kubernetes.io/component": "controller",
        "component": "certificates",
    },
    ("hearthgate.certificates",),
)

ADDRESSES: Final = Description(
    "speaker",
    {
        "app": "metallb",
        "app.kubernetes.io/name": "metallb",
        "app.kubernetes.io/component": "speaker",
        "component": "speaker",
    },
    ("hearthgate.balancer",),
)

NAMESERVER: Final = Description(
    "nameserver", {"app.kubernetes.io/name": "hearthgate", "component": "nameserver"}, ("hearthgate.dns",)
)

POLICIES: Final = Description(
    "policies", {"app.kubernetes.io/name": "hearthgate", "component": "policies"}, ("hearthgate.policy",)
)

DESCRIPTIONS: Final = (CONTROLLER, PROXY, CERTIFICATES, ADDRESSES, NAMESERVER, POLICIES)


@cache
def part_of_logger(name: str) -> str:
    """The component whose log gets the lines of this logger: the controller's, unless another part claims it."""
    for description in DESCRIPTIONS:
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in description.loggers):
            return description.component
    return CONTROLLER.component


def pod_name(component: str, host: str) -> str:
    """Stable and readable: `proxy-nas`."""
    return f"{component}-{host}"
