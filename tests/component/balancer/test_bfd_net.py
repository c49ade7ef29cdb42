"""BFD over real sockets: two of ours, and packets that must not count."""

import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.bfd.machine import Timers
from hearthgate.balancer.bfd.packet import Control, State
from hearthgate.balancer.bfd.service import BfdService, Wanted
from hearthgate.balancer.bfd.sockets import SINGLE_HOP
from tests.routers import NEEDS_NETWORK, wire
from tests.waiting import eventually

pytestmark = NEEDS_NETWORK
ONE, TWO = ip_address("127.0.0.1"), ip_address("127.0.0.2")
FAST = Timers(50_000, 50_000, 3)


class Side:
    """told: what it heard of its router."""

    def __init__(self, own: Address, peer: Address) -> None:
        self.own, self.peer = own, peer
        self.told: list[bool] = []
        self.service = BfdService(lambda _, lives: self.told.append(lives))

    def begin(self, timers: Timers = FAST) -> None:
        self.service.apply({self.peer: Wanted(timers, self.own)})

    @property
    def is_up(self) -> bool:
        return self.service.state[self.peer].is_up


@pytest.fixture
def network() -> Iterator[None]:
    """The ports of BFD are fixed: they are used in a network of the test's own."""
    with wire():
        yield


@contextlib.contextmanager
def two() -> Iterator[tuple[Side, Side]]:
    one, other = Side(ONE, TWO), Side(TWO, ONE)
    one.begin()
    other.begin()
    try:
        yield one, other
    finally:
        one.service.close()
        other.service.close()


@pytest.mark.usefixtures("network")
async def test_an_end_on_purpose_is_no_death() -> None:
    with two() as (one, other):
        await eventually(lambda: one.is_up and other.is_up, what="both up")
        other.service.close()
        await eventually(lambda: not one.is_up, what="the end seen")
        assert (one.told, one.service.state[TWO].counts.downs) == ([True], 1)


@pytest.mark.usefixtures("network")
async def test_new_timers_leave_a_session_up() -> None:
    with two() as (one, other):
        await eventually(lambda: one.is_up and other.is_up, what="both up")
        one.begin(Timers(60_000, 400_000, 4))
        seen = other.service.state[ONE].counts.packets_in
        await eventually(lambda: other.service.state[ONE].counts.packets_in > seen + 5, what="more packets")
        assert (one.told, other.told) == ([True], [True])


@pytest.mark.usefixtures("network")
async def test_a_packet_from_far_away_is_refused() -> None:
    side = Side(ONE, TWO)
    side.begin()
    try:
        with socket.socket(type=socket.SOCK_DGRAM) as far:
            far.bind((str(TWO), 0))
            packet = Control(State.DOWN, 3, 7, 0, 100_000, 100_000).encode()
            for ttl, data in ((254, packet), (255, b"x" * 24), (255, packet)):
                far.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
                far.sendto(data, (str(ONE), SINGLE_HOP))
        await eventually(lambda: side.service.state[TWO].counts.packets_in == 1, what="the packet that counts")
        assert side.service.state[TWO].counts.refused == 2
    finally:
        side.service.close()


@pytest.mark.usefixtures("network")
async def test_a_port_that_is_taken_is_told_and_tried_again() -> None:
    side = Side(ONE, TWO)
    with socket.socket(type=socket.SOCK_DGRAM) as other_daemon:
        other_daemon.bind((str(ONE), SINGLE_HOP))
        side.begin()
        assert "port 3784: Address already in use" in side.service.state[TWO].trouble
    try:
        await eventually(lambda: side.service.state[TWO].trouble == "", what="another attempt")
    finally:
        side.service.close()
