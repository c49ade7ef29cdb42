"""The policy domain, wired: NetworkPolicies in force for members of this machine, and for the Pods of a node."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from hearthgate.app.parts import POLICIES
from hearthgate.app.settings import Settings
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.problems import Problem
from hearthgate.policy.controller import KINDS as POLICY_KINDS
from hearthgate.policy.controller import Enforcer
from hearthgate.policy.ends import PodEnd, pods_on
from hearthgate.policy.settings import pods_of
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = POLICY_KINDS
"""What this domain reads."""


class Fences:
    """node: whose Pods are members as well; empty for none. on_problems: told all whenever they change."""

    description = POLICIES

    def __init__(
        self,
        settings: Settings,
        *,
        events: EventWriter,
        hub: Hub,
        on_problems: Callable[[tuple[Problem, ...]], None],
        node: str = "",
    ) -> None:
        self._hub = hub
        self._node = node
        self._declared = pods_of(settings.policy)
        self._enforcer = Enforcer(self._members, events, force=settings.policy.force, on_problems=on_problems)

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""
        return {"policies": lambda: self._enforcer.run(self._hub.snapshots())}

    def reload(self, settings: Settings) -> None:
        """Members come and go."""
        self._declared = pods_of(settings.policy)
        self._enforcer.look()

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""
        yield from self._enforcer.lines()

    async def close(self) -> None:
        """The rules stay in force: `hearthgate policy off` removes them."""

    def _members(self, snapshot: Snapshot) -> tuple[PodEnd, ...]:
        return (*self._declared, *pods_on(snapshot, self._node)) if self._node else self._declared


def is_wanted(settings: Settings, *, on_box: bool) -> bool:
    """On a box alone: the nodes of a cluster do it each for its own Pods."""
    return settings.policy.enforce and on_box
