"""Requests to Cloudflare's API: bounded in time and size, and none while Cloudflare wants none."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from hearthgate.cloudflare.answers import Envelope
from hearthgate.cloudflare.credentials import Credentials
from hearthgate.cloudflare.errors import Throttled, Unreachable, failure
from hearthgate.model.errors import Permanent

API: Final = "https://api.cloudflare.com/client/v4"
TIMEOUT: Final = 30.0
CONNECT_TIMEOUT: Final = 10.0
MAX_ANSWER: Final = 4 << 20
"""Bytes: a page of 5,000 records has some two million."""
LONGEST_WAIT: Final = 3600.0
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Request:
    """needs: the permission that it takes, for the words when it is refused."""

    method: str
    path: str
    needs: str
    params: Mapping[str, str] | None = None
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Transport:
    """monotonic: a clock in seconds. Many tasks may share one."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        base_url: str = API,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.credentials = credentials
        self._base_url = checked_url(base_url)
        self._monotonic = monotonic
        self._session: aiohttp.ClientSession | None = None
        self._closed_until = 0.0

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: Request) -> Envelope:
        """A good answer. Raises Throttled, Unreachable, Refused."""
        left = self._closed_until - self._monotonic()
        if left > 0:
            raise Throttled(f"Cloudflare takes no requests for another {left:.0f} s", retry_after=left)
        status, headers, body = await self._once(request)
        envelope = _envelope(body)
        if envelope is None and status < 500 and status != 429:
            raise Unreachable(f"{request} at {self._host}: no answer of Cloudflare's API (status {status})")
        errors = () if envelope is None else envelope.errors or ()
        if envelope is not None and envelope.success and status < 300:
            return envelope
        error = failure(
            str(request),
            status=status,
            errors=tuple(_hidden(errors, self.credentials)),
            needs=request.needs,
            is_token=self.credentials.is_token,
            retry_after=_seconds(headers.get("Retry-After")),
        )
        if isinstance(error, Throttled):
            self._closed_until = self._monotonic() + (error.retry_after or 0.0)
        raise error

    async def _once(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        try:
            async with self._opened().request(
                request.method,
                f"{self._base_url}{request.path}",
                params=request.params,
                data=None if request.body is None else msgspec.json.encode(request.body),
                headers=self.credentials.headers(),
                allow_redirects=False,  # a redirect would carry the credentials elsewhere
            ) as response:
                content = bytearray()
                async for chunk in response.content.iter_any():
                    content += chunk
                    if len(content) > MAX_ANSWER:
                        response.close()
                        raise Unreachable(f"{request} at {self._host}: an answer of more than {MAX_ANSWER} bytes")
                return response.status, response.headers, bytes(content)
        except TimeoutError as error:
            raise Unreachable(f"{request} at {self._host}: no answer in {TIMEOUT:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{request} at {self._host}: {error or type(error).__name__}") from error

    @property
    def _host(self) -> str:
        return urlsplit(self._base_url).netloc

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=8),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=CONNECT_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "hearthgate", "Content-Type": "application/json"},
                trust_env=True,
            )
        return self._session


def checked_url(url: str) -> str:
    """Without a slash at its end. Raises Permanent unless it is HTTPS, or on this machine."""
    found = urlsplit(url)
    is_safe = found.scheme == "https" or (found.scheme == "http" and found.hostname in _LOOPBACK)
    if not is_safe or not found.hostname:
        raise Permanent(f"{url!r} is no address for Cloudflare's API: https://... is wanted")
    return url.rstrip("/")


def _envelope(body: bytes) -> Envelope | None:
    try:
        return msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _hidden(errors: Any, credentials: Credentials) -> Any:
    for error in errors:
        yield msgspec.structs.replace(
            error,
            message=credentials.hidden(error.message),
            chain=tuple(_hidden(error.chain[:8], credentials)),
        )


def _seconds(header: str | None) -> float | None:
    if header is None or not header.strip().isascii() or not header.strip().isdigit():
        return None
    return min(float(header.strip()[:9]), LONGEST_WAIT)
