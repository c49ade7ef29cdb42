"""The policy domain of a box that enforces nothing, wired: it says so where there are policies."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from hearthgate.app.settings import Settings
from hearthgate.cluster.hub import Hub
from hearthgate.model.problems import Problem
from hearthgate.policy.controller import POLICIES, not_in_force
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = POLICIES
"""What this domain reads."""


class Unfenced:
    """Says that nobody enforces the policies that there are. on_problems: told all whenever they change."""

    description = None

    def __init__(self, *, hub: Hub, on_problems: Callable[[tuple[Problem, ...]], None]) -> None:
        self._hub = hub
        self._on_problems = on_problems

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""
        return {"unfenced": self._run}

    def reload(self, settings: Settings) -> None:
        """Whether they are enforced is decided at the start."""

    def metrics(self) -> Iterator[str]:
        """None."""
        return iter(())

    async def close(self) -> None:
        """Nothing is left."""

    async def _run(self) -> None:
        told: tuple[Problem, ...] = ()
        async for snapshot in self._hub.snapshots():
            if (problems := not_in_force(snapshot)) != told:
                told = problems
                self._on_problems(told)


def is_wanted(settings: Settings, *, on_box: bool) -> bool:
    """On a box alone: on a cluster another program may enforce them."""
    return on_box and not settings.policy.enforce
