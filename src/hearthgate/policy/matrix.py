"""Who reaches whom: every pair of pods at once. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hearthgate.policy.ends import End, PodEnd
from hearthgate.policy.evaluate import Flow, reach
from hearthgate.policy.ports import ALL, NONE, PortSet, Protocol
from hearthgate.policy.world import World


class Cell(NamedTuple):
    """ports: which of the destination a source reaches."""

    source: End
    destination: PodEnd
    ports: PortSet

    def served(self) -> tuple[tuple[Protocol, int, bool], ...]:
        """The ports that the destination says it serves, and whether the source reaches them."""
        return tuple(
            (port.protocol, port.number, self.ports.holds(port.protocol, port.number))
            for port in self.destination.ports
        )

    @property
    def state(self) -> str:
        """`all`, `some` or `none`: of the ports that it says it serves, else of all."""
        if self.ports in {ALL, NONE}:
            return "all" if self.ports == ALL else "none"
        served = {reached for _, _, reached in self.served()}
        if served == {True}:
            return "all"
        return "none" if served == {False} else "some"


def matrix(world: World, sources: Iterable[End], destinations: Iterable[PodEnd]) -> Iterator[Cell]:
    """Row by row."""
    columns = tuple(destinations)
    for source in sources:
        for destination in columns:
            yield Cell(source, destination, reach(world, Flow(source, destination)))
