"""Delivers the view to every connected Envoy: sends, waits for confirmations, falls back, removes what is over."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Final

import structlog

from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, Difference
from hearthgate.ingress.xds.stream import Stream, Verdict
from hearthgate.ingress.xds.view import Rejection, View
from hearthgate.ingress.xds.wire import Request

log = structlog.get_logger(__name__)

REMOVED_LATER: Final = (CLUSTER, ENDPOINT, SECRET)
"""Listeners are removed at once; Envoy drops a route table itself, and ignores being told to."""
_SILENT_TIMEOUT: Final = 0.25
"""Seconds to wait for an Envoy that let the last wait for the same types run out."""
_SECONDS_PER_CLUSTER: Final = 0.002
"""Added to the patience with an Envoy that loads many clusters at once: it takes about a quarter of this."""
_BIND_RETRY: Final = 2.0
_BIND_ERROR: Final = "cannot bind"


class Connection:
    """A stream and its way out. None in `outbox` ends it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.silent: frozenset[str] = frozenset()

    def send(self, responses: Iterable[bytes]) -> bool:
        """Whether there was anything to send."""
        sent = False
        for response in responses:
            self.outbox.put_nowait(response)
            sent = True
        return sent


class Delivery:
    """Keeps what is connected at what `view` says. One per server; lives in one event loop."""

    def __init__(
        self,
        view: View,
        *,
        on_rejections: Callable[[tuple[Rejection, ...]], None],
        ack_timeout: float,
        linger: float,
    ) -> None:
        self.connections: list[Connection] = []
        self.rejections: tuple[Rejection, ...] = ()
        self.connected = asyncio.Event()
        self.in_sync = asyncio.Event()
        self.first_config_acked = asyncio.Event()
        self._view = view
        self._on_rejections = on_rejections
        self._ack_timeout = ack_timeout
        self._linger = linger
        self._retired: dict[tuple[str, str], float] = {}
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._bind_timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()

    def join(self, connection: Connection) -> None:
        self.connections.append(connection)
        self.connected.set()
        self.in_sync.clear()

    def leave(self, connection: Connection) -> None:
        self.connections.remove(connection)
        if not self.connections:
            self.connected.clear()
        self.note_state()

    def close(self) -> None:
        """Ends every timer and stream."""
        for timer in (self._sweep_timer, self._bind_timer):
            if timer is not None:
                timer.cancel()
        for connection in self.connections:
            connection.outbox.put_nowait(None)

    def receive(self, connection: Connection, request: Request) -> bool:
        """Takes a request in and answers it. True: the client starts and must be followed until it is in sync."""
        reaction = connection.stream.receive(request)
        connection.send(reaction.responses)
        if reaction.verdict is not None:
            connection.silent -= {reaction.verdict.type_url}
            self._judge(connection, reaction.verdict)
        self.note_state(deep=request.type_url not in (ENDPOINT, SECRET))
        return reaction.started

    def push(self, type_url: str, difference: Difference) -> bool:
        """Sends what changed to whoever wants it and has it not. Whether anything was sent."""
        names = (*difference.changed, *difference.removed)
        sent = False
        for connection in self.connections if names else ():
            sent |= connection.send(connection.stream.push(type_url, names))
        return sent

    def push_all(self, type_urls: Iterable[str]) -> None:
        """Sends whatever a client lacks. Removes nothing."""
        for type_url in type_urls:
            for connection in self.connections:
                connection.send(connection.stream.push_all(type_url))

    def remove_excess(self) -> None:
        """Has removed what clients hold and shall not: listeners now, the rest after a while."""
        for connection in self.connections:
            connection.send(connection.stream.push(LISTENER, connection.stream.excess(LISTENER)))
            for type_url in REMOVED_LATER:
                self.retire(type_url, connection.stream.excess(type_url))

    def retire(self, type_url: str, names: Iterable[str]) -> None:
        """Has `names` removed once they lingered, unless they are wanted again by then."""
        due = asyncio.get_running_loop().time() + self._linger
        self._retired.update({(type_url, name): due for name in names})
        self._plan_sweep()

    async def settle(self, types: Collection[str]) -> bool:
        """Waits until every Envoy confirmed or refused what it was sent of `types`. False: not in time."""
        late = [connection for connection in self.connections if connection.stream.waiting(types)]
        if not late:
            return True
        patience = min(_SILENT_TIMEOUT, self._ack_timeout)
        patient = any(connection.silent.isdisjoint(types) for connection in late)
        if patient:
            clusters = max(len(connection.stream.unconfirmed(CLUSTER)) for connection in late)
            patience = self._ack_timeout + clusters * _SECONDS_PER_CLUSTER
        if await self._reached(lambda: not self._waiting(types), patience):
            return True
        if patient and await self._unblock_clusters(types):
            return True
        for connection in self.connections:
            silent = connection.stream.give_up(types)
            if silent - connection.silent:
                names = sorted(url.rpartition(".")[2] for url in silent)
                log.warning("envoy did not confirm in time", types=names, seconds=patience)
            connection.silent |= silent
        return False

    async def _unblock_clusters(self, types: Collection[str]) -> bool:
        """Frees an Envoy that a cluster keeps from confirming, and even from refusing, any cluster.

        A cluster whose load balancer cannot be built stays warming for ever. Taken back together with its
        neighbours of the same response, it is refused at last; then its neighbours are sent again.
        """
        names: frozenset[str] = frozenset()
        for connection in self.connections:
            names |= connection.stream.unconfirmed(CLUSTER)
            connection.send(connection.stream.revert(CLUSTER))
        if not names:
            return False
        log.warning("some cluster keeps envoy waiting, trying again without it", clusters=sorted(names)[:20])
        if not await self._reached(lambda: not self._waiting((CLUSTER,)), _SILENT_TIMEOUT):
            return False
        self.push_all((CLUSTER,))
        return await self._reached(lambda: not self._waiting(types), self._ack_timeout)

    async def settle_new_routes(self, names: Collection[str]) -> None:
        """Waits, not for long, until the new listeners asked for their new route tables and have them."""

        def have() -> bool:
            asked = all(set(names) <= set(connection.stream.subscribed(ROUTE)) for connection in self.connections)
            return asked and not self._waiting((ROUTE,))

        await self._reached(have, _SILENT_TIMEOUT)

    async def settle_everything(self) -> bool:
        """Waits until the latest Envoy is in sync, for less time if it proved silent. False: not in time."""
        if not self.connections:
            return False
        patience = min(_SILENT_TIMEOUT, self._ack_timeout) if self.connections[-1].silent else self._ack_timeout
        return await self._reached(self.in_sync.is_set, patience)

    def note_state(self, *, deep: bool = True) -> None:
        """Publishes what follows from the last event and wakes whoever waits for it.

        deep: the event may have changed whether Envoy is in sync, which takes a look at every resource.
        """
        if deep:
            stream = self.connections[-1].stream if self.connections else None
            if stream and stream.up_to_date(CLUSTER) and stream.up_to_date(LISTENER) and stream.up_to_date(ROUTE):
                self.in_sync.set()
                self.first_config_acked.set()
            else:
                self.in_sync.clear()
        rejections = self._view.rejections()
        if rejections != self.rejections:
            self.rejections = rejections
            self._on_rejections(rejections)
        self._changed.set()  # wakes those who wait now, and only them
        self._changed.clear()

    def _waiting(self, types: Collection[str]) -> bool:
        return any(connection.stream.waiting(types) for connection in self.connections)

    async def _reached(self, condition: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._changed.wait()
        except TimeoutError:
            return condition()
        return True

    def _judge(self, connection: Connection, verdict: Verdict) -> None:
        kind = verdict.type_url.rpartition(".")[2]
        for refused in verdict.refused:
            log.error("envoy refused a resource", type=kind, **refused._asdict())
        if connection is not self.connections[-1]:
            return  # an older Envoy on its way out: its word is not what counts
        self._view.accept(verdict.type_url, verdict.accepted)
        for refused in verdict.refused:
            self._view.refuse(verdict.type_url, *refused)
        # The last accepted version, or the removal, follows at once: a refused cluster may be stuck warming.
        self.push(verdict.type_url, Difference(tuple(refused.name for refused in verdict.refused)))
        if any(_BIND_ERROR in refused.message for refused in verdict.refused) and self._bind_timer is None:
            self._bind_timer = asyncio.get_running_loop().call_later(_BIND_RETRY, self._retry_bind)

    def _retry_bind(self) -> None:
        """Sends again the listeners whose port was taken: Envoy does not try by itself."""
        self._bind_timer = None
        bind = [entry for entry in self.rejections if entry.type_url == LISTENER and _BIND_ERROR in entry.message]
        names = tuple(name for entry in bind for name in entry.names)
        for name in names:
            self._view.forgive(LISTENER, name)
        self.push(LISTENER, Difference(names))

    def _plan_sweep(self) -> None:
        if self._retired and self._sweep_timer is None:
            loop = asyncio.get_running_loop()
            self._sweep_timer = loop.call_at(min(self._retired.values()), self._sweep)

    def _sweep(self) -> None:
        self._sweep_timer = None
        now = asyncio.get_running_loop().time()
        due = [key for key, at in self._retired.items() if at <= now]
        for key in due:
            del self._retired[key]
        for type_url in REMOVED_LATER:
            gone = tuple(name for url, name in due if url == type_url and self._view.find(url, name) is None)
            self.push(type_url, Difference(removed=gone))
        self._plan_sweep()
