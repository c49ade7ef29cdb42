"""Says in the local network where addresses are: answers ARP and neighbour solicitations for those that this node
announces, tells everybody when one arrives, and watches for others that claim them.

Which addresses those are is the speaker's choice. The kernel answers for none of them: a dead process is silent.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from typing import Final, NamedTuple

import structlog

from hearthgate.balancer.frames import arp, ndp
from hearthgate.balancer.frames.ethernet import Mac
from hearthgate.balancer.layer2.conflicts import Address, Conflict, Foreign
from hearthgate.balancer.layer2.ear import Ear, Frame
from hearthgate.balancer.layer2.links import EXCLUDED, Choice, Interfaces, Link
from hearthgate.balancer.layer2.netlink import Watch, interfaces

log = structlog.get_logger(__name__)

REPEATS: Final = (0.0, 0.05, 0.2, 1.3, 2.4, 3.5, 4.6)
"""Seconds after the arrival of an address. Early ones for speed; later ones since older Linux heeds no change
within a second of another."""
PROBES: Final = 3
SPACING: Final = 0.1
"""Seconds between two probes, and after the last: far less than RFC 5227 asks for, as a Service waits for it."""

DEFEND_INTERVAL: Final = 10.0
"""Seconds in which one claim of somebody else is answered (RFC 5227 2.4 (c)): what is announced is not given up,
for a Service is reached there, and two machines that both stay shall not shout at each other."""


class Announced(NamedTuple):
    """interfaces: where the address is answered for now. trouble: why nowhere, or not everywhere it was asked for,
    and the way out; empty when all is well. foreign: who else claimed it last, while we announced it."""

    interfaces: tuple[str, ...]
    trouble: str
    foreign: Foreign | None


class Counts(NamedTuple):
    """Of one address, since the start. In the order of upstream's metrics: metallb_layer2_requests_received,
    _responses_sent, _gratuitous_sent, and then how often somebody else claimed it."""

    requests: int = 0
    responses: int = 0
    gratuitous: int = 0
    conflicts: int = 0


class Announcer:
    """may_answer: asked before every frame that claims an address. on_conflict: somebody else claims one that this
    node announces; it is not given up. on_change: `state` is another one, as when an interface went down."""

    def __init__(
        self,
        *,
        may_answer: Callable[[], bool],
        on_conflict: Callable[[Conflict], None],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._may_answer = may_answer
        self._on_conflict = on_conflict
        self._on_change = on_change
        self._excluded = tuple(re.compile(pattern) for pattern in EXCLUDED)
        self._wanted: dict[Address, frozenset[str] | None] = {}
        self._probed: dict[Address, tuple[frozenset[str] | None, asyncio.Future[Foreign]]] = {}
        self._places: dict[Address, Choice] = {}
        self._foreign: dict[Address, Foreign] = {}
        self._counts: dict[Address, Counts] = {}
        self._defended: dict[tuple[Address, Link], float] = {}
        self._ears: dict[Link, Ear] = {}
        self._timers: dict[tuple[Address, Link], list[asyncio.TimerHandle]] = {}
        self._interfaces = Interfaces((), frozenset())
        self._watch: Watch | None = None
        self.missing = ""
        """The capability without which nothing can be announced, and the way out; empty when there is none."""

    async def start(self) -> None:
        """Never raises for want of a capability: `state` and `missing` tell of it."""
        self._watch = Watch(self._look)
        self._look()

    async def stop(self) -> None:
        """Silent from now on. Says nothing to the network."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        for address in tuple(self._wanted):
            self.withdraw(address)
        for ear in self._ears.values():
            ear.close()
        self._ears.clear()

    def announce(self, address: Address, *, interfaces: frozenset[str] | None) -> None:
        """interfaces: None for one whose network has the address. Told again with others, it moves there; told
        again alike, nothing happens. May be called before `start`."""
        if address not in self._wanted or self._wanted[address] != interfaces:
            self._wanted[address] = interfaces
            self._settle()

    def withdraw(self, address: Address) -> None:
        """Silent from this moment."""
        self._wanted.pop(address, None)
        self._foreign.pop(address, None)
        self._settle()

    def keep_only(self, addresses: Iterable[Address], *, in_reach: Iterable[Address] = ()) -> None:
        """Withdraws all others. in_reach: of no matter, as nothing is taken here."""
        for address in self._wanted.keys() - frozenset(addresses):
            self.withdraw(address)

    def repeat(self, address: Address) -> None:
        """Tells everybody again where it is, as after nodes that did not see each other meet."""
        if choice := self._places.get(address):
            for link in choice.links:
                self._tell(address, link)

    def why_not(self, address: Address) -> str:
        """Why an address cannot be announced, or asked for, on any interface; empty when it can."""
        choice = self._choose(address, None)
        return "" if choice.links else choice.trouble or "no interface of this machine is in its network"

    async def probe(self, address: Address, interfaces: frozenset[str] | None) -> Foreign | None:
        """Who else has the address or is about to take it, asked thrice; None when nobody answered in time."""
        future: asyncio.Future[Foreign] = asyncio.get_running_loop().create_future()
        self._probed[address] = interfaces, future
        self._settle()
        try:
            for _ in range(PROBES):
                for link in self._choose(address, interfaces).links:
                    if link.mac is not None:
                        self._send(link, _probe(address, link.mac))
                await asyncio.wait((future,), timeout=SPACING)
                if future.done():
                    return future.result()
            return None
        finally:
            self._probed.pop(address, None)
            self._settle()

    @property
    def state(self) -> Mapping[Address, Announced]:
        """Of every announced address."""
        return {
            address: Announced(
                tuple(link.name for link in choice.links), choice.trouble, self._foreign.get(address)
            )
            for address, choice in self._places.items()
        }

    @property
    def counts(self) -> Mapping[Address, Counts]:
        return self._counts

    def _look(self) -> None:
        self._interfaces = interfaces()
        self._settle()

    def _choose(self, address: Address, asked: frozenset[str] | None) -> Choice:
        return (
            Choice((), self.missing) if self.missing else self._interfaces.choose(address, asked, self._excluded)
        )

    def _settle(self) -> None:
        """Makes what is done equal what is wanted."""
        if self._watch is None and self._wanted:
            return
        heard: dict[Link, set[Address]] = {}
        asked = {address: one for address, (one, _) in self._probed.items()} | self._wanted
        for address, names in asked.items():
            for link in self._choose(address, names).links:
                heard.setdefault(link, set()).add(address)
        for link in self._ears.keys() - heard.keys():
            self._ears.pop(link).close()
        for link, addresses in heard.items():
            self._hear(link, addresses)
        before = self._places
        self._places = {address: self._choose(address, names) for address, names in self._wanted.items()}
        now = {(address, link) for address, choice in self._places.items() for link in choice.links}
        for place in self._timers.keys() - now:
            self._defended.pop(place, None)
            for timer in self._timers.pop(place):
                timer.cancel()
        for place in now - self._timers.keys():
            self._tell(*place)
        if before != self._places:
            self._on_change()

    def _hear(self, link: Link, addresses: set[Address]) -> None:
        try:
            if link not in self._ears:
                self._ears[link] = Ear(link, self._heard)
            self._ears[link].listen(addresses)
        except PermissionError:
            self.missing = "this process lacks CAP_NET_RAW: run it as root, or give it that capability"
            log.error("addresses cannot be announced", why=self.missing)
        except OSError as error:  # it went away just now: the watch tells
            log.info("interface cannot be used", interface=link.name, error=str(error))

    def _tell(self, address: Address, link: Link) -> None:
        loop = asyncio.get_running_loop()
        for timer in self._timers.get((address, link), ()):
            timer.cancel()
        self._timers[address, link] = [loop.call_later(after, self._claim, address, link) for after in REPEATS]

    def _claim(self, address: Address, link: Link) -> None:
        if not self._may_answer() or link.mac is None:
            return
        frames: Iterable[Frame]
        if isinstance(address, IPv4Address):
            frames = arp.announcements(address, link.mac)
        else:
            frames = (ndp.announcement(address, link.mac),)
        for frame in frames:
            self._count(address, gratuitous=self._send(link, frame))

    def _heard(self, ear: Ear, frame: Frame) -> None:
        own = self._interfaces.macs
        address = (
            frame.target if isinstance(frame, ndp.Neighbour) or frame.sender not in self._wanted else frame.sender
        )
        if (probed := self._probed.get(_claimed(frame))) and _claims(frame, own) and not probed[1].done():
            probed[1].set_result(Foreign(_mac(frame), ear.link.name))
        choice = self._places.get(address)
        if choice is None or ear.link not in choice.links or ear.link.mac is None or _mac(frame) in own:
            return
        if isinstance(frame, arp.Arp):
            is_question = frame.operation is arp.Operation.REQUEST and frame.sender != address
            is_claim = frame.sender == address
        else:
            is_question, is_claim = not frame.is_advertisement, frame.is_advertisement
        if is_claim and self._may_answer():
            self._foreign[address] = Foreign(_mac(frame), ear.link.name)
            self._count(address, conflicts=True)
            self._on_conflict(Conflict(address, self._foreign[address]))
            self._defend(address, ear.link)
        if not is_question:
            return
        self._count(address, requests=True)
        if self._may_answer():
            reply = (
                arp.answer(frame, ear.link.mac) if isinstance(frame, arp.Arp) else ndp.answer(frame, ear.link.mac)
            )
            self._count(address, responses=ear.send(reply))

    def _defend(self, address: Address, link: Link) -> None:
        """Against a claim: neighbours that heeded it come back."""
        now = asyncio.get_running_loop().time()
        if now - self._defended.get((address, link), -DEFEND_INTERVAL) >= DEFEND_INTERVAL:
            self._defended[address, link] = now
            self._claim(address, link)

    def _send(self, link: Link, frame: Frame) -> bool:
        ear = self._ears.get(link)
        return ear is not None and ear.send(frame)

    def _count(self, address: Address, **more: bool) -> None:
        """more: fields of Counts, by one where true."""
        old = self._counts.get(address, Counts())
        self._counts[address] = old._replace(**{name: getattr(old, name) + one for name, one in more.items()})


def _probe(address: Address, mac: Mac) -> Frame:
    return arp.probe(address, mac) if isinstance(address, IPv4Address) else ndp.probe(address, mac)


def _claimed(frame: Frame) -> Address:
    if isinstance(frame, ndp.Neighbour) or int(frame.sender) == 0:
        return frame.target
    return frame.sender


def _claims(frame: Frame, own: frozenset[Mac]) -> bool:
    if isinstance(frame, arp.Arp):
        return arp.claims(frame, frame.sender if int(frame.sender) else frame.target, own)
    return ndp.claims(frame, frame.target, own)


def _mac(frame: Frame) -> Mac:
    return frame.sender_mac if isinstance(frame, arp.Arp) else frame.option or frame.source
