"""Runs the BFD sessions of this node: sockets, timers, and telling who came up or died."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.bfd import sockets
from hearthgate.balancer.bfd.machine import Machine, Timers
from hearthgate.balancer.bfd.packet import Control, decode_control
from hearthgate.balancer.bfd.packet import State as BfdState
from hearthgate.model.errors import WireError

log = structlog.get_logger(__name__)

_TRY_AGAIN: Final = 1.0
"""Seconds until a session that found no route or no port looks again."""
_FAREWELLS: Final = 3
_chance = random.SystemRandom()


class Wanted(NamedTuple):
    """source: our address; None for that of the route. minimum_ttl: None for a neighbour, else the router may be
    far (RFC 5883)."""

    timers: Timers
    source: Address | None = None
    minimum_ttl: int | None = None


@dataclass
class Counts:
    packets_in: int = 0
    packets_out: int = 0
    ups: int = 0
    downs: int = 0
    refused: int = 0
    """Packets with a wrong TTL, or that are none of BFD's."""


class _Session:
    def __init__(self, peer: Address, wanted: Wanted, machine: Machine) -> None:
        self.peer = peer
        self.wanted = wanted
        self.machine = machine
        self.counts = Counts()
        self.trouble = ""
        self.local: Address | None = None
        self.sending: socket.socket | None = None
        self.send_timer: asyncio.TimerHandle | None = None
        self.dead_timer: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        return sockets.SINGLE_HOP if self.wanted.minimum_ttl is None else sockets.MULTIHOP


class State(NamedTuple):
    """trouble: why no packets can be exchanged; for people."""

    is_up: bool
    trouble: str
    counts: Counts


class BfdService:
    """on_change: told (router, whether the way to it lives) when a session came up, or when it died: not when the
    router ended it on purpose. Packets and timers are served by the event loop: what blocks that for as long as
    the detection time looks like death to the router."""

    def __init__(self, on_change: Callable[[Address, bool], None]) -> None:
        self._on_change = on_change
        self._sessions: dict[Address, _Session] = {}
        self._ears: dict[tuple[Address, int], socket.socket] = {}

    @property
    def state(self) -> Mapping[Address, State]:
        return {
            peer: State(one.machine.is_up, one.trouble, one.counts) for peer, one in sorted(self._sessions.items())
        }

    def apply(self, wanted: Mapping[Address, Wanted]) -> None:
        """Sessions with these routers and no others. One whose timers alone are new stays up."""
        for peer, session in list(self._sessions.items()):
            new = wanted.get(peer)
            if new is None or new._replace(timers=session.wanted.timers) != session.wanted:
                self._end(session)
            elif new != session.wanted:
                session.wanted = new
                session.machine.retime(new.timers)
                self._send(session)
        for peer, one in wanted.items():
            if peer not in self._sessions:
                session = _Session(peer, one, Machine(one.timers, self._discriminator()))
                self._sessions[peer] = session
                self._begin(session)
        self._close_ears()

    def close(self) -> None:
        """Tells the routers that this is no death."""
        self.apply({})

    def _discriminator(self) -> int:
        taken = {session.machine.discriminator for session in self._sessions.values()}
        while (number := _chance.randrange(1, 1 << 32)) in taken:
            continue
        return number

    def _begin(self, session: _Session) -> None:
        """Opens the sockets, or tries again later."""
        loop = asyncio.get_running_loop()
        try:
            local = session.wanted.source or sockets.own_address(session.peer)
            if (local, session.port) not in self._ears:
                ear = sockets.listen(local, session.port)
                self._ears[local, session.port] = ear
                loop.add_reader(ear, self._read, ear, session.port)
            session.local = local
            session.sending = sockets.speak(local)
        except OSError as error:
            session.trouble = f"BFD with {session.peer} on port {session.port}: {error.strerror}"
            session.send_timer = loop.call_later(_TRY_AGAIN, self._begin, session)
            return
        session.trouble = ""
        self._send(session)

    def _end(self, session: _Session) -> None:
        session.machine.shut()
        for _ in range(_FAREWELLS):
            self._put(session, session.machine.speak())
        for timer in (session.send_timer, session.dead_timer):
            if timer is not None:
                timer.cancel()
        if session.sending is not None:
            session.sending.close()
            session.sending = None
        del self._sessions[session.peer]

    def _close_ears(self) -> None:
        used = {(session.local, session.port) for session in self._sessions.values()}
        for place in self._ears.keys() - used:
            ear = self._ears.pop(place)
            asyncio.get_running_loop().remove_reader(ear)
            ear.close()

    def _send(self, session: _Session) -> None:
        """One packet now, the next in time, a little early by chance: RFC 5880, section 6.8.7."""
        machine = session.machine
        if machine.may_speak:
            self._put(session, machine.speak())
        if session.send_timer is not None:
            session.send_timer.cancel()
        earliest, latest = 0.75, 0.9 if machine.timers.multiplier == 1 else 1.0
        pause = machine.interval * _chance.uniform(earliest, latest)
        session.send_timer = asyncio.get_running_loop().call_later(pause, self._send, session)

    def _put(self, session: _Session, control: Control) -> None:
        if session.sending is None:
            return
        with contextlib.suppress(OSError):  # no route now: silence is what BFD tells that by
            session.sending.sendto(control.encode(), (str(session.peer), session.port))
            session.counts.packets_out += 1

    def _read(self, ear: socket.socket, port: int) -> None:
        for received in sockets.receive(ear):
            session = self._sessions.get(received.sender)
            if session is not None and session.port == port:
                self._take(session, received)

    def _take(self, session: _Session, received: sockets.Received) -> None:
        least = sockets.TTL if session.wanted.minimum_ttl is None else session.wanted.minimum_ttl
        try:
            if received.ttl < least:
                raise WireError(f"TTL {received.ttl}")
            control = decode_control(received.data)
        except WireError:
            session.counts.refused += 1
            return
        session.counts.packets_in += 1
        machine = session.machine
        before = (machine.state, machine.interval)
        answer = machine.hear(control, time.monotonic())
        if answer is not None:
            self._put(session, answer)
        self._watch(session)
        if (machine.state, machine.interval) != before:
            # Packets come faster once it is up; the router would wait in vain for the slow one.
            self._send(session)
            self._tell(session, was_up=before[0] is BfdState.UP)

    def _watch(self, session: _Session) -> None:
        if session.dead_timer is not None:
            session.dead_timer.cancel()
            session.dead_timer = None
        deadline = session.machine.deadline
        if deadline is not None:
            wait = max(0.0, deadline - time.monotonic())
            session.dead_timer = asyncio.get_running_loop().call_later(wait, self._expire, session)

    def _expire(self, session: _Session) -> None:
        """What came while the event loop was busy counts before the silence does."""
        if session.local is not None and (ear := self._ears.get((session.local, session.port))) is not None:
            self._read(ear, session.port)
        was_up = session.machine.is_up
        if session.machine.expire(time.monotonic()):
            self._send(session)
            self._tell(session, was_up=was_up)
        self._watch(session)

    def _tell(self, session: _Session, *, was_up: bool) -> None:
        machine = session.machine
        if machine.is_up == was_up:
            return
        if machine.is_up:
            session.counts.ups += 1
            log.info("bfd session up", peer=str(session.peer))
            self._on_change(session.peer, True)
            return
        session.counts.downs += 1
        log.warning("bfd session down", peer=str(session.peer), diagnostic=machine.diagnostic.name)
        if machine.has_failed:
            self._on_change(session.peer, False)
