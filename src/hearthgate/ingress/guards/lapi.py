"""The local API of CrowdSec (LAPI, `/v1/decisions`), as a bouncer asks it: with a key in X-Api-Key."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp

from hearthgate.ingress.guards.decisions import Changes, Decision, parse_changes, parse_decisions
from hearthgate.ingress.middlewares.plugins.crowdsec import Lapi
from hearthgate.ingress.routing.model import Endpoint, EndpointsKey
from hearthgate.model.errors import Permanent, Transient, WireError

MAX_ANSWER: Final = 256 << 20
"""Bytes. A hundred thousand decisions are 25 MB."""
_AGENT: Final = "hearthgate-bouncer/1"


class LapiClient:
    """Asks one API. endpoints: where Services are now; one of them is as good as another."""

    def __init__(self, lapi: Lapi) -> None:
        self._lapi = lapi
        self._session: aiohttp.ClientSession | None = None
        self.endpoints: Mapping[EndpointsKey, tuple[Endpoint, ...]] = {}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def stream(self, *, startup: bool) -> Changes:
        """All decisions, or what changed since the last time. Raises Transient, Permanent, WireError."""
        body = await self._get("v1/decisions/stream", {"startup": "true" if startup else "false"})
        return await asyncio.to_thread(parse_changes, body)

    async def about(self, address: str) -> tuple[Decision, ...]:
        """The decisions that hold for one address. Raises Transient, Permanent, WireError."""
        return parse_decisions(await self._get("v1/decisions", {"ip": address}))

    async def _get(self, path: str, query: Mapping[str, str]) -> bytes:
        url = f"{self._base()}{self._lapi.path}{path}"
        headers = {
            "X-Api-Key": self._lapi.key.reveal().decode("ascii"),
            "User-Agent": _AGENT,
            "Host": self._host(),
        }
        session = self._opened()
        try:
            async with session.get(url, params=query, headers=headers, allow_redirects=False) as response:
                if response.status in (401, 403):
                    raise Permanent(f"it refuses the key (status {response.status})")
                if response.status != 200:
                    raise Transient(f"it answers with status {response.status}")
                return await _body(response)
        except TimeoutError:
            raise Transient("it does not answer in time") from None
        except aiohttp.ClientConnectorCertificateError:
            raise Transient("its certificate is not trusted") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Transient(f"it cannot be reached ({type(error).__name__})") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=_tls(self._lapi), limit=16, enable_cleanup_closed=False)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=self._lapi.timeout)
            )
        return self._session

    def _base(self) -> str:
        """Raises Transient when a Service has no endpoint."""
        host, port = self._lapi.host, self._lapi.port
        if self._lapi.endpoints is not None:
            known = self.endpoints.get(self._lapi.endpoints, ())
            if not known:
                service = f"{self._lapi.endpoints.namespace}/{self._lapi.endpoints.service}"
                raise Transient(f"Service {service} has no endpoint")
            host, port = known[0].address, known[0].port
        return f"{self._lapi.scheme}://{_bracketed(host)}:{port}"

    def _host(self) -> str:
        return f"{_bracketed(self._lapi.host)}:{self._lapi.port}"


async def _body(response: aiohttp.ClientResponse) -> bytes:
    parts = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER:
            raise WireError("its answer is too long")
        parts.append(part)
    return b"".join(parts)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _tls(lapi: Lapi) -> ssl.SSLContext | bool:
    if lapi.scheme != "https":
        return True
    context = ssl.create_default_context(cadata=lapi.authority or None)
    if not lapi.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
