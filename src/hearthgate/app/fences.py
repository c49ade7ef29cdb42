"""The policy domain, wired: NetworkPolicies in force for the members of this box."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from hearthgate.app.parts import POLICIES
from hearthgate.app.settings import Settings
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.model.problems import Problem
from hearthgate.policy.controller import KINDS as POLICY_KINDS
from hearthgate.policy.controller import Enforcer
from hearthgate.policy.settings import pods_of
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = POLICY_KINDS
"""What this domain reads."""


class Fences:
    """on_problems: told all whenever they change."""

    description = POLICIES

    def __init__(
        self,
        settings: Settings,
        *,
        events: EventWriter,
        hub: Hub,
        on_problems: Callable[[tuple[Problem, ...]], None],
    ) -> None:
        self._hub = hub
        self._enforcer = Enforcer(
            pods_of(settings.policy), events, force=settings.policy.force, on_problems=on_problems
        )

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""
        return {"policies": lambda: self._enforcer.run(self._hub.snapshots())}

    def reload(self, settings: Settings) -> None:
        """Nothing of it changes while the program runs."""

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""
        yield from self._enforcer.lines()

    async def close(self) -> None:
        """The rules stay in force: `hearthgate policy off` removes them."""


def is_wanted(settings: Settings, *, on_box: bool) -> bool:
    """On a box alone: a cluster's nodes have their own programs for it."""
    return settings.policy.enforce and on_box
