"""HTTPS to a CA: bounded in time and size, never redirected, with the CA's clock beside ours."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from hearthgate.certificates.acme import retry_after
from hearthgate.certificates.acme.errors import BadAnswer, NetworkTrouble
from hearthgate.model.errors import Permanent

TIMEOUT: Final = 90.0
"""Seconds for a request, as upstream: CAs answer slowly when they are busy."""
CONNECT_TIMEOUT: Final = 15.0
MAX_ANSWER: Final = 1 << 20
"""Bytes. A chain has some thousand; an order of 100 names some ten thousand."""
_SKEW_WORTH_NAMING: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, for metrics. action: upstream's word for it. status: 0 when there was no answer."""

    action: str
    method: str
    scheme: str
    host: str
    status: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """headers: names as they came, any letter case finds them. retry_after: seconds."""

    status: int
    headers: "Mapping[str, str]"
    links: tuple[str, ...]
    body: bytes
    retry_after: float | None


class Transport:
    """One CA. It trusts what this machine does, or `ca_bundle` alone; proxies of the environment are used."""

    def __init__(
        self,
        *,
        ca_bundle: str,
        skip_tls_verify: bool,
        user_agent: str,
        observe: Callable[[Call], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises Permanent when ca_bundle is not PEM. now: Unix time."""
        self._tls = _context(ca_bundle, skip_tls_verify)
        self._user_agent = user_agent
        self._observe = observe
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self.clock_offset: float | None = None
        """Seconds that the CA's clock was ahead of ours at its latest answer; exact to a second or two."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, method: str, url: str, *, action: str, body: bytes | None = None, accept: str = "application/json"
    ) -> Answer:
        """Any status but a redirect. Raises NetworkTrouble, BadAnswer."""
        where = urlsplit(url)
        started, status = time.perf_counter(), 0
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = "application/jose+json"
        try:
            async with self._opened().request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
                content = await _bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NetworkTrouble(f"{action} at {where.netloc}: {self._reason(error)}") from error
        finally:
            self._observe(
                Call(
                    action=action,
                    method=method,
                    scheme=where.scheme,
                    host=where.netloc,
                    status=status,
                    seconds=time.perf_counter() - started,
                )
            )
        if content is None:
            raise BadAnswer(f"{action} at {where.netloc}: an answer of more than {MAX_ANSWER} bytes")
        if 300 <= status < 400:
            target = response.headers.get("Location", "nowhere")[:200]
            raise BadAnswer(
                f"{action} at {where.netloc}: redirected to {target}, which is not followed: name that URL"
            )
        return self._answer(response, content)

    def _answer(self, response: aiohttp.ClientResponse, content: bytes) -> Answer:
        here = self._now()
        there = retry_after.unix_time(response.headers.get("Date"))
        if there is not None:
            self.clock_offset = there - here
        return Answer(
            status=response.status,
            headers=response.headers,
            links=tuple(response.headers.getall("Link", [])),
            body=content,
            retry_after=retry_after.seconds(
                response.headers.get("Retry-After"), now=here if there is None else there
            ),
        )

    def _reason(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            skew = self.clock_offset
            clock = (
                f"; this machine's clock is {skew:+.0f} s off" if skew and abs(skew) > _SKEW_WORTH_NAMING else ""
            )
            return (
                f"its TLS certificate is not trusted ({error.certificate_error}){clock}: "
                "name its CA in caBundle, or see whether the clock is right"
            )
        if isinstance(error, TimeoutError):
            return "no answer in time"
        return f"{error}" or type(error).__name__

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=16),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=CONNECT_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self._user_agent, "Accept-Language": "en"},
                trust_env=True,
            )
        return self._session


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """None: more than MAX_ANSWER."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_ANSWER:
            response.close()
            return None
    return bytes(content)


def _context(ca_bundle: str, skip_tls_verify: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=ca_bundle or None)
    except (ssl.SSLError, ValueError):
        raise Permanent("caBundle is not a list of certificates in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
