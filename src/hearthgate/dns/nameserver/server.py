"""Takes questions by UDP and TCP."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

import structlog

from hearthgate.dns.nameserver.forwarding import Forwarder
from hearthgate.dns.nameserver.responder import Responder
from hearthgate.dns.nameserver.settings import LocalDNS, Network, Place, networks, read_place
from hearthgate.dns.nameserver.wire import LONGEST
from hearthgate.model.metrics import Metric, family

log = structlog.get_logger(__name__)

AT_ONCE: Final = 64
"""Questions of a turn of the loop."""
AGAIN: Final = 5.0
"""Seconds until an address that could not be had is tried again."""
IDLE: Final = 10.0
"""Seconds until a connection that asks nothing is closed (RFC 7766 6.2.3)."""
CONNECTIONS: Final = 200
_IP_FREEBIND: Final = 15
_IPV6_FREEBIND: Final = 78
QUERIES: Final = Metric(
    "hearthgate_dns_queries_total", "counter", ("type", "result"), "Questions to the name server, by their result."
)


class NameServer:
    """settings: without mistakes. on_trouble: told why it cannot answer; empty once it does."""

    def __init__(self, settings: LocalDNS, *, on_trouble: Callable[[str], None] = lambda why: None) -> None:
        self._on_trouble = on_trouble
        self._places = tuple(map(read_place, settings.listen))
        self._allowed = _Allowed(networks(settings))
        self._forwarder = Forwarder(tuple(map(read_place, settings.forward))) if settings.forward else None
        self.responder = Responder(
            forwards=self._forwarder is not None, falls_through=settings.unknown == "forward"
        )
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. While an address cannot be had it is tried again: who has it may go."""
        while True:
            async with contextlib.AsyncExitStack() as stack:
                stack.callback(self._end_tasks)
                trouble = [why for place in self._places if (why := await self._listen(place, stack))]
                self._on_trouble("; ".join(trouble))
                if not trouble:
                    await asyncio.Future()
                await asyncio.sleep(AGAIN)

    async def _listen(self, place: Place, stack: contextlib.AsyncExitStack) -> str:
        """Why that cannot be; empty when it can."""
        loop = asyncio.get_running_loop()
        try:
            datagrams = stack.enter_context(_bound(place, socket.SOCK_DGRAM))
            loop.add_reader(datagrams, self._read, datagrams)
            stack.callback(loop.remove_reader, datagrams)
            server = await asyncio.start_server(self._converse, sock=_bound(place, socket.SOCK_STREAM))
            stack.callback(server.close)
        except OSError as error:
            return _why(place, error)
        log.info("name server answers", address=str(place))
        return ""

    def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    def lines(self) -> Iterator[str]:
        """For /metrics."""
        yield from family(QUERIES, [(key, float(count)) for key, count in sorted(self.responder.counts.items())])

    def _read(self, datagrams: socket.socket) -> None:
        """Questions by UDP that are there, but not all of a flood: other work of the loop shall not wait."""
        for _ in range(AT_ONCE):
            try:
                message, source = datagrams.recvfrom(LONGEST)
            except OSError:  # nothing more, or an answer before did not get there
                return
            if not self._allowed(source[0]):
                continue
            answer = self.responder.answer(message, may_forward=True)
            if answer:
                _send(datagrams, answer, source)
            elif answer is None:
                task = asyncio.get_running_loop().create_task(self._pass_on(datagrams, message, source))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, datagrams: socket.socket, message: bytes, source: tuple[Any, ...]) -> None:
        _send(datagrams, await self._forwarded(message, stream=False), source)

    async def _forwarded(self, message: bytes, *, stream: bool) -> bytes:
        answer = await self._forwarder.ask(message, stream=stream) if self._forwarder is not None else None
        return self.responder.failure(message) if answer is None else answer

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: questions one after the other."""
        source = writer.get_extra_info("peername")
        if self._connections >= CONNECTIONS or source is None or not self._allowed(source[0]):
            writer.close()
            return
        self._connections += 1
        try:
            while True:
                async with asyncio.timeout(IDLE):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    message = await reader.readexactly(length)
                answer = self.responder.answer(message, stream=True, may_forward=True)
                if answer is None:
                    answer = await self._forwarded(message, stream=True)
                if not answer:
                    return
                writer.write(len(answer).to_bytes(2, "big") + answer)
                async with asyncio.timeout(IDLE):
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return
        finally:
            self._connections -= 1
            writer.close()


class _Allowed:
    """Whether an address may ask: private ones, and those of further networks. An open resolver would answer for
    forged addresses, to their harm."""

    def __init__(self, more: tuple[Network, ...]) -> None:
        self._more = more
        self._known = lru_cache(maxsize=4096)(self._look)

    def __call__(self, text: str) -> bool:
        return self._known(text)

    def _look(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address.is_private or address.is_link_local or any(address in one for one in self._more)


def _send(datagrams: socket.socket, answer: bytes, source: tuple[Any, ...]) -> None:
    """Or not: who waits asks again."""
    with contextlib.suppress(OSError):
        datagrams.sendto(answer, source)


def _bound(place: Place, kind: socket.SocketKind) -> socket.socket:
    """Also at an address that this machine does not have yet: that of a load balancer may come later. Raises
    OSError."""
    is_v6 = ":" in place.host
    made = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, kind)
    try:
        made.setblocking(False)
        level, option = (socket.IPPROTO_IPV6, _IPV6_FREEBIND) if is_v6 else (socket.IPPROTO_IP, _IP_FREEBIND)
        made.setsockopt(level, option, 1)
        if kind is socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((place.host, place.port))
    except OSError:
        made.close()
        raise
    return made


def _why(place: Place, error: OSError) -> str:
    hint = " (another name server runs here: systemd-resolved, dnsmasq or Pi-hole)" if error.errno == 98 else ""
    return f"the name server cannot have {place}: {error.strerror}{hint}"
