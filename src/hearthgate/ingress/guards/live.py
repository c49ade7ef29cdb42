"""Bouncers that ask CrowdSec about each address: the answers, kept for a while."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Final

from hearthgate.ingress.auth.addresses import Network, chosen_hop, parse_address
from hearthgate.ingress.auth.wire import Answer
from hearthgate.ingress.guards.decisions import seconds
from hearthgate.ingress.guards.lapi import LapiClient
from hearthgate.ingress.middlewares.counting import SOURCE_HEADER
from hearthgate.ingress.middlewares.plugins.answers import FixedAnswer
from hearthgate.ingress.middlewares.plugins.crowdsec import Bouncer, Mode
from hearthgate.ingress.middlewares.ranges import Ranges, Span, joined, span
from hearthgate.model.errors import Permanent, Transient, WireError

MAX_ADDRESSES: Final = 65_536
"""Answers beyond these push out the one that was not asked for for longest."""
MAX_WAITING: Final = 256
_PASS: Final = Answer(200)
_UNJUDGED: Final = Answer(503, "Service Unavailable")


class LiveBouncer:
    """Answers the proxy's questions for one bouncer. `changed` is called when `fault` did: why nobody can be
    judged. clock: seconds that never go back."""

    def __init__(
        self,
        bouncer: Bouncer,
        client: LapiClient,
        *,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bouncer = bouncer
        self._client = client
        self._changed = changed
        self._clock = clock
        self._trusted = joined(map(span, bouncer.trusted))
        self._proxies = tuple(map(ip_network, bouncer.client.proxies))
        self._known: OrderedDict[str, tuple[bool, float]] = OrderedDict()
        self._running: dict[str, asyncio.Future[bool]] = {}
        self.fault = ""

    async def answer(self, headers: Mapping[str, str]) -> Answer:
        """headers: of the question, their names lower case."""
        address = client_address(self.bouncer.client.header, self._proxies, headers)
        if address is None:
            return refused(self.bouncer.refusal)
        if _holds(self._trusted, span(address)):
            return _PASS
        known = self._known.get(address)
        if known is not None and known[1] > self._clock():
            self._known.move_to_end(address)
            return refused(self.bouncer.refusal) if known[0] else _PASS
        try:
            banned = await self._asked(address)
        except (Transient, Permanent, WireError) as error:
            self._note(str(error))
            return _UNJUDGED
        self._note("")
        return refused(self.bouncer.refusal) if banned else _PASS

    async def _asked(self, address: str) -> bool:
        """Questions about one address at a time are one question."""
        running = self._running.get(address)
        if running is None:
            if len(self._running) >= MAX_WAITING:
                raise Transient("too many addresses wait to be judged")
            running = asyncio.ensure_future(self._ask(address))
            self._running[address] = running
        return await asyncio.shield(running)

    async def _ask(self, address: str) -> bool:
        try:
            decisions = await self._client.about(address)
        finally:
            del self._running[address]
        keep = self.bouncer.keep
        banned = bool(decisions)
        if banned:
            keep = min(keep, max(seconds(decision, keep) for decision in decisions))
        if self.bouncer.mode is Mode.LIVE and keep > 0:
            self._known[address] = (banned, self._clock() + keep)
            if len(self._known) > MAX_ADDRESSES:
                self._known.popitem(last=False)
        return banned

    def _note(self, fault: str) -> None:
        if fault != self.fault:
            self.fault = fault
            self._changed()


def client_address(header: str, proxies: tuple[Network, ...], headers: Mapping[str, str]) -> str | None:
    """The address that counts: the rightmost of a header that is in none of `proxies`, else the peer's. None when
    it cannot be read."""
    hop = chosen_hop(0, proxies, headers.get(header, "").split(",")) or headers.get(SOURCE_HEADER, "")
    address = parse_address(hop)
    return str(address) if address is not None else None


def _holds(ranges: Ranges, one: Span) -> bool:
    return any(first <= one.first <= last for first, last in (ranges.v4 if one.version == 4 else ranges.v6))


def refused(answer: FixedAnswer) -> Answer:
    return Answer(answer.status, answer.page, answer.all_headers)
