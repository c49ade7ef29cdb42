"""The domains beside ingress that run inside `up`, each behind the same few calls."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from hearthgate.app import certificates
from hearthgate.app.certificates import Certificates
from hearthgate.app.parts import Description
from hearthgate.app.settings import Settings
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.resources.meta import Resource


class Domain(Protocol):
    """description: of the Pod that shows it."""

    description: Description

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""

    def reload(self, settings: Settings) -> None:
        """Puts other settings in force."""

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""

    async def close(self) -> None:
        """After the end of its parts."""


class Around(NamedTuple):
    """What domains are made with. host: the name of this machine, where it is a box without a cluster."""

    client: Client
    events: EventWriter
    hub: Hub
    host: str | None


def kinds_read(settings: Settings, *, on_box: bool) -> tuple[type[Resource], ...]:
    """By the domains that will run."""
    return certificates.KINDS if certificates.is_wanted(settings, on_box=on_box) else ()


def make_domains(settings: Settings, around: Around) -> tuple[Domain, ...]:
    """Those that the settings want."""
    if not certificates.is_wanted(settings, on_box=around.host is not None):
        return ()
    made = Certificates(settings, client=around.client, events=around.events, hub=around.hub, host=around.host)
    return (made,)
