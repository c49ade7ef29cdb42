"""Clients that say exactly what a test wants them to say: bytes on a socket, and frames of HTTP/2."""

import asyncio
import re
import ssl
import struct
from typing import Any, NamedTuple

import h2.config
import h2.connection


class Said(NamedTuple):
    """What came back. `closed`: the other side ended the connection, in whatever way."""

    data: bytes
    closed: bool

    @property
    def statuses(self) -> tuple[int, ...]:
        """Of the HTTP/1 answers."""
        return tuple(int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self.data))


async def say(
    port: int,
    data: bytes,
    *,
    within: float = 10.0,
    until: bytes = b"",
    source: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    sni: str = "site.test",
) -> Said:
    """Sends bytes and reads until `until` has come, the connection ends or `within` seconds are over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    got = b""
    try:
        async with asyncio.timeout(within):
            if tls is not None:
                await writer.start_tls(tls, server_hostname=sni)
            writer.write(data)
            while not until or until not in got:
                part = await reader.read(1 << 16)
                if not part:
                    return Said(got, closed=True)
                got += part
            return Said(got, closed=False)
    except (ConnectionError, ssl.SSLError):
        return Said(got, closed=True)
    except TimeoutError:
        return Said(got, closed=False)
    finally:
        writer.close()


def request(
    path: str = "/", *lines: str, method: str = "GET", host: str = "site.test", body: bytes = b""
) -> bytes:
    """An HTTP/1.1 request that asks for the connection to be closed."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def proxy_header(address: str, version: int) -> bytes:
    """A PROXY protocol header which says that the client is `address`, port 1000."""
    if version == 1:
        return f"PROXY TCP4 {address} 127.0.0.1 1000 80\r\n".encode()
    numbers = bytes(map(int, address.split("."))) + bytes((127, 0, 0, 1)) + struct.pack("!HH", 1000, 80)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes((0x21, 0x11)) + struct.pack("!H", len(numbers)) + numbers


class Http2:
    """One HTTP/2 connection without TLS. `raw` sends frames that no honest client would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        config = h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.http = h2.connection.H2Connection(config)
        self.events: list[Any] = []

    @classmethod
    async def connected(cls, port: int, source: str = "127.0.0.1") -> "Http2":
        client = cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))
        client.http.initiate_connection()
        client.flush()
        return client

    def close(self) -> None:
        self._writer.close()

    def flush(self) -> None:
        self._writer.write(self.http.data_to_send())

    async def exactly(self, size: int) -> bytes:
        """The next bytes, past the library."""
        return await self._reader.readexactly(size)

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def get(self, path: str = "/", *headers: tuple[str, str], method: str = "GET", end: bool = True) -> int:
        """Sends a request; gives its stream."""
        stream = self.http.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "site.test"), (":path", path)]
        self.http.send_headers(stream, [*pseudo, *headers], end_stream=end)
        self.flush()
        return stream

    async def until(self, *kinds: type, within: float = 10.0) -> bool:
        """Reads until an event of one of these kinds has come; False when the connection ended before. Frame by
        frame: after a GOAWAY the library bears no more, though answers may follow."""
        async with asyncio.timeout(within):
            while not any(isinstance(event, kinds) for event in self.events):
                try:
                    head = await self._reader.readexactly(9)
                    body = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
                except (ConnectionError, asyncio.IncompleteReadError):
                    return False
                self.events += self.http.receive_data(head + body)
                self.flush()
        return True

    def event(self, kind: type) -> Any:
        return next(event for event in self.events if isinstance(event, kind))

    def statuses(self) -> list[int]:
        return [
            int(value)
            for event in self.events
            for name, value in getattr(event, "headers", None) or ()
            if name == b":status"
        ]


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """An HTTP/2 frame (RFC 9113 4.1)."""
    return struct.pack("!I", len(body))[1:] + bytes((kind, flags)) + struct.pack("!I", stream) + body
