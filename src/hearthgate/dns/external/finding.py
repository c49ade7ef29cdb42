"""Asks pages of the internet from where they are asked."""

import asyncio
import socket
from typing import Final

import aiohttp
import structlog

from hearthgate.dns.external.agree import Verdict, agreed, read
from hearthgate.dns.names.model import Address

log = structlog.get_logger(__name__)

WITHIN: Final = 5.0
"""Seconds that all of them have, beside each other."""
_LONGEST: Final = 4096
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


async def find(sources: tuple[str, ...], version: int) -> Verdict:
    """Our address of one family. Never raises: who does not answer says nothing."""
    connector = aiohttp.TCPConnector(family=_FAMILIES[version], limit=0)
    timeout = aiohttp.ClientTimeout(total=WITHIN)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        answers = await asyncio.gather(*(_ask(session, source) for source in sources))
    return agreed(answers, version)


async def _ask(session: aiohttp.ClientSession, source: str) -> Address | None:
    try:
        async with session.get(source, allow_redirects=False) as response:
            if response.status != 200:
                return None
            return read((await response.content.read(_LONGEST)).decode("ascii", "replace"))
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        log.debug("a source of the external address did not answer", source=source, error=repr(error))
        return None
