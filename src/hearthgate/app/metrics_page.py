"""A page with metrics alone, for roles that serve nothing else."""

import asyncio
from collections.abc import Callable, Iterable

import structlog
from aiohttp import web

from hearthgate.balancer.settings import Where
from hearthgate.model.errors import Transient

log = structlog.get_logger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage:
    """lines: what Prometheus gets at /metrics."""

    def __init__(self, where: Where, lines: Callable[[], Iterable[str]]) -> None:
        self._where = where
        self._lines = lines

    async def run(self) -> None:
        """Until cancelled. Raises Transient when the address cannot be had."""
        application = web.Application()
        application.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._where.host or None, self._where.port)
            try:
                await site.start()
            except OSError as error:
                raise Transient(f"metrics cannot be served at {self._where}: {error.strerror}") from error
            log.info("metrics are served", host=self._where.host or "every address", port=self._where.port)
            await asyncio.Future()
        finally:
            await runner.cleanup()

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(body="".join(self._lines()).encode(), headers={"Content-Type": CONTENT_TYPE})
