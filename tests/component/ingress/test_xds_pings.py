"""Envoy asks now and then whether we are still there; gRPC takes that for an attack unless it is told not to."""

import asyncio
import tempfile
from pathlib import Path

import h2.config
import h2.connection
import h2.events

from hearthgate.ingress.xds.server import AdsServer

MANY = 20


async def test_a_proxy_that_asks_often_keeps_its_connection() -> None:
    with tempfile.TemporaryDirectory(prefix="hg-") as folder:
        socket = Path(folder) / "xds.sock"
        server = AdsServer(socket)
        await server.start()
        try:
            answered, ended = await _ping(socket)
        finally:
            await server.stop()
    assert (answered, ended) == (MANY, [])


async def _ping(socket: Path) -> tuple[int, list[str]]:
    """How many pings are answered on one connection, and what the server says when it has had enough."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    http.initiate_connection()
    answered = 0
    ended: list[str] = []
    async with asyncio.timeout(10):
        for number in range(MANY):
            if ended:
                break
            http.ping(number.to_bytes(8, "big"))
            writer.write(http.data_to_send())
            while answered <= number and (data := await reader.read(1 << 16)):
                events = http.receive_data(data)
                answered += sum(isinstance(event, h2.events.PingAckReceived) for event in events)
                ended += [
                    (event.additional_data or b"").decode()
                    for event in events
                    if isinstance(event, h2.events.ConnectionTerminated)
                ]
                writer.write(http.data_to_send())
    writer.close()
    return answered, ended
