"""Certificates on demand: Envoy asks by the name that a client sends, the resolver answers, floods are bounded."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hearthgate.ingress.xds.resources import LISTENER, ROUTE, SECRET, Resources, Versioned
from hearthgate.ingress.xds.server import AdsServer
from tests.component.ingress.certificates import Shown, certificate_of, connect_tls, self_signed
from tests.component.ingress.envoy_process import (
    ADS,
    bare_envoy,
    http_filter,
    listener,
    reply,
    routes,
    tls_certificate,
    together,
)
from tests.waiting import eventually

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls"
LIMIT = 20


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hg-") as path:
        yield Path(path)


def https(port: int, *prefetch: str) -> Versioned:
    """An HTTPS listener whose certificates come on demand."""
    mapper = {"@type": f"{_TLS}.cert_mappers.sni.v3.SNI", "default_value": "no name"}
    selector = {
        "@type": f"{_TLS}.cert_selectors.on_demand_secret.v3.Config",
        "config_source": ADS,
        "certificate_mapper": {"name": "envoy.tls.certificate_mappers.sni", "typed_config": mapper},
        "prefetch_secret_names": prefetch,
    }
    name = "envoy.tls.certificate_selectors.on_demand_secret"
    context: dict[str, Any] = {
        "@type": f"{_TLS}.v3.DownstreamTlsContext",
        "common_tls_context": {"custom_tls_certificate_selector": {"name": name, "typed_config": selector}},
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
    }
    inspector = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
    return listener(
        "https",
        port,
        {
            "filters": [http_filter("web")],
            "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
        },
        listener_filters=[{"name": "envoy.filters.listener.tls_inspector", "typed_config": {"@type": inspector}}],
    )


class Certificates:
    """A resolver that knows some hosts and gives every other name a default, except those it refuses."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.serials = {"a.example": 1, "b.example": 1, "default": 1}
        self.refused = {"refused.example"}
        self.broken: set[str] = set()

    def __call__(self, name: str) -> Versioned | None:
        self.asked.append(name)
        if name in self.refused:
            return None
        if name in self.broken:
            return tls_certificate(self_signed("one").chain, self_signed("other").key)
        subject = name if name in self.serials else "default"
        return tls_certificate(*self_signed(subject, serial=self.serials[subject]))


class Site:
    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.certificates = Certificates()
        self.server = AdsServer(
            folder / "xds.sock",
            secret_resolver=self.certificates,
            is_known=lambda name: name == "a.example",
            on_demand_limit=LIMIT,
            linger=0.1,
        )

    def resources(self) -> Resources:
        names = ("a.example", "fixed.example")
        return together(
            {LISTENER: {"https": https(self.port, *names)}, ROUTE: {"web": routes("web", reply("hello"))}},
            {SECRET: {"fixed.example": tls_certificate(*self_signed("fixed"))}},
        )

    async def shown(self, name: str | None) -> Shown | None:
        return await certificate_of(self.port, name)

    def held(self) -> set[str]:
        """The names that the server thinks Envoy subscribes to."""
        return set(self.server.subscribed_secrets())


@pytest.fixture
async def site(folder: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    found = Site(folder, free_port())
    await found.server.start()
    async with bare_envoy(folder):
        await asyncio.wait_for(found.server.connected.wait(), 5)
        assert (await found.server.apply(found.resources())).acked
        yield found
    await found.server.stop()


@pytest.mark.parametrize(
    ("name", "common_name"),
    [
        ("a.example", "a.example"),
        ("b.example", "b.example"),
        ("fixed.example", "fixed"),
        ("anything.else", "default"),
        (None, "default"),
    ],
)
async def test_each_name_is_shown_what_the_resolver_decides(site: Site, name: str, common_name: str) -> None:
    assert await site.shown(name) == Shown(common_name, 1)


async def test_known_hosts_are_prefetched_and_fixed_secrets_not_asked_for(site: Site) -> None:
    await eventually(lambda: "a.example" in site.certificates.asked)
    await site.shown("fixed.example")
    assert "fixed.example" not in site.certificates.asked


async def test_refused_name_fails_its_handshake_and_no_other(site: Site) -> None:
    assert await site.shown("refused.example") is None
    assert await site.shown("b.example") == Shown("b.example", 1)
    site.certificates.refused.clear()
    assert await site.shown("refused.example") == Shown("default", 1)


async def test_renewed_certificates_are_sent_and_open_connections_stay(site: Site) -> None:
    connection = await connect_tls(site.port, "b.example")
    assert connection.shown.serial == 1
    site.certificates.serials["b.example"] = 2
    assert (await site.server.refresh_secrets()).acked
    await eventually(lambda: _is(site, "b.example", Shown("b.example", 2)), within=2)
    assert await site.shown("a.example") == Shown("a.example", 1)
    assert await connection.get("b.example") == "hello"
    await connection.close()


async def test_fixed_secret_changes_beside_the_sequence(site: Site) -> None:
    renewed = {"fixed.example": tls_certificate(*self_signed("fixed", serial=2))}
    assert await site.shown("fixed.example") == Shown("fixed", 1)
    assert (await site.server.update_secrets(renewed)).acked
    await eventually(lambda: _is(site, "fixed.example", Shown("fixed", 2)), within=2)


async def test_flood_of_names_is_bounded_and_harms_nobody(site: Site) -> None:
    connection = await connect_tls(site.port, "flood-0.example")
    for number in range(LIMIT * 5):
        assert await site.shown(f"flood-{number}.example") == Shown("default", 1)
    flood = {name for name in site.held() if name.startswith("flood")}
    assert len(flood) <= LIMIT
    assert f"flood-{LIMIT * 5 - 1}.example" in flood
    assert "flood-0.example" not in flood
    assert "a.example" in site.held()
    assert await connection.get("x") == "hello", "an evicted name keeps its open connections"
    await connection.close()
    assert await site.shown("flood-0.example") == Shown("default", 1), "it is asked for again"
    for number in range(LIMIT * 2):
        site.certificates.refused.add(f"refused-{number}.example")
        assert await site.shown(f"refused-{number}.example") is None
    assert len(site.held()) <= LIMIT + 2
    assert await site.shown("a.example") == Shown("a.example", 1)


async def test_broken_pair_is_refused_alone_and_recovers(site: Site) -> None:
    site.certificates.broken.add("broken.example")
    assert await site.shown("broken.example") is None
    assert [(entry.type_url, entry.names) for entry in site.server.rejections] == [(SECRET, ("broken.example",))]
    assert "PRIVATE" not in str(site.server.rejections)
    assert await site.shown("a.example") == Shown("a.example", 1)
    site.certificates.broken.clear()
    assert (await site.server.refresh_secrets()).rejected == ()
    assert await site.shown("broken.example") == Shown("default", 1)


async def _is(site: Site, name: str, expected: Shown) -> bool:
    return await site.shown(name) == expected
