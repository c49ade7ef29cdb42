"""A small HTTP/3 client."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent
from cryptography.hazmat.primitives.serialization import Encoding

from tests.component.ingress.certificates import Shown, shown
from tests.component.ingress.gateway import Answer


class Client(QuicConnectionProtocol):
    """One connection, one request at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._http = H3Connection(self._quic)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._done = asyncio.Event()

    @property
    def shown(self) -> Shown:
        certificate = self._quic.tls._peer_certificate
        assert certificate is not None
        return shown(certificate.public_bytes(Encoding.DER))

    def quic_event_received(self, event: QuicEvent) -> None:
        for http_event in self._http.handle_event(event):
            if isinstance(http_event, HeadersReceived):
                self._headers += http_event.headers
            elif isinstance(http_event, DataReceived):
                self._body += http_event.data
            if getattr(http_event, "stream_ended", False):
                self._done.set()

    async def get(self, host: str, path: str = "/", *, headers: Mapping[str, str] = {}) -> Answer:
        self._headers, self._body = [], b""
        self._done.clear()
        stream = self._quic.get_next_available_stream_id()
        head = {":method": "GET", ":scheme": "https", ":authority": host, ":path": path, **headers}
        self._http.send_headers(stream, [(k.encode(), v.encode()) for k, v in head.items()], end_stream=True)
        self.transmit()
        await asyncio.wait_for(self._done.wait(), 10)
        seen = tuple((k.decode(), v.decode()) for k, v in self._headers)
        return Answer(int(dict(seen)[":status"]), seen, self._body, "3")


def connected(port: int, name: str) -> Any:
    """An async context manager that gives a Client whose handshake is done."""
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, server_name=name, verify_mode=ssl.CERT_NONE, idle_timeout=60
    )
    return connect("127.0.0.1", port, configuration=configuration, create_protocol=Client, wait_connected=True)
