"""Processes that die between any two steps, and what they had done by then."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from hearthgate.cluster.client import Client, Object
from hearthgate.cluster.config import from_files
from hearthgate.resources.kinds import Kind
from tests.component.certificates.stage import Stage


class Killed(BaseException):
    """The process is no more."""


class Fate:
    """steps: those so far, by name. after: the one to die after; None: live."""

    def __init__(self, after: int | None = None) -> None:
        self.steps: list[str] = []
        self._after = after

    def step(self, name: str) -> None:
        if self._after is not None and len(self.steps) >= self._after:
            raise Killed  # whatever was under way when it died
        self.steps.append(name)
        if len(self.steps) == self._after:
            raise Killed


class MortalClient(Client):
    """Dies after a write that was done. Events do not count."""

    def __init__(self, stage: Stage, fate: Fate) -> None:
        super().__init__(from_files([stage.server.kubeconfig]))
        self._fate = fate

    async def create(self, kind: Kind, content: Mapping[str, Any]) -> Object:
        written = await super().create(kind, content)
        if kind.kind != "Event":
            self._fate.step(f"create {kind.kind}")
        return written

    async def apply(self, kind: Kind, content: Mapping[str, Any], *, manager: str = "hearthgate") -> Object:
        written = await super().apply(kind, content, manager=manager)
        self._fate.step(f"apply {kind.kind}")
        return written

    async def patch_status(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        written = await super().patch_status(kind, namespace, name, patch)
        self._fate.step(f"status of {kind.kind}")
        return written

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str = "") -> None:
        await super().delete(kind, namespace, name, uid=uid)
        self._fate.step(f"delete {kind.kind}")


@contextlib.contextmanager
def deadly() -> Iterator[None]:
    """Inside, a process may be killed; any other error of it is raised."""
    try:
        yield
    except Killed:
        return
    except BaseExceptionGroup as group:
        _, others = group.split(Killed)
        if others is not None:
            raise others from None
