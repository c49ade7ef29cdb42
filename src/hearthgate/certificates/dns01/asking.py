"""Questions to nameservers: by UDP, by TCP where an answer is cut off or UDP is silent, or by HTTPS (RFC 8484)."""

import asyncio
import os
import ssl
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.resolver

from hearthgate.model.errors import Permanent, Transient

PORT: Final = 53
UDP_TRIES: Final = (1.5, 2.5)
"""Seconds to wait for an answer by UDP: a datagram may be lost."""
TCP_TRY: Final = 3.0
HTTPS_TRY: Final = 5.0
_PAYLOAD: Final = 1232
_MEDIA_TYPE: Final = "application/dns-message"
_LONGEST: Final = 65_535
_LAST_RESORT: Final = ("8.8.8.8", "8.8.4.4")
"""As upstream, where /etc/resolv.conf names nobody."""


class NoReply(Transient):
    """The words say how it went, and not of whom."""


class Server(NamedTuple):
    """address: an IP address, or the URL of DNS-over-HTTPS. name: what people know it by."""

    address: str
    port: int = PORT
    name: str = ""

    @property
    def is_https(self) -> bool:
        return self.address.startswith("https://")

    def __str__(self) -> str:
        if self.is_https:
            return urlsplit(self.address).netloc
        port = "" if self.port == PORT else f" port {self.port}"
        return f"{self.name} ({self.address}{port})" if self.name else f"{self.address}{port}"


def read_server(text: str) -> Server:
    """From `ip`, `ip:port`, `[ip6]:port` or `https://...`. Raises Permanent for anything else."""
    if text.startswith("https://") and urlsplit(text).hostname:
        return Server(text, 443)
    host, colon, port = text.rpartition(":")
    if not colon or _is_address(text.strip("[]")):
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not _is_address(host) or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise Permanent(f"{text!r} is no nameserver: ip, ip:port or https://... is wanted")
    return Server(host, int(port))


async def servers_of_this_machine() -> tuple[Server, ...]:
    return tuple(Server(address) for address in await asyncio.to_thread(_resolv_conf))


class Asker:
    """tls: of HTTPS; None: what this machine trusts. Many tasks may share one; `close` it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, server: Server, name: str, kind: str, *, recurse: bool) -> dns.message.Message:
        """Any answer, be it a refusal. recurse: of a resolver; not of a zone's own server. Raises NoReply."""
        try:
            question = dns.message.make_query(name, kind, use_edns=0, payload=_PAYLOAD)
        except dns.exception.DNSException as error:
            raise NoReply(f"{name!r} is no name: {error}") from error
        if not recurse:
            question.flags &= ~dns.flags.RD
        if server.is_https:
            return await self._by_https(server, question)
        return await _directly(server, question)

    async def _by_https(self, server: Server, question: dns.message.Message) -> dns.message.Message:
        question.id = 0  # so that caches on the way can know it again
        headers = {"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}
        try:
            async with self._opened().post(
                server.address, data=question.to_wire(), headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise NoReply(f"status {response.status}")
                body = await response.content.read(_LONGEST)
        except TimeoutError as error:
            raise NoReply(f"no answer in {HTTPS_TRY:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NoReply(f"{error or type(error).__name__}") from error
        try:
            answer = dns.message.from_wire(body)
        except (dns.exception.DNSException, ValueError) as error:
            raise NoReply("an answer that is none") from error
        if not question.is_response(answer):
            raise NoReply("an answer to another question")
        return answer

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=True if self._tls is None else self._tls),
                timeout=aiohttp.ClientTimeout(total=HTTPS_TRY),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "hearthgate"},
                trust_env=True,
            )
        return self._session


async def _directly(server: Server, question: dns.message.Message) -> dns.message.Message:
    for seconds in UDP_TRIES:
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                question,
                server.address,
                timeout=seconds,
                port=server.port,
                ignore_unexpected=True,
                ignore_errors=True,
            )
        except dns.exception.Timeout:
            continue
        except OSError as error:
            raise NoReply(network_words(error)) from error
        except (dns.exception.DNSException, ValueError, EOFError) as error:
            raise NoReply(f"an answer that is none ({type(error).__name__})") from error
        return answer
    waited = sum(UDP_TRIES)
    try:
        return await dns.asyncquery.tcp(question, server.address, timeout=TCP_TRY, port=server.port)
    except dns.exception.Timeout:
        raise NoReply(f"no answer in {waited + TCP_TRY:g} s, by UDP or TCP") from None
    except OSError as error:
        raise NoReply(f"no answer by UDP in {waited:g} s, by TCP: {network_words(error)}") from error
    except (dns.exception.DNSException, ValueError, EOFError) as error:
        raise NoReply(f"no answer by UDP, by TCP one that is none ({type(error).__name__})") from error


def network_words(error: OSError) -> str:
    """`Connection refused` and the like: asyncio has words of its own, which are about calls."""
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__


def _resolv_conf() -> tuple[str, ...]:
    try:
        found = dns.resolver.Resolver(configure=True).nameservers
    except (dns.exception.DNSException, OSError):
        return _LAST_RESORT
    return tuple(str(server) for server in found) or _LAST_RESORT


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
