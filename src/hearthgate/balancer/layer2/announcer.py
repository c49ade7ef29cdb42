"""Says in the local network where addresses are: answers ARP and neighbour solicitations for those that this node
announces, tells everybody when one arrives, and watches for others that claim them.

Which addresses those are is the speaker's choice. The rule for duplicates is RFC 5227's.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from hearthgate.balancer.layer2.conflicts import Address, Conflict, Foreign


class Mode(StrEnum):
    """Who answers for IPv4.

    KERNEL: a local route makes the kernel do it, also while this process restarts: for a box alone.
    RESPONDER: only this process, so that a dead one is silent: for several nodes.
    """

    KERNEL = "kernel"
    RESPONDER = "responder"


class Announced(NamedTuple):
    """interfaces: where the address is answered for now. trouble: why nowhere, or not where it was asked for, and
    the way out; empty when all is well. foreign: who it was yielded to."""

    interfaces: tuple[str, ...]
    trouble: str
    foreign: Foreign | None


class Counts(NamedTuple):
    """By address, since the start. Fields in the order of upstream's metrics: metallb_layer2_requests_received,
    _responses_sent, _gratuitous_sent."""

    requests: int = 0
    responses: int = 0
    gratuitous: int = 0


class Announcer:
    """may_answer: asked before every frame that claims an address. peers: addresses of the other nodes, for
    telling them from foreigners."""

    def __init__(
        self,
        *,
        mode: Mode,
        may_answer: Callable[[], bool],
        on_conflict: Callable[[Conflict], None],
        on_change: Callable[[], None] = lambda: None,
        peers: Callable[[], Iterable[Address]] = tuple,
    ) -> None:
        """on_change: `state` is another one, as when an interface went down."""
        raise NotImplementedError

    async def start(self) -> None:
        """Never raises for want of a capability: `state` and `missing` tell of it."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Silent from now on. Says nothing to the network. In kernel mode the kernel goes on answering."""
        raise NotImplementedError

    @property
    def missing(self) -> str:
        """The capability without which nothing can be announced, and the way out; empty when there is none."""
        raise NotImplementedError

    def announce(self, address: Address, *, interfaces: frozenset[str] | None) -> None:
        """interfaces: None for one whose network has the address. Told again with others, it moves there; told
        again alike, nothing happens. May be called before `start`."""
        raise NotImplementedError

    def withdraw(self, address: Address) -> None:
        """Silent from this moment. Of an address that is not announced: nothing, except that a local route left
        by an earlier process goes."""
        raise NotImplementedError

    def keep_only(self, addresses: Iterable[Address]) -> None:
        """Withdraws all others, those left in the kernel by an earlier process included."""
        raise NotImplementedError

    async def probe(self, address: Address, interfaces: frozenset[str] | None) -> Foreign | None:
        """Who else has the address, asked thrice within some tenths of a second; None when nobody answered."""
        raise NotImplementedError

    @property
    def state(self) -> Mapping[Address, Announced]:
        """Of every announced address."""
        raise NotImplementedError

    @property
    def counts(self) -> Mapping[Address, Counts]:
        raise NotImplementedError
