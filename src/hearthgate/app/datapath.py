"""Whether the kernel leads connections on to servers from here, and the part that does it."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from hearthgate.app.settings import Settings
from hearthgate.balancer.datapath import kernel
from hearthgate.balancer.datapath.controller import Choices, DataPath
from hearthgate.balancer.datapath.rules import Place
from hearthgate.balancer.datapath.ruleset import REMOVAL
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.ingress.routing.entrypoints import FieldError, is_datagram, parse_address
from hearthgate.model.errors import HearthgateError
from hearthgate.model.problems import Problem

log = structlog.get_logger(__name__)

_EVERY: Final = "::"


class DataPathPart:
    """node: our name."""

    def __init__(
        self,
        settings: Settings,
        node: str,
        events: EventWriter,
        hub: Hub,
        *,
        on_problems: Callable[[tuple[Problem, ...]], None],
    ) -> None:
        balancer = settings.load_balancer
        self._mode = balancer.data_path
        self._hub = hub
        choices = Choices(node, balancer.lb_class, frozenset(served(settings)), balancer.forwarding)
        self._path = DataPath(choices, events, on_problems=on_problems)

    async def run(self, *, without_cluster: bool) -> None:
        """Until cancelled; where it is off, what an earlier run left is removed, and that is all."""
        if self._mode == "nftables" or (self._mode == "auto" and without_cluster):
            await self._path.run(self._hub.snapshots())
        else:
            await self.remove()

    def lines(self) -> Iterator[str]:
        """For /metrics."""
        yield from self._path.lines()

    async def remove(self) -> None:
        """Where nothing may be removed, nothing was put."""
        try:
            await kernel.apply(REMOVAL)
        except HearthgateError as error:
            log.debug("no rules removed", error=str(error))


def served(settings: Settings) -> Iterator[Place]:
    """Where entrypoints listen at an address of their own. One for every address gives way to a Service that leads
    elsewhere at the same port."""
    for entrypoint in settings.entry_points.values():
        try:
            host, port = parse_address(entrypoint.address)
        except FieldError:
            continue  # the entrypoint is not served, and its own problem says why
        if host == _EVERY:
            continue
        address = ipaddress.ip_address(host)
        if not is_datagram(entrypoint.address):
            yield Place(address, "tcp", port)
        if is_datagram(entrypoint.address) or entrypoint.http3 is not None:
            yield Place(address, "udp", port)
