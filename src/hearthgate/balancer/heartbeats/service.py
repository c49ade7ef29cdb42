"""Sends heartbeats to the peers and listens to theirs."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from hearthgate.balancer.heartbeats.members import Members
from hearthgate.balancer.heartbeats.packet import LONGEST, Heartbeat, decode_heartbeat
from hearthgate.balancer.settings import Where

log = structlog.get_logger(__name__)

FAREWELLS: Final = 3
"""How often a leaving node says so: datagrams get lost."""
_TOLD_AT: Final = frozenset({1, 10, 100, 1000, 10000})


class Heartbeats(asyncio.DatagramProtocol):
    """node: our name. key: of all nodes. interval: seconds between two heartbeats. misses: after so many a node
    counts as dead. peers: where the others are, asked anew for each round. on_change: told whenever the set of
    living nodes is another one."""

    def __init__(
        self,
        node: str,
        key: bytes,
        *,
        peers: Callable[[], Iterable[Where]],
        on_change: Callable[[frozenset[str]], None],
        interval: float = 0.2,
        misses: int = 3,
    ) -> None:
        self._node = node
        self._key = key
        self._peers = peers
        self._on_change = on_change
        self._interval = interval
        self._run = time.time_ns()
        self._sequence = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._alive: frozenset[str] = frozenset()
        self._timer: asyncio.TimerHandle | None = None
        self._is_leaving = False
        self._namesakes: set[int] = set()
        self.members = Members(node, interval * misses, time.monotonic())
        self.refused = 0
        """Datagrams that were not written with our key."""

    async def run(self, here: Where) -> None:
        """Until cancelled; then says farewell. here: an empty host for all networks of this machine, of both
        families. Raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=_bound(here))
        self._transport = transport
        try:
            while True:
                self._beat()
                await asyncio.sleep(self._interval)
        finally:
            self.leave()
            transport.close()
            self._transport = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def leave(self) -> None:
        """Tells the others that we announce nothing any more. To be called once that is true."""
        if self._is_leaving:
            return
        self._is_leaving = True
        for _ in range(FAREWELLS):
            self._send()

    @property
    def alive(self) -> frozenset[str]:
        """As `on_change` was told last; without ourselves once we leave."""
        return self._alive - {self._node} if self._is_leaving else self._alive

    def is_awake(self) -> bool:
        """Whether answers to the network may be given now."""
        return not self._is_leaving and self.members.is_awake(time.monotonic())

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        beat = decode_heartbeat(data, self._key) if len(data) <= LONGEST else None
        if beat is None:
            self.refused += 1
            if self.refused in _TOLD_AT:
                log.warning("heartbeat refused: written with another key", sender=addr[0], refused=self.refused)
            return
        if beat.node == self._node and beat.run != self._run and beat.run not in self._namesakes:
            self._namesakes.add(beat.run)
            log.error("another node has our name: start one of them with another --node", sender=addr[0])
        if self.members.hear(beat, time.monotonic()):
            self._look()

    def error_received(self, exc: Exception) -> None:
        """A peer that is down says so by ICMP; its silence tells all that matters."""

    def _beat(self) -> None:
        self.members.tick(time.monotonic())
        if not self._is_leaving:
            self._send()
        self._look()

    def _send(self) -> None:
        if self._transport is None:
            return
        self._sequence += 1
        data = Heartbeat(self._node, self._run, self._sequence, self._is_leaving).encode(self._key)
        is_v6 = self._transport.get_extra_info("socket").family == socket.AF_INET6
        for host, port in self._peers():
            mapped = f"::ffff:{host}" if is_v6 and ":" not in host else host
            with contextlib.suppress(OSError):  # no route now: the next one may get there
                self._transport.sendto(data, (mapped, port))

    def _look(self) -> None:
        """Tells who is alive, and looks again when the next one would be dead."""
        now = time.monotonic()
        alive = self.members.alive(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (wait := self.members.next_death(now)) is not None and self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(wait + 0.001, self._look)
        if alive != self._alive:
            log.info("living nodes changed", alive=sorted(alive), before=sorted(self._alive))
            self._alive = alive
            self._on_change(alive)


def _bound(here: Where) -> socket.socket:
    if here.host:
        made = socket.socket(socket.AF_INET6 if ":" in here.host else socket.AF_INET, socket.SOCK_DGRAM)
    else:
        try:
            made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        except OSError:  # a kernel without IPv6
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.bind((here.host, here.port))
    except OSError:
        made.close()
        raise
    return made
