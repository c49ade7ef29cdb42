"""One session with a router: opens it, keeps it alive, tells the routes, and begins again when it ends.

We connect, nobody connects to us (as upstream's native speaker): a router that waits for us only (passive) and one
that tries on its own are both content with that.
"""

import asyncio
import contextlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, NoReturn

import structlog

from hearthgate.balancer.bgp import messages
from hearthgate.balancer.bgp.connection import connect, local_address, next_hops, receive, router_id
from hearthgate.balancer.bgp.messages import Family, Kind, Notification, Open
from hearthgate.balancer.bgp.model import Path, Peer, Prefix, Session
from hearthgate.balancer.bgp.updates import Terms, end_of_rib, updates
from hearthgate.balancer.layer2.links import Interfaces
from hearthgate.model.errors import Transient, WireError

log = structlog.get_logger(__name__)

OPEN_WITHIN: Final = 60.0
"""Seconds that a router may take for its OPEN."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 16.0
"""Seconds between attempts, where the BGPPeer has no connectTime: doubled each time."""
SHUTDOWN: Final = Notification(6, 2)
REMOVED: Final = Notification(6, 3)
CHANGED: Final = Notification(6, 6)
BFD_DOWN: Final = Notification(6, 10)


@dataclass
class Counts:
    """Of messages since the start of the program."""

    opens_sent: int = 0
    opens_received: int = 0
    notifications_sent: int = 0
    updates_sent: int = 0
    updates_received: int = 0
    keepalives_sent: int = 0
    keepalives_received: int = 0
    sent: int = 0
    received: int = 0


class _Ended(Exception):
    """notification: what the router is told."""

    def __init__(self, notification: Notification, message: str) -> None:
        super().__init__(message)
        self.notification = notification


class PeerSession:
    """node: our name, for a router ID where no interface gives one. interfaces: what this machine has, asked at
    each attempt. on_change: told whenever the session comes up, goes down, or fails for another reason."""

    def __init__(
        self,
        session: Session,
        node: str,
        *,
        interfaces: Callable[[], Interfaces],
        on_change: Callable[[], None],
    ) -> None:
        self.peer: Peer = session.peer
        self.label = session.label
        self.counts = Counts()
        self.is_up = False
        self.trouble = ""
        """Why the session is down, or not all is announced; for people."""
        self._node = node
        self._interfaces = interfaces
        self._on_change = on_change
        self._routes: Mapping[Prefix, Path] = session.routes
        self._told: Mapping[Prefix, Path] = {}
        self._terms: Terms | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._has_been_up = False
        self._farewell = SHUTDOWN
        self._wake = asyncio.Event()
        self._reset_by: Notification | None = None
        self._beat: asyncio.TimerHandle | None = None

    @property
    def announced(self) -> int:
        """How many prefixes the router has from us."""
        if self._terms is None:
            return 0
        return sum(Family.of(prefix.version) in self._terms.next_hops for prefix in self._told)

    async def run(self) -> None:
        """Until cancelled; the router is told then that this was meant."""
        pause = FIRST_PAUSE
        while True:
            self._wake.clear()
            had_been_up = False
            try:
                await self._once()
            except (Transient, _Ended, WireError, TimeoutError) as error:
                had_been_up = self.is_up
                self._down(str(error) or "the router is silent: its hold time expired")
            pause = FIRST_PAUSE if had_been_up else min(pause * 2, LONGEST_PAUSE)
            wait = self.peer.connect_time or pause
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def announce(self, routes: Mapping[Prefix, Path]) -> None:
        """The whole table that the router shall have: what is new of it is sent now."""
        self._routes = routes
        if self.is_up:
            self._send_updates()

    def reset(self, notification: Notification) -> None:
        """Ends the connection, if there is one; all that was announced is gone with it."""
        if self._writer is None or self._writer.is_closing():
            return
        self._send_notification(notification)
        self._reset_by = notification
        if self._writer.transport.get_write_buffer_size():
            self._writer.transport.abort()  # on a dead way nothing is to be waited for
        else:
            self._writer.close()

    def wake(self) -> None:
        """Tries again now, if it waits to."""
        self._wake.set()

    def end_with(self, notification: Notification) -> None:
        """What the router is to be told when `run` is cancelled."""
        self._farewell = notification

    async def _once(self) -> None:
        """One connection, from its beginning to its end. Always raises."""
        reader, writer = await connect(self.peer)
        self._writer = writer
        self._reset_by = None
        try:
            await self._talk(reader, writer)
        except (_Ended, WireError, TimeoutError) as error:
            self._tell_end(error)
            raise
        except Transient as error:
            if self._reset_by is not None:
                raise Transient(str(self._reset_by)) from error
            raise
        finally:
            if self._beat is not None:
                self._beat.cancel()
            if self._is_cancelled() and not (self.peer.graceful and self._farewell is SHUTDOWN):
                # With graceful restart a bare end says: keep the routes, we shall be back (RFC 4724, section 4.2).
                self._send_notification(self._farewell)
            self._writer = None
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()

    @staticmethod
    def _is_cancelled() -> bool:
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> NoReturn:
        local, interfaces = local_address(writer), self._interfaces()
        self._send(self._own_open(router_id(local, interfaces)).encode())
        self.counts.opens_sent += 1
        async with asyncio.timeout(OPEN_WITHIN):
            theirs = read_first(*await self._receive(reader))
            self.counts.opens_received += 1
            check_open(theirs, self.peer)
            self._send_keepalive()
            while (await self._expect(reader)) is not Kind.KEEPALIVE:
                continue
        hold = min(self.peer.hold_time, theirs.hold_time)
        if hold:
            self._keep_alive(min(self.peer.keepalive_time or hold, hold / 3))
        hops = next_hops(local, self.peer.families, interfaces)
        agreed = {family: hop for family, hop in hops.items() if family in theirs.families}
        self._terms = Terms(self.peer.local_asn, self.peer.is_internal, theirs.has_long_asn, agreed)
        self._up(_without(self.peer, hops, theirs))
        self._send_updates()
        if theirs.restart_families is not None:
            for family in sorted(agreed):
                self._send(end_of_rib(family))
        while True:
            async with asyncio.timeout(hold or None):
                await self._expect(reader)

    def _own_open(self, found: IPv4Address | None) -> Open:
        own_id = self.peer.router_id or found or IPv4Address(zlib.crc32(self._node.encode()) or 1)
        families = frozenset(Family.of(version) for version in self.peer.families)
        return Open(
            self.peer.local_asn,
            self.peer.hold_time,
            own_id,
            families,
            restart_families=families if self.peer.graceful else None,
            is_restarting=not self._has_been_up,
        )

    async def _receive(self, reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
        kind, body = await receive(reader)
        self.counts.received += 1
        return kind, body

    async def _expect(self, reader: asyncio.StreamReader) -> Kind:
        """Takes one message once the router has opened. What it tells of its own routes is not looked at."""
        kind, body = await self._receive(reader)
        if kind is Kind.NOTIFICATION:
            raise Transient(f"the router ended the session: {messages.read_notification(body)}")
        if kind is Kind.OPEN:
            raise _Ended(Notification(5, 0), "the router opened a session twice")
        if kind is Kind.KEEPALIVE:
            self.counts.keepalives_received += 1
        elif kind is Kind.UPDATE:
            self.counts.updates_received += 1
        elif self.is_up:
            self._tell_again(messages.read_refresh(body))
        return kind

    def _tell_again(self, family: Family | None) -> None:
        self._told = {prefix: path for prefix, path in self._told.items() if Family.of(prefix.version) != family}
        self._send_updates()

    def _keep_alive(self, interval: float) -> None:
        self._send_keepalive()
        self._beat = asyncio.get_running_loop().call_later(interval, self._keep_alive, interval)

    def _up(self, trouble: str) -> None:
        self.is_up = self._has_been_up = True
        self.trouble = trouble
        log.info("bgp session up", peer=self.label, trouble=trouble)
        self._on_change()

    def _down(self, why: str) -> None:
        was_up, before = self.is_up, self.trouble
        self.is_up = False
        self.trouble = why
        self._told = {}
        self._terms = None
        if was_up or why != before:
            log.warning("bgp session down", peer=self.label, why=why)
            self._on_change()

    def _send_updates(self) -> None:
        if self._terms is None:
            return
        for update in updates(self._told, self._routes, self._terms):
            self._send(update)
            self.counts.updates_sent += 1
        self._told = self._routes

    def _send_keepalive(self) -> None:
        self._send(messages.KEEPALIVE)
        self.counts.keepalives_sent += 1

    def _send_notification(self, notification: Notification) -> None:
        self._send(notification.encode())
        self.counts.notifications_sent += 1

    def _tell_end(self, error: Exception) -> None:
        if isinstance(error, _Ended):
            self._send_notification(error.notification)
        elif isinstance(error, TimeoutError):
            self._send_notification(Notification(4, 0))
        elif isinstance(error, WireError):
            self._send_notification(Notification(1, 0))

    def _send(self, data: bytes) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)
            self.counts.sent += 1


def read_first(kind: Kind, body: bytes) -> Open:
    """The OPEN that the router begins with. Raises Transient when it refuses, WireError when it says else."""
    if kind is Kind.NOTIFICATION:
        raise Transient(f"the router refuses the session: {messages.read_notification(body)}")
    if kind is not Kind.OPEN:
        raise WireError(f"the router begins with {kind.name}")
    return messages.read_open(body)


def check_open(theirs: Open, peer: Peer) -> None:
    """Raises _Ended when this is not the router that the BGPPeer means."""
    asn = theirs.asn
    if peer.remote_asn is not None and asn != peer.remote_asn:
        message = f"the router has AS {asn}, and the BGPPeer says {peer.remote_asn}: correct spec.peerASN"
        raise _Ended(Notification(2, 2), message)
    if peer.remote_asn is None and asn == peer.local_asn:
        message = f"the router has our own AS {asn}, and the BGPPeer says dynamicASN external: take internal"
        raise _Ended(Notification(2, 2), message)
    if asn > 0xFFFF and not theirs.has_long_asn:
        raise _Ended(Notification(2, 2), f"the router has AS {asn} and knows no such numbers")


def _without(peer: Peer, hops: Mapping[Family, object], theirs: Open) -> str:
    """Why routes of some family are not announced."""
    for version in peer.families:
        family = Family.of(version)
        if family not in hops:
            return f"no IPv{version} route is announced: the interface of the session has no IPv{version} address"
        if family not in theirs.families:
            way_out = f"activate the address family ipv{version} unicast for this node there"
            return f"no IPv{version} route is announced: the router does not take them: {way_out}"
    return ""
