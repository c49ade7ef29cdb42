"""All sessions of this node: keeps those that stay the same, makes and ends the others, and lets BFD end them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.bfd.service import BfdService
from hearthgate.balancer.bfd.service import State as BfdState
from hearthgate.balancer.bfd.service import Wanted as BfdWanted
from hearthgate.balancer.bgp.model import Session
from hearthgate.balancer.bgp.session import BFD_DOWN, CHANGED, REMOVED, Counts, PeerSession
from hearthgate.balancer.layer2.links import Interfaces
from hearthgate.balancer.layer2.netlink import interfaces as ask_interfaces
from hearthgate.cluster.snapshot import Key


class SessionState(NamedTuple):
    """Of one BGPPeer. label: of metrics. announced: prefixes that the router has. bfd: None without."""

    label: str
    is_up: bool
    trouble: str
    announced: int
    counts: Counts
    bfd: BfdState | None


@dataclass
class _Running:
    wanted: Session
    session: PeerSession
    task: asyncio.Task[None]


class Router:
    """node: our name. on_change: told whenever a session is in another state."""

    def __init__(
        self,
        node: str,
        *,
        on_change: Callable[[], None] = lambda: None,
        interfaces: Callable[[], Interfaces] = ask_interfaces,
    ) -> None:
        self._node = node
        self._on_change = on_change
        self._interfaces = interfaces
        self._wanted: tuple[Session, ...] = ()
        self._running: dict[Key, _Running] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._bfd = BfdService(self._on_bfd)

    @property
    def state(self) -> Mapping[Key, SessionState]:
        bfd = self._bfd.state
        return {key: self._state_of(one, bfd) for key, one in sorted(self._running.items())}

    def apply(self, sessions: Iterable[Session]) -> None:
        """These and no others, from now on; before `run`, once it runs."""
        self._wanted = tuple(sessions)
        if self._group is not None:
            self._settle(self._group)

    async def run(self) -> None:
        """Until cancelled: then every router learns that nothing is announced any more."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._settle(group)
                await asyncio.get_running_loop().create_future()
        finally:
            self._group = None
            self._running.clear()
            self._bfd.close()

    def _settle(self, group: asyncio.TaskGroup) -> None:
        wanted = {session.key: session for session in self._wanted}
        for key, running in list(self._running.items()):
            new = wanted.get(key)
            if new is None or new.peer != running.wanted.peer:
                running.session.end_with(REMOVED if new is None else CHANGED)
                running.task.cancel()
                self._ending.add(running.task)
                running.task.add_done_callback(self._ending.discard)
                del self._running[key]
            else:
                running.wanted = new
                running.session.announce(new.routes)
        for key, session in wanted.items():
            if key not in self._running:
                made = PeerSession(session, self._node, interfaces=self._interfaces, on_change=self._on_change)
                self._running[key] = _Running(session, made, group.create_task(made.run()))
        self._bfd.apply({one.peer.address: _bfd_of(one) for one in self._wanted if one.bfd is not None})

    def _on_bfd(self, address: Address, lives: bool) -> None:
        """A dead way takes the routes with it: the router must not send here, were it to hear that."""
        for running in self._running.values():
            if running.wanted.peer.address == address and running.wanted.bfd is not None:
                if lives:
                    running.session.wake()
                else:
                    running.session.reset(BFD_DOWN)
        self._on_change()

    @staticmethod
    def _state_of(running: _Running, bfd: Mapping[Address, BfdState]) -> SessionState:
        session = running.session
        own = bfd.get(running.wanted.peer.address) if running.wanted.bfd is not None else None
        trouble = session.trouble or (own.trouble if own is not None else "")
        return SessionState(session.label, session.is_up, trouble, session.announced, session.counts, own)


def _bfd_of(session: Session) -> BfdWanted:
    bfd = session.bfd
    assert bfd is not None  # noqa: S101 - the caller has looked
    return BfdWanted(bfd.timers, session.peer.source, bfd.minimum_ttl)
