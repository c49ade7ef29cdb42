"""Serves `ping@internal`, `prometheus@internal`, `api@internal`, `dashboard@internal` and `noop@internal`: each on
a unix socket of its own, where only the proxy asks. Who may reach them is up to the routers that name them.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from hearthgate.ingress.observability import internals
from hearthgate.ingress.observability.api.answers import Answer, answer_api
from hearthgate.ingress.observability.api.page import page
from hearthgate.ingress.observability.counts import FILTER, Counts, parse_counts
from hearthgate.ingress.observability.exposition import exposition
from hearthgate.ingress.observability.facts import Facts
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.errors import Transient

log = structlog.get_logger(__name__)

Stats = Callable[[str], Awaitable[str]]
"""Envoy's stats whose names match a pattern, as Prometheus' text. Raises Transient."""
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
TEAPOT: Final = 418
_SERVER: Final = "hearthgate"


class InternalServices:
    """folder: of the sockets. facts: what is known now. version: this program's. others: lines that other parts of
    the program add to the metrics."""

    def __init__(
        self,
        folder: Path,
        settings: IngressSettings,
        *,
        facts: Callable[[], Facts],
        stats: Stats,
        version: str,
        others: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._facts = facts
        self._stats = stats
        self._version = version
        self._others = others
        self._runners: list[web.ServerRunner] = []
        self._terminating = False

    async def start(self) -> None:
        handlers: Mapping[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]] = {
            internals.API: self._api,
            internals.DASHBOARD: self._dashboard,
            internals.NOOP: self._noop,
            internals.PING: self._ping,
            internals.PROMETHEUS: self._metrics,
        }
        for name, handler in handlers.items():
            if internals.is_on(name, self._settings):
                await self._serve(name, handler)

    def terminate(self) -> None:
        """The proxy starts to drain: `/ping` says so from now on."""
        self._terminating = True

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        self._runners = []

    async def _serve(self, name: str, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        path = self._folder / internals.socket_name(name)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()

        async def named(request: web.BaseRequest) -> web.StreamResponse:
            answer = await handler(request)
            answer.headers["Server"] = _SERVER  # else aiohttp tells every client its version and Python's
            return answer

        runner = web.ServerRunner(web.Server(named, access_log=None), shutdown_timeout=0.5)
        await runner.setup()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o600)
        await web.SockSite(runner, listener).start()
        self._runners.append(runner)

    async def _ping(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._terminating and self._settings.ping is not None:
            return web.Response(status=self._settings.ping.terminating_status_code, text="OK")
        return web.Response(text="OK")

    async def _noop(self, request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=TEAPOT)

    async def _metrics(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            said = await self._stats(FILTER)
        except Transient as error:
            log.warning("the proxy tells no numbers", error=str(error))
            said = None
        # In a thread: with a thousand routers this takes longer than other questions should wait.
        body = await asyncio.to_thread(self._written, said)
        return web.Response(body=body, headers={"Content-Type": TEXT})

    def _written(self, said: str | None) -> bytes:
        counts: Counts | None = None if said is None else parse_counts(said)
        own = exposition(self._facts(), counts, self._settings.metrics)
        return "".join(chain(own, self._others())).encode()

    async def _api(self, request: web.BaseRequest) -> web.StreamResponse:
        base = internals.base_path(self._settings)
        path = request.path
        if self._settings.api is not None and self._settings.api.dashboard and not path.startswith(f"{base}/api"):
            return await self._dashboard(request)
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405)
        found = answer_api(
            path.removeprefix(base),
            request.query,
            self._facts(),
            self._settings,
            version=self._version,
            now=time.time(),
        )
        return _sent(found)

    async def _dashboard(self, request: web.BaseRequest) -> web.StreamResponse:
        base = internals.base_path(self._settings)
        path = request.path.removeprefix(base)
        if path in ("", "/"):
            return web.Response(status=302, headers={"Location": f"{base}/dashboard/"})
        if path not in ("/dashboard", "/dashboard/"):
            return web.Response(status=404, text="404 page not found\n")
        body = page(self._facts(), self._settings, self._version)
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
        return web.Response(text=body, content_type="text/html", headers={"Content-Security-Policy": policy})


def _sent(found: Answer) -> web.Response:
    headers = {"X-Next-Page": str(found.next_page)} if found.next_page is not None else {}
    return web.Response(status=found.status, body=found.body, content_type="application/json", headers=headers)
