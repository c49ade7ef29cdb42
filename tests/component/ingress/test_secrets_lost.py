"""Secrets that vanish or are spoilt while the ingress loop runs: Envoy shows on what they held."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.component.ingress.certificates import Shown, certificate_of, self_signed
from tests.component.ingress.live import Live, live
from tests.component.ingress.site import Manifest, manifest, service

HOST = "t.test"


@pytest.fixture
async def loop(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Live]:
    async with live(tmp_path, free_port) as found:
        yield found


def tls_secret(serial: int) -> Manifest:
    pair = self_signed(HOST, serial=serial)
    values = {"tls.crt": pair.chain.decode(), "tls.key": pair.key.decode()}
    return manifest("v1", "Secret", "tls", stringData=values, type="kubernetes.io/tls")


def documents(*more: Manifest, **tls: str) -> list[Manifest]:
    routes = [{"match": f"Host(`{HOST}`)", "services": [{"name": "app", "port": 80}]}]
    route = manifest("traefik.io/v1alpha1", "IngressRoute", "r", spec={"routes": routes, "tls": tls})
    return [*service("app", 1), route, *more]


async def test_what_a_lost_secret_held_is_shown_on(loop: Live) -> None:
    await loop.serve(documents(tls_secret(1), secretName="tls"))
    assert await certificate_of(loop.port, HOST) == Shown(HOST, 1)
    spoilt = manifest("v1", "Secret", "tls", stringData={"tls.crt": "x", "tls.key": "y"}, type="kubernetes.io/tls")
    for state, lost in (("is gone since 2", ()), ("holds no certificate that can serve since 2", (spoilt,))):
        await loop.serve(documents(*lost, secretName="tls"))
        assert await certificate_of(loop.port, HOST) == Shown(HOST, 1)
        assert any(f"spec.tls.secretName: Secret default/tls {state}" in text for text in loop.problems)
    await loop.serve(documents(tls_secret(2), secretName="tls"))
    assert await certificate_of(loop.port, HOST) == Shown(HOST, 2)
    assert not any("since" in text for text in loop.problems)
    await loop.serve(documents(secretName="another"))
    assert await certificate_of(loop.port, HOST) is None, "nobody names it any more"
