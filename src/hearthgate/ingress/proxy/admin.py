"""Envoy's admin interface over its unix socket: only what the bootstrap allows."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec

from hearthgate.model.errors import Transient

_TIMEOUT: Final = aiohttp.ClientTimeout(total=3)
_ACTIVE_REQUESTS: Final = r"^http\..*\.downstream_rq_active$"


class _Stat(msgspec.Struct, frozen=True):
    name: str = ""
    value: int = 0


class _Stats(msgspec.Struct, frozen=True):
    stats: tuple[_Stat, ...] = ()


class _ServerInfo(msgspec.Struct, frozen=True):
    version: str
    state: str


class Admin:
    """Every method raises Transient when Envoy does not answer or refuses."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    async def state(self) -> str:
        """`LIVE` once Envoy serves its configuration; else why it does not yet."""
        return msgspec.json.decode(await self._ask("GET", "/server_info"), type=_ServerInfo).state

    async def drain(self) -> None:
        """Goes on accepting connections, but asks clients to leave as their requests end."""
        await self._ask("POST", "/drain_listeners?graceful&skip_exit")

    async def stop_listening(self) -> None:
        """Accepts no more connections. The open ones go on."""
        await self._ask("POST", "/drain_listeners")

    async def stats(self, pattern: str) -> str:
        """The stats whose names match, in Prometheus' text format."""
        return (await self._ask("GET", f"/stats/prometheus?filter={quote(pattern, safe='')}")).decode()

    async def reopen_logs(self) -> None:
        """Opens the files of access logs anew, by their names."""
        await self._ask("POST", "/reopen_logs")

    async def active_requests(self) -> int:
        """The number of requests under way on all listeners."""
        reply = await self._ask("GET", f"/stats?format=json&type=Gauges&filter={_ACTIVE_REQUESTS}")
        stats = msgspec.json.decode(reply, type=_Stats).stats
        return sum(stat.value for stat in stats if not stat.name.startswith("http.admin."))

    async def _ask(self, method: str, path: str) -> bytes:
        try:
            connector = aiohttp.UnixConnector(str(self.socket))
            async with (
                aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session,
                session.request(method, f"http://envoy{path}") as response,
            ):
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Transient(f"envoy's admin interface does not answer: {error}") from error
        if response.status != 200:
            raise Transient(f"envoy's admin interface answers {method} {path} with {response.status}")
        return body
