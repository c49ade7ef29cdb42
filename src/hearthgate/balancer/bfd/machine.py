"""One BFD session: RFC 5880, sections 6.2 to 6.8. Pure: the time comes with every call.

Times are seconds of a clock that never goes back; intervals are microseconds, as packets have them.
"""

from typing import Final, NamedTuple

from hearthgate.balancer.bfd.packet import Control, Diagnostic, State

SLOW: Final = 1_000_000
"""The least interval while a session is not up (section 6.8.3)."""


class Timers(NamedTuple):
    """transmit, receive: microseconds. multiplier: so many packets may be missed. passive: speaks only when
    spoken to."""

    transmit: int = 300_000
    receive: int = 300_000
    multiplier: int = 3
    passive: bool = False


class Machine:
    """discriminator: ours, not 0 and like no other session's."""

    def __init__(self, timers: Timers, discriminator: int) -> None:
        self.timers = timers
        self.state = State.DOWN
        self.diagnostic = Diagnostic.NONE
        self.discriminator = discriminator
        self.has_failed = False
        """Whether it was up and the way died: not so when the other side ended it on purpose (RFC 5882, 4.2)."""
        self._before: Timers | None = None
        """Timers that count as well, until the other side knows the new ones."""
        self._theirs: Control | None = None
        self._heard: float | None = None
        self._polls = False

    @property
    def is_up(self) -> bool:
        return self.state is State.UP

    @property
    def may_speak(self) -> bool:
        """Not before the other side if passive, nor when that can take no packets (section 6.8.7)."""
        if self._theirs is None:
            return not self.timers.passive
        return self._theirs.receive > 0

    @property
    def interval(self) -> float:
        """Seconds between two packets of ours, before jitter."""
        transmit = self.timers.transmit
        if self._before is not None:
            transmit = min(transmit, self._before.transmit)
        if not self.is_up:
            transmit = max(transmit, SLOW)
        return max(transmit, self._theirs.receive if self._theirs is not None else 1) / 1e6

    @property
    def detection(self) -> float:
        """Seconds of silence after which the session is down."""
        if self._theirs is None:
            return 0.0
        receive = self.timers.receive
        if self._before is not None:
            receive = max(receive, self._before.receive)
        return self._theirs.multiplier * max(receive, self._theirs.transmit) / 1e6

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do, unless a packet comes."""
        return None if self._heard is None else self._heard + self.detection

    def hear(self, control: Control, now: float) -> Control | None:
        """Takes a packet of this session; the answer, if it must have one at once."""
        if control.yours not in {0, self.discriminator}:
            return None
        self._theirs = control
        self._heard = now
        if control.final:
            self._polls = False
            self._before = None
        if self.state is not State.ADMIN_DOWN:
            self._step(control.state)
        return self.speak(final=True) if control.poll else None

    def expire(self, now: float) -> bool:
        """Whether the other side has been silent for too long. It is forgotten then (section 6.8.1)."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return False
        self._theirs = None
        self._heard = None
        if self.state in {State.INIT, State.UP}:
            self._go(State.DOWN, Diagnostic.EXPIRED)
        return True

    def retime(self, timers: Timers) -> None:
        """New timers for a session that goes on: agreed on by a poll (section 6.8.3)."""
        if timers == self.timers:
            return
        if self.is_up:
            self._before = self.timers
            self._polls = True
        self.timers = timers

    def shut(self) -> None:
        """Ends it on purpose: the other side learns that the way is not dead."""
        self._go(State.ADMIN_DOWN, Diagnostic.ADMIN_DOWN)

    def speak(self, *, final: bool = False) -> Control:
        """The packet that is to be sent now."""
        timers = self.timers
        return Control(
            self.state,
            timers.multiplier,
            self.discriminator,
            self._theirs.mine if self._theirs is not None else 0,
            timers.transmit if self.is_up else max(timers.transmit, SLOW),
            timers.receive,
            self.diagnostic,
            poll=self._polls and not final,
            final=final,
        )

    def _step(self, theirs: State) -> None:
        if theirs is State.ADMIN_DOWN:
            if self.state is not State.DOWN:
                self._go(State.DOWN, Diagnostic.NEIGHBOR_DOWN)
        elif self.state is State.DOWN:
            if theirs is State.DOWN:
                self._go(State.INIT, self.diagnostic)
            elif theirs is State.INIT:
                self._go(State.UP, Diagnostic.NONE)
        elif self.state is State.INIT:
            if theirs in {State.INIT, State.UP}:
                self._go(State.UP, Diagnostic.NONE)
        elif theirs is State.DOWN:
            self._go(State.DOWN, Diagnostic.NEIGHBOR_DOWN)

    def _go(self, state: State, diagnostic: Diagnostic) -> None:
        is_on_purpose = self._theirs is not None and self._theirs.state is State.ADMIN_DOWN
        if self.is_up and state is State.DOWN:
            self.has_failed = not is_on_purpose
        elif state is State.UP:
            self.has_failed = False
        self.state = state
        self.diagnostic = diagnostic
        self._before = None
        self._polls = state is State.UP
        """From slow to fast: the other side is told by a poll."""
