"""The domains beside ingress that run inside `up`, each behind the same few calls."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from hearthgate.app import addresses, certificates, dns, fences, unfenced
from hearthgate.app.addresses import Addresses
from hearthgate.app.box.facts import read_facts
from hearthgate.app.certificates import Certificates
from hearthgate.app.dns import DNS
from hearthgate.app.fences import Fences
from hearthgate.app.parts import Description
from hearthgate.app.settings import Settings
from hearthgate.app.unfenced import Unfenced
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.model.problems import Problem
from hearthgate.resources.meta import Resource


class Domain(Protocol):
    """description: of the Pod that shows it; None for none."""

    @property
    def description(self) -> Description | None: ...

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
    """What domains are made with. host: the name of this machine, where it is a box without a cluster. tell: takes
    all problems that a source has now."""

    client: Client
    events: EventWriter
    hub: Hub
    host: str | None
    tell: Callable[[str, tuple[Problem, ...]], None]


def kinds_read(settings: Settings, *, on_box: bool) -> tuple[type[Resource], ...]:
    """By the domains that will run."""
    domains = (certificates, addresses, dns, fences, unfenced)
    return tuple(kind for domain in domains if domain.is_wanted(settings, on_box=on_box) for kind in domain.KINDS)


def make_domains(settings: Settings, around: Around) -> tuple[Domain, ...]:
    """Those that the settings want."""
    on_box = around.host is not None
    made: list[Domain] = []
    if certificates.is_wanted(settings, on_box=on_box):
        made.append(
            Certificates(settings, client=around.client, events=around.events, hub=around.hub, host=around.host)
        )
    if addresses.is_wanted(settings, on_box=on_box):
        made.append(
            Addresses(
                settings,
                client=around.client,
                events=around.events,
                hub=around.hub,
                host=around.host,
                on_problems=lambda problems: around.tell("addresses", problems),
            )
        )
    if dns.is_wanted(settings, on_box=on_box):
        made.append(
            DNS(
                settings,
                hub=around.hub,
                otherwise=read_facts().addresses if on_box else (),
                on_problems=lambda problems: around.tell("dns", problems),
            )
        )
    tell = partial(around.tell, "policies")
    if fences.is_wanted(settings, on_box=on_box):
        made.append(Fences(settings, events=around.events, hub=around.hub, on_problems=tell))
    if unfenced.is_wanted(settings, on_box=on_box):
        made.append(Unfenced(hub=around.hub, on_problems=tell))
    return tuple(made)
