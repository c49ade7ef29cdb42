"""All that guards need beside the proxy: streams of decisions, questions about one address, their faults."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from hearthgate.ingress.auth.wire import Answer, Request
from hearthgate.ingress.guards.geo import GeoTables
from hearthgate.ingress.guards.lapi import LapiClient
from hearthgate.ingress.guards.live import LiveBouncer
from hearthgate.ingress.guards.oidc.logins import Logins
from hearthgate.ingress.guards.stream import Stream, table_of
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.plugins.crowdsec import Bouncer, Mode
from hearthgate.ingress.middlewares.plugins.geoblock import GeoBlock
from hearthgate.ingress.middlewares.plugins.oidc import Oidc
from hearthgate.ingress.middlewares.plugins.tables import lapi_name, live_question
from hearthgate.ingress.routing.model import Endpoint, EndpointsKey
from hearthgate.model.problems import Problem, Reason, Severity

RETENTION = 60.0
"""Seconds for which a stream or an answer that no route has any more is kept: routes come and go while they are
edited."""


class _Feed:
    """A stream under way."""

    def __init__(self, client: LapiClient, stream: Stream, task: asyncio.Task[None]) -> None:
        self.client, self.stream, self.task = client, stream, task


class Guards:
    """folder: where the proxy reads tables. `changed` is set when problems are other ones; who reads them clears
    it. clock: seconds that never go back."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._bouncers: tuple[Bouncer, ...] = ()
        self._feeds: dict[str, _Feed] = {}
        self._live: dict[str, LiveBouncer] = {}
        self._clients: dict[str, LapiClient] = {}
        self._retired: dict[str, float] = {}
        self._group: asyncio.TaskGroup | None = None
        self._endpoints: Mapping[EndpointsKey, tuple[Endpoint, ...]] = {}
        self.changed = asyncio.Event()
        self._geo = GeoTables(folder, changed=self.changed.set)
        self._logins = Logins(changed=self.changed.set, clock=clock)

    async def run(self) -> None:
        """Follows what `update` wants, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._follow()
                group.create_task(self._geo.run())
                await asyncio.Event().wait()
        finally:
            self._group = None
            self._feeds = {}
            for client in self._clients.values():
                await client.close()
            self._clients = {}
            await self._logins.close()

    def update(
        self, middlewares: Iterable[Middleware], endpoints: Mapping[EndpointsKey, tuple[Endpoint, ...]]
    ) -> None:
        """Guards with these from now on. Call it before the proxy hears of them."""
        self._endpoints = endpoints
        for client in self._clients.values():
            client.endpoints = endpoints
        every = dict.fromkeys(one for one in middlewares if isinstance(one, Bouncer | GeoBlock | Oidc))
        self._logins.want(one for one in every if isinstance(one, Oidc))
        self._geo.want(one for one in every if isinstance(one, GeoBlock))
        found = [one for one in every if isinstance(one, Bouncer)]
        bouncers = tuple(sorted(found, key=lambda one: one.name))
        if bouncers != self._bouncers or self._retired:
            self._bouncers = bouncers
            self._follow()

    async def answer(self, request: Request) -> Answer | None:
        """What the proxy is told about a live bouncer's question; None when it asks for something else."""
        live = self._live.get(request.path)
        if live is not None:
            return await live.answer(request.headers)
        return await self._logins.answer(request)

    def problems(self) -> tuple[Problem, ...]:
        """What keeps bouncers from judging, or from hearing of new decisions."""
        return tuple(sorted((*self._problems(), *self._geo.problems(), *self._logins.problems())))

    def _problems(self) -> Iterator[Problem]:
        for bouncer in self._bouncers:
            host = f"{bouncer.lapi.host}:{bouncer.lapi.port}"
            if bouncer.mode is not Mode.STREAM:
                live = self._live.get(live_question(bouncer))
                if live is not None and live.fault:
                    message = (
                        f"CrowdSec at {host} cannot be asked: {live.fault}; addresses it has not judged get 503"
                    )
                    yield _problem(bouncer, message, Severity.WARNING)
                continue
            feed = self._feeds.get(lapi_name(bouncer.lapi))
            if feed is None or not feed.stream.state.failures:
                continue
            state = feed.stream.state
            message = f"decisions of CrowdSec at {host} cannot be fetched: {state.fault}"
            if state.failures > bouncer.max_failures >= 0:
                tail = f"everybody gets 503 (updateMaxFailure is {bouncer.max_failures})"
                yield _problem(bouncer, f"{message}; {tail}", Severity.ERROR)
            elif state.fetched:
                yield _problem(bouncer, f"{message}; the last ones stay in force", Severity.WARNING)
            elif bouncer.open_at_start:
                yield _problem(
                    bouncer, f"{message}; nobody is refused (streamStartupBlock is off)", Severity.WARNING
                )
            else:
                tail = "what an earlier run fetched stays in force, without it everybody gets 503"
                yield _problem(bouncer, f"{message}; {tail} (streamStartupBlock)", Severity.WARNING)

    def _follow(self) -> None:
        if self._group is None:
            return
        now = self._clock()
        streams: dict[str, list[Bouncer]] = {}
        questions: dict[str, Bouncer] = {}
        for bouncer in self._bouncers:
            if bouncer.mode is Mode.STREAM:
                streams.setdefault(lapi_name(bouncer.lapi), []).append(bouncer)
            else:
                questions[live_question(bouncer)] = bouncer
        self._retire({*self._feeds, *self._live}, {*streams, *questions}, now)
        for name, bouncers in streams.items():
            feed = self._feeds.get(name) or self._feed(self._group, name, bouncers[0])
            tables = {table.name: table for table in map(table_of, bouncers)}
            feed.stream.want(tables, min(bouncer.interval for bouncer in bouncers))
        for name, bouncer in questions.items():
            if name not in self._live:
                client = self._client(name, bouncer)
                self._live[name] = LiveBouncer(bouncer, client, changed=self.changed.set, clock=self._clock)

    def _retire(self, known: set[str], wanted: set[str], now: float) -> None:
        for name in known - wanted:
            self._retired.setdefault(name, now + RETENTION)
        for name, end in list(self._retired.items()):
            if name in wanted:
                del self._retired[name]
            elif end <= now:
                del self._retired[name]
                self._live.pop(name, None)
                if (feed := self._feeds.pop(name, None)) is not None:
                    feed.task.cancel()
                if (client := self._clients.pop(name, None)) is not None and self._group is not None:
                    self._group.create_task(client.close())

    def _feed(self, group: asyncio.TaskGroup, name: str, bouncer: Bouncer) -> _Feed:
        client = self._client(name, bouncer)
        stream = Stream(client, self._folder, changed=self.changed.set, clock=self._clock)
        feed = self._feeds[name] = _Feed(client, stream, group.create_task(stream.run()))
        return feed

    def _client(self, name: str, bouncer: Bouncer) -> LapiClient:
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = LapiClient(bouncer.lapi)
            client.endpoints = self._endpoints
        return client


def _problem(bouncer: Bouncer, message: str, severity: Severity) -> Problem:
    return Problem(
        ref=bouncer.ref,
        field="spec.plugin",
        reason=Reason.DECISIONS_STALE,
        message=message,
        severity=severity,
    )
