"""Who is alive, by what was heard when. Pure: every call is told the time, in seconds of a monotonic clock."""

from typing import Final, NamedTuple

from hearthgate.balancer.heartbeats.packet import Heartbeat

FORGET_AFTER: Final = 60.0
"""Seconds of silence after which an earlier run is believed again: the sender's clock may have been set back.
Until then an old packet that somebody recorded brings nobody back to life."""


class _Peer(NamedTuple):
    run: int
    sequence: int
    heard: float
    is_leaving: bool


class Members:
    """node: our own name. patience: seconds of silence after which a node counts as dead.

    We count ourselves only while we are awake: a process that was frozen, or starved, does not know what others
    decided meanwhile, so it stands aside until it has listened for as long as they wait for it.
    """

    def __init__(self, node: str, patience: float, now: float) -> None:
        self._node = node
        self._patience = patience
        self._peers: dict[str, _Peer] = {}
        self._ticked = now
        self._awake_from = now + patience

    def tick(self, now: float) -> None:
        """To be called several times within `patience`; one that comes late shows that we were not awake."""
        if now - self._ticked > self._patience:
            self._awake_from = now + self._patience
        self._ticked = now

    def is_awake(self, now: float) -> bool:
        """Whether what we believe is fresh enough to act on: answers to the network are given only then."""
        return now >= self._awake_from and now - self._ticked <= self._patience

    def hear(self, beat: Heartbeat, now: float) -> bool:
        """Returns whether the packet was new: older ones, and our own that come back, are nobody's life sign."""
        if beat.node == self._node:
            return False
        known = self._peers.get(beat.node)
        if known is not None:
            is_later = (beat.run, beat.sequence) > (known.run, known.sequence)
            is_forgotten = beat.run != known.run and now - known.heard > FORGET_AFTER
            if not is_later and not is_forgotten:
                return False
        self._peers[beat.node] = _Peer(beat.run, beat.sequence, now, beat.is_leaving)
        return True

    def retain(self, nodes: frozenset[str]) -> None:
        """Forgets peers that are no nodes any more."""
        self._peers = {node: peer for node, peer in self._peers.items() if node in nodes}

    def alive(self, now: float) -> frozenset[str]:
        """Nodes that can announce, ourselves among them while we are awake."""
        heard = {
            node
            for node, peer in self._peers.items()
            if not peer.is_leaving and now - peer.heard <= self._patience
        }
        return frozenset(heard | {self._node}) if self.is_awake(now) else frozenset(heard)

    def next_death(self, now: float) -> float | None:
        """Seconds until the next node counts as dead if nothing more is heard; None when nobody is alive."""
        living = (
            peer.heard + self._patience - now
            for peer in self._peers.values()
            if not peer.is_leaving and now - peer.heard <= self._patience
        )
        return min(living, default=None)

    def silences(self, now: float) -> dict[str, float]:
        """Seconds since each peer was heard."""
        return {node: now - peer.heard for node, peer in self._peers.items()}
