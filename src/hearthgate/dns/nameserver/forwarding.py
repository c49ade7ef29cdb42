"""Asks other name servers what is none of our business."""

import asyncio
import secrets
from typing import Final

import structlog

from hearthgate.dns.nameserver.settings import Place

log = structlog.get_logger(__name__)

WITHIN: Final = 2.0
"""Seconds that each of them has."""
AT_ONCE: Final = 256
"""Questions under way; further ones are refused, and asked again by who waits."""
_HEADER: Final = 12


class Forwarder:
    """servers: asked one after the other."""

    def __init__(self, servers: tuple[Place, ...]) -> None:
        self._servers = servers
        self._under_way = 0

    async def ask(self, message: bytes, *, stream: bool) -> bytes | None:
        """The answer as it came, with the number of the question; None when nobody gave one. stream: by TCP."""
        if self._under_way >= AT_ONCE:
            return None
        self._under_way += 1
        try:
            for server in self._servers:
                try:
                    async with asyncio.timeout(WITHIN):
                        answer = await (_by_stream(server, message) if stream else _by_datagram(server, message))
                    return message[:2] + answer[2:]
                except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                    log.debug("a name server gave no answer", server=str(server), error=repr(error))
            return None
        finally:
            self._under_way -= 1


async def _by_datagram(server: Place, message: bytes) -> bytes:
    """With a port and a number of its own, both by chance: nobody else can answer for it."""
    number = secrets.token_bytes(2)
    loop = asyncio.get_running_loop()
    transport, waiting = await loop.create_datagram_endpoint(
        lambda: _Waiting(number + message[2:]), remote_addr=(server.host, server.port)
    )
    try:
        transport.sendto(number + message[2:])
        return await waiting.answer
    finally:
        transport.close()


async def _by_stream(server: Place, message: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(len(message).to_bytes(2, "big") + message)
        await writer.drain()
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()


class _Waiting(asyncio.DatagramProtocol):
    """For the answer to one question."""

    def __init__(self, question: bytes) -> None:
        self._question = question
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.answer.done() and _answers(self._question, data):
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


def _answers(question: bytes, data: bytes) -> bool:
    """The same number and the same name, whatever its case."""
    if len(data) < _HEADER or data[:2] != question[:2] or not data[2] & 0x80:
        return False
    end = question.find(b"\0", _HEADER) + 5
    return data[4:6] != b"\0\1" or data[_HEADER:end].lower() == question[_HEADER:end].lower()
