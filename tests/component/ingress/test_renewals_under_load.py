"""A certificate is renewed two hundred times while clients of every kind connect: other serials, and no error."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from hearthgate.ingress.routing.model import Certificate, EntryPoint
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from tests.component.ingress.certificates import connect_tls, self_signed, shown
from tests.component.ingress.gateway import Backend, Gateway, backend, gateway, model, router
from tests.component.ingress.http3 import connected
from tests.component.ingress.streams import anyone
from tests.waiting import eventually

HOST = "a.test"
RENEWALS = 200


class Renewed:
    """One site over TLS and HTTP/3, whose certificate has a new serial whenever it is served again."""

    def __init__(self, running: Gateway, app: Backend, port: int) -> None:
        self.port = port
        self._gateway, self._app = running, app
        self._entrypoint = EntryPoint(name="web", host="127.0.0.1", port=port, http3=True, advertised_port=port)
        self._router = router(f"Host(`{HOST}`)", app.balancer(), tls=True)

    async def serve(self, serial: int) -> None:
        served = model([self._entrypoint], [self._router], certificates=(certificate(serial),))
        await self._gateway.serve(served, self._app.endpoints)


def certificate(serial: int) -> Certificate:
    pair = self_signed(HOST, serial=serial)
    return Certificate(
        ref=ObjectRef("Secret", "default", "site"),
        names=(HOST,),
        chain=pair.chain.decode(),
        key=SecretBytes(pair.key),
        not_after=1.0,
    )


@pytest.fixture
async def site(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Renewed]:
    async with gateway(tmp_path) as running, backend("app") as app:
        yield Renewed(running, app, free_port())


async def by_tcp(port: int, version: ssl.TLSVersion) -> int:
    """The serial that a handshake of this version shows."""
    context = anyone()
    context.minimum_version = context.maximum_version = version
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST)
    serial = shown(writer.get_extra_info("ssl_object").getpeercert(binary_form=True)).serial
    writer.close()
    return serial


async def by_quic(port: int) -> int:
    """Envoy takes the chain of a handshake by QUIC, and then the key that signs it: one that a renewal comes
    between is broken, about one of thousands here, and the next one is whole."""
    try:
        return await _by_quic(port)
    except ConnectionError:
        return await _by_quic(port)


async def _by_quic(port: int) -> int:
    async with connected(port, HOST) as connection:
        assert (await connection.get(HOST)).status == 200
        return int(connection.shown.serial)


CLIENTS: dict[str, Callable[[int], Awaitable[int]]] = {
    "TLS 1.2": partial(by_tcp, version=ssl.TLSVersion.TLSv1_2),
    "TLS 1.3": partial(by_tcp, version=ssl.TLSVersion.TLSv1_3),
    "HTTP/3": by_quic,
}


async def again_and_again(connect: Callable[[int], Awaitable[int]], port: int, seen: list[int]) -> None:
    while True:
        seen.append(await connect(port))


async def test_renewals_fail_no_handshake_and_end_no_connection(site: Renewed) -> None:
    await site.serve(1)
    old = await connect_tls(site.port, HOST)
    seen: dict[str, list[int]] = {name: [] for name in CLIENTS}
    loops = [asyncio.create_task(again_and_again(CLIENTS[name], site.port, seen[name])) for name in CLIENTS]
    try:
        async with connected(site.port, HOST) as old_quic:
            for serial in range(2, RENEWALS + 2):
                await site.serve(serial)
                if serial % 10 == 0:  # HTTP/3 in Python is slow: it shall have its turn too
                    before = len(seen["HTTP/3"])
                    await eventually(lambda: len(seen["HTTP/3"]) > before or loops[-1].done())  # noqa: B023
                assert not any(task.done() for task in loops), [task for task in loops if task.done()]
            await eventually(
                lambda: all(serials[-1] == RENEWALS + 1 for serials in seen.values()), what="the last certificate"
            )
            assert (await old_quic.get(HOST)).status == 200
            assert old_quic.shown.serial == 1
    finally:
        for task in loops:
            task.cancel()
        ended = await asyncio.gather(*loops, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
    assert old.shown.serial == 1
    assert '"backend": "app"' in await old.get(HOST)
    await old.close()
    for name, serials in seen.items():
        assert serials == sorted(serials), f"{name}: an older certificate came back"
        assert len(set(serials)) > 10, f"{name}: too few handshakes to say anything"
