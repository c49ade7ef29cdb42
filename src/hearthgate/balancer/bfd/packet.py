"""The control packet of BFD: RFC 5880, section 4.1. Pure."""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from hearthgate.model.errors import WireError

_FORMAT: Final = struct.Struct("!BBBBIIIII")
_VERSION: Final = 1
_POLL, _FINAL, _AUTHENTICATED, _DEMAND, _MULTIPOINT = 0x20, 0x10, 0x04, 0x02, 0x01


class State(IntEnum):
    ADMIN_DOWN = 0
    DOWN = 1
    INIT = 2
    UP = 3


class Diagnostic(IntEnum):
    """Why a session went down: those that we give."""

    NONE = 0
    EXPIRED = 1
    NEIGHBOR_DOWN = 3
    ADMIN_DOWN = 7


class Control(NamedTuple):
    """mine, yours: discriminators; `yours` is 0 while unknown. transmit: microseconds between packets that the
    sender wants to send. receive: between those that it can take; 0 for none. diagnostic: one of 32 numbers."""

    state: State
    multiplier: int
    mine: int
    yours: int
    transmit: int
    receive: int
    diagnostic: int = 0
    poll: bool = False
    final: bool = False

    def encode(self) -> bytes:
        flags = self.state << 6 | self.poll * _POLL | self.final * _FINAL
        head = _VERSION << 5 | self.diagnostic
        numbers = (self.mine, self.yours, self.transmit, self.receive, 0)
        return _FORMAT.pack(head, flags, self.multiplier, _FORMAT.size, *numbers)


def decode_control(data: bytes) -> Control:
    """As section 6.8.6 has it. Raises WireError. The way that we never ask for is refused: authentication,
    demand mode, multipoint."""
    if len(data) < _FORMAT.size:
        raise WireError(f"{len(data)} bytes are no BFD packet")
    head, flags, multiplier, length, mine, yours, transmit, receive, _ = _FORMAT.unpack_from(data)
    if head >> 5 != _VERSION:
        raise WireError(f"BFD version {head >> 5}")
    if not _FORMAT.size <= length <= len(data):
        raise WireError(f"length {length} of {len(data)} bytes")
    if flags & (_AUTHENTICATED | _MULTIPOINT | _DEMAND):
        raise WireError("authentication, multipoint or demand mode")
    if multiplier == 0 or mine == 0:
        raise WireError("multiplier or discriminator is 0")
    state = State(flags >> 6)
    if yours == 0 and state not in {State.DOWN, State.ADMIN_DOWN}:
        raise WireError("it is up with nobody")
    if flags & _POLL and flags & _FINAL:
        raise WireError("poll and final in one")
    return Control(
        state,
        multiplier,
        mine,
        yours,
        transmit,
        receive,
        head & 0x1F,
        bool(flags & _POLL),
        bool(flags & _FINAL),
    )
