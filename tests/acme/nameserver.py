"""A small authoritative nameserver in this process, on UDP and TCP, with moods: silent, broken, cutting off.

    async with run_nameserver() as server:
        server.zone("home.test", servers={"ns1.home.test": "127.0.0.1"})
        server.add("_acme-challenge.home.test", "TXT", '"value"')

It can stand for a resolver as well: it answers whatever zones it is given. Nothing of pytest is used.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Literal, NamedTuple, cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from aiohttp import web

from tests.acme.listener import make_listener
from tests.ports import free_port

Mood = Literal["good", "silent", "SERVFAIL", "REFUSED", "garbage", "cut off"]
"""cut off: by UDP every answer is truncated."""
MINIMUM: Final = 5
TTL: Final = 60


class Question(NamedTuple):
    name: str
    kind: str
    by: Literal["udp", "tcp", "https"]
    recurse: bool


class NameServer:
    """address, port: where it listens. asked: all questions so far. mood: of answers from now on; moods: of single
    names."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port = 0
        self.asked: list[Question] = []
        self.mood: Mood = "good"
        self.moods: dict[str, Mood] = {}
        self._zones: dict[dns.name.Name, dns.rrset.RRset] = {}
        self._records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}

    def zone(
        self, zone: str, *, servers: Mapping[str, str] | None = None, primary: str = "", minimum: int = MINIMUM
    ) -> None:
        """Answers for it from now on. servers: names and addresses of its nameservers."""
        names = servers if servers is not None else {f"ns1.{zone}": self.address}
        first = primary or next(iter(names), f"ns1.{zone}")
        soa = f"{first}. admin.{zone}. 1 3600 600 86400 {minimum}"
        self._zones[_name(zone)] = dns.rrset.from_text(_name(zone), TTL, "IN", "SOA", soa)
        for name, address in names.items():
            self.add(zone, "NS", f"{name}.")
            if address:
                self.add(name, "AAAA" if ":" in address else "A", address)

    def add(self, name: str, kind: str, *values: str, ttl: int = TTL) -> None:
        """Beside what is there. values: as zone files have them."""
        key = (_name(name), dns.rdatatype.from_text(kind))
        added = dns.rrset.from_text(key[0], ttl, "IN", kind, *values)
        for known in self._records.get(key, ()):
            added.add(known)
        self._records[key] = added

    def remove(self, name: str, kind: str) -> None:
        self._records.pop((_name(name), dns.rdatatype.from_text(kind)), None)

    async def set_txt(self, name: str, values: list[str]) -> None:
        """The whole set: what a DNS service would publish."""
        self.remove(name, "TXT")
        if values:
            self.add(name, "TXT", *(f'"{value}"' for value in values))

    def texts(self, name: str) -> set[str]:
        found = self._records.get((_name(name), dns.rdatatype.TXT))
        return set() if found is None else {b"".join(one.strings).decode() for one in found}

    def answer(self, wire: bytes, by: Literal["udp", "tcp", "https"]) -> bytes | None:
        """None: nothing is said."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(Question(name, kind, by, bool(query.flags & dns.flags.RD)))
        mood = self.moods.get(name, self.mood)
        if mood == "silent":
            return None
        if mood == "garbage":
            return wire[:2] + b"\xff" * 9
        response = dns.message.make_response(query)
        if mood == "cut off" and by == "udp":
            response.flags |= dns.flags.TC
        elif mood in ("SERVFAIL", "REFUSED"):
            response.set_rcode(dns.rcode.from_text(mood))
        else:
            self._fill(response, question.name, question.rdtype)
        return response.to_wire()

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        zone = self._zone_of(name)
        if zone is None:
            response.set_rcode(dns.rcode.REFUSED)
            return
        response.flags |= dns.flags.AA
        for _ in range(8):
            if kind == dns.rdatatype.SOA and name in self._zones:
                response.answer.append(self._zones[name])
                return
            if (found := self._records.get((name, kind))) is not None:
                response.answer.append(found)
                return
            alias = self._records.get((name, dns.rdatatype.CNAME))
            if alias is None:
                break
            response.answer.append(alias)
            name = alias[0].target
            if self._zone_of(name) is None:
                return
        if not any(known.is_subdomain(name) for known, _ in self._records) and name not in self._zones:
            response.set_rcode(dns.rcode.NXDOMAIN)
        last = self._zone_of(name)
        response.authority.append(self._zones[last if last is not None else zone])

    def _zone_of(self, name: dns.name.Name) -> dns.name.Name | None:
        within = [zone for zone in self._zones if name.is_subdomain(zone)]
        return max(within, key=len, default=None)


@contextlib.asynccontextmanager
async def run_nameserver(address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[NameServer]:
    """Listening on UDP and TCP. address: any of 127.0.0.0/8, so that several share a port. port: 0: a free one."""
    server = NameServer(address)
    loop = asyncio.get_running_loop()

    async def by_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = server.answer(await reader.readexactly(length), "tcp")
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        writer.close()

    streams = await asyncio.start_server(by_tcp, address, port or free_port())
    server.port = streams.sockets[0].getsockname()[1]
    datagrams, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(server), local_addr=(address, server.port)
    )
    try:
        yield server
    finally:
        datagrams.close()
        streams.close()


class Https(NamedTuple):
    """url: of DNS-over-HTTPS. ca: PEM that it is from."""

    url: str
    ca: str


@contextlib.asynccontextmanager
async def over_https(server: NameServer, folder: Any) -> AsyncIterator[Https]:
    """The same answers by RFC 8484. folder: for the key, a Path."""

    async def serve(request: web.Request) -> web.Response:
        answer = server.answer(await request.read(), "https")
        if answer is None or request.content_type != "application/dns-message":
            return web.Response(status=503)
        return web.Response(body=answer, content_type="application/dns-message")

    listener = make_listener()
    app = web.Application()
    app.router.add_post("/dns-query", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=listener.context(folder)).start()
        yield Https(f"https://127.0.0.1:{runner.addresses[0][1]}/dns-query", listener.ca)
    finally:
        await runner.cleanup()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._server.answer(data, "udp")
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text.lower())
