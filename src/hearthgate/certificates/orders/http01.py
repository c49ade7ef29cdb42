"""A look at the proof of HTTP-01 (RFC 8555, section 8.3), as a CA does it: from port 80, redirects followed."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from hearthgate.certificates.orders.hosts import addresses_of, is_address
from hearthgate.certificates.orders.proofs import GivenByProxy, Seen
from hearthgate.resources.certmanager import Challenge

PATH: Final = "/.well-known/acme-challenge/"
TIMEOUT: Final = 10.0
REDIRECTS: Final = 10
_LONGEST: Final = 4096
"""Bytes of an answer that are read: a key authorization has about 90."""


class HTTP01Proofs(GivenByProxy):
    """nameservers: asked anew each time; none: those of this machine. port: where a CA connects to."""

    def __init__(self, nameservers: Callable[[], Sequence[str]], *, port: int = 80) -> None:
        self._nameservers = nameservers
        self._port = port

    async def look(self, challenge: Challenge) -> Seen:
        spec = challenge.spec
        host = f"[{spec.dns_name}]" if ":" in spec.dns_name else spec.dns_name
        url = f"http://{host}{f':{self._port}' if self._port != 80 else ''}{PATH}{spec.token}"
        try:
            status, found = await self._get(url)
        except TimeoutError:
            return Seen(False, f"GET {url}: no answer in {TIMEOUT:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Seen(False, f"GET {url}: {error or type(error).__name__}")
        if found.strip() == spec.key.encode():
            return Seen(True, f"GET {url} gives the proof")
        where = "another answer than the proof" if status == 200 else f"status {status}"
        return Seen(False, f"GET {url} gives {where}: does port 80 of {spec.dns_name} lead to this proxy?")

    async def _get(self, url: str) -> tuple[int, bytes]:
        servers = tuple(self._nameservers())
        resolver = _Resolver(servers) if servers else None
        # The certificate of a redirection's target is what is being obtained: none can be asked for.
        connector = aiohttp.TCPConnector(resolver=resolver, ssl=False, force_close=True)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            ) as web,
            web.get(url, max_redirects=REDIRECTS) as answer,
        ):
            return answer.status, await answer.content.read(_LONGEST)


class _Resolver(AbstractResolver):
    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = servers

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        async with asyncio.timeout(TIMEOUT):
            found = await addresses_of(host, self._servers)
        if not found:
            raise OSError(f"{', '.join(self._servers)} know no address of {host}")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
            if is_address(address)
        ]

    async def close(self) -> None:
        pass
