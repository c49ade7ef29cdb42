"""TLSRoutes, TCPRoutes, UDPRoutes and BackendTLSPolicies on a real Envoy."""

import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.resources.decode import decode_mapping
from tests.component.ingress.certificates import Pair, certificate_of, self_signed
from tests.component.ingress.gateway import Gateway, ask, backend, gateway
from tests.component.ingress.gateway_api import API, front, gateway_class, http_route, to
from tests.component.ingress.site import Manifest, manifest, secret, service
from tests.component.ingress.streams import answer_of, anyone, stream_backend
from tests.component.ingress.test_streams_udp import Client, echo

ALPHA = "gateway.networking.k8s.io/v1alpha2"


class Box:
    """Entrypoints `a`, `b` and, of datagrams, `udp`."""

    def __init__(self, running: Gateway, free_port: Callable[[], int]) -> None:
        self._running = running
        self.a, self.b, self.udp = free_port(), free_port(), free_port()

    async def serve(self, *documents: Manifest | list[Manifest]) -> list[str]:
        flat: list[Manifest] = [gateway_class()]
        for document in documents:
            flat += [document] if isinstance(document, dict) else document
        decoded = [decode_mapping(document) for document in flat]
        resources = [one.resource for one in decoded if one.resource is not None]
        problems = [problem for one in decoded for problem in one.problems]
        addresses = {"a": f"127.0.0.1:{self.a}", "b": f"127.0.0.1:{self.b}", "udp": f"127.0.0.1:{self.udp}/udp"}
        settings = IngressSettings(
            entry_points={name: EntryPoint(address=address) for name, address in addresses.items()}
        )
        built = RoutingBuilder(settings).build(Snapshot.of(resources, problems))
        translation = await self._running.serve(built.model, built.endpoints)
        return [str(problem) for problem in sorted({*built.problems, *translation.problems})]


@pytest.fixture
async def box(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Box]:
    (tmp_path / "system.pem").write_bytes(self_signed("inner.test").chain)
    async with gateway(tmp_path, system_cas=str(tmp_path / "system.pem")) as running:
        yield Box(running, free_port)


def route(kind: str, name: str, *references: dict[str, Any], version: str = ALPHA, **spec: Any) -> Manifest:
    whole = {"parentRefs": [{"name": "front"}], "rules": [{"backendRefs": list(references)}], **spec}
    return manifest(version, kind, name, spec=whole)


def server_context(pair: Pair, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "chain.pem").write_bytes(pair.chain)
    (folder / "key.pem").write_bytes(pair.key)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return context


def keys(name: str, pair: Pair) -> Manifest:
    return secret(name, {"tls.crt": pair.chain.decode(), "tls.key": pair.key.decode()}, "kubernetes.io/tls")


def listener(name: str, port: int, protocol: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "port": port, "protocol": protocol, **more}


async def test_tls_is_passed_through_by_name(box: Box, tmp_path: Path) -> None:
    own, other = self_signed("own.test"), self_signed("other.test")
    (tmp_path / "other").mkdir()
    async with (
        stream_backend("own", tls=server_context(own, tmp_path)) as first,
        stream_backend("other", tls=server_context(other, tmp_path / "other")) as second,
    ):
        found = await box.serve(
            front(listener("tls", box.a, "TLS", tls={"mode": "Passthrough"})),
            service("own", first.port),
            service("other", second.port),
            route("TLSRoute", "own", to("own"), version=API, hostnames=["own.test"]),
            route("TLSRoute", "other", to("other"), version=API, hostnames=["*.other.test"]),
        )
        assert found == []
        shown = await certificate_of(box.a, "own.test")
        assert shown is not None
        assert shown.common_name == "own.test"
        for name in ("a.other.test", "a.b.other.test"):
            assert await answer_of(box.a, tls=anyone(), sni=name) == "other: hello", name
        assert await certificate_of(box.a, "else.test") is None
        assert await certificate_of(box.a, "other.test") is None


async def test_tls_is_terminated_for_streams(box: Box) -> None:
    pair = self_signed("own.test")
    tls = {"certificateRefs": [{"name": "keys"}]}
    async with stream_backend("plain") as served:
        await box.serve(
            front(listener("tls", box.a, "TLS", hostname="own.test", tls=tls)),
            keys("keys", pair),
            service("plain", served.port),
            route("TLSRoute", "own", to("plain"), version=API, hostnames=["own.test"]),
        )
        assert await answer_of(box.a, tls=anyone(), sni="own.test") == "plain: hello"
        await box.serve(
            front(listener("tls", box.a, "TLS", hostname="own.test", tls=tls)),
            keys("keys", pair),
            service("plain", served.port),
            route("TCPRoute", "own", to("plain")),
        )
        assert await answer_of(box.a, tls=anyone(), sni="own.test") == "plain: hello"


async def test_connections_by_weight(box: Box) -> None:
    async with stream_backend("one") as one, stream_backend("two") as two:
        await box.serve(
            front(listener("tcp", box.a, "TCP"), listener("more", box.b, "TCP")),
            service("one", one.port),
            service("two", two.port),
            route(
                "TCPRoute", "all", to("one", weight=3), to("two"), parentRefs=[{"name": "front", "port": box.a}]
            ),
            route(
                "TCPRoute", "half", to("one"), to("missing"), parentRefs=[{"name": "front", "sectionName": "more"}]
            ),
        )
        seen = Counter([await answer_of(box.a) for _ in range(60)])
        assert set(seen) == {"one: hello", "two: hello"}
        assert seen["one: hello"] > seen["two: hello"] > 3
        half = Counter([await answer_of(box.b) for _ in range(40)])
        assert set(half) == {"one: hello", ""}


async def test_datagrams(box: Box) -> None:
    async with echo("dns") as server:
        endpoints = service("dns", server.port)
        endpoints[0]["spec"]["ports"][0]["protocol"] = "UDP"
        endpoints[1]["ports"][0]["protocol"] = "UDP"
        found = await box.serve(
            front(listener("udp", box.udp, "UDP")), endpoints, route("UDPRoute", "dns", to("dns"))
        )
        assert found == []
        client = Client(box.udp)
        try:
            assert await client.ask("hello") == "dns: hello"
        finally:
            client.close()


def policy(name: str, **validation: Any) -> Manifest:
    target = {"group": "", "kind": "Service", "name": name}
    spec = {"targetRefs": [target], "validation": {"hostname": "inner.test", **validation}}
    return manifest(API, "BackendTLSPolicy", name, spec=spec)


async def test_backends_are_spoken_to_by_tls(box: Box, tmp_path: Path) -> None:
    inner, stranger = self_signed("inner.test"), self_signed("inner.test", "alt.test", serial=2)
    authority = {"group": "", "kind": "ConfigMap", "name": "ca"}
    cas = {"caCertificateRefs": [authority]}
    async with (
        backend("app", server_context(inner, tmp_path)) as app,
        stream_backend("stream", tls=server_context(inner, tmp_path)) as stream,
    ):
        cases: dict[str, dict[str, Any]] = {
            "good": cas,
            "named": {**cas, "subjectAltNames": [{"type": "Hostname", "hostname": "inner.test"}]},
            "othername": {**cas, "subjectAltNames": [{"type": "Hostname", "hostname": "other.test"}]},
            "stranger": {"caCertificateRefs": [{**authority, "name": "stranger"}]},
            "missing": {"caCertificateRefs": [{**authority, "name": "nothing"}]},
            "system": {"wellKnownCACertificates": "System"},
            "both": {**cas, "wellKnownCACertificates": "System"},
        }
        await box.serve(
            front(listener("http", box.a, "HTTP"), listener("tcp", box.b, "TCP")),
            manifest("v1", "ConfigMap", "ca", data={"ca.crt": inner.chain.decode()}),
            manifest("v1", "ConfigMap", "stranger", data={"ca.crt": stranger.chain.decode()}),
            [document for name in cases for document in service(name, app.port)],
            [policy(name, **validation) for name, validation in cases.items()],
            [http_route(name, {"backendRefs": [to(name)]}, hostnames=[f"{name}.test"]) for name in cases],
            service("stream", stream.port),
            policy("stream", **cas),
            route("TCPRoute", "stream", to("stream")),
        )
        statuses = {name: (await ask(box.a, host=f"{name}.test")).status for name in cases}
        assert statuses == {
            "good": 200,
            "named": 200,
            "othername": 502,
            "stranger": 502,
            "missing": 500,
            "system": 200,
            "both": 500,
        }
        assert (await ask(box.a, host="good.test")).json["tls"] is True
        assert await answer_of(box.b) == "stream: hello"


async def test_ports_without_entrypoints_and_conflicts_serve_nothing(box: Box) -> None:
    async with backend("app") as app:
        found = await box.serve(
            front(
                listener("nowhere", 1, "HTTP"),
                listener("http", box.a, "HTTP"),
                listener("tcp", box.a, "TCP"),
                listener("once", box.b, "HTTP", hostname="x.test"),
                listener("twice", box.b, "HTTP", hostname="x.test"),
                listener("fine", box.b, "HTTP", hostname="fine.test"),
            ),
            service("app", app.port),
            http_route("app", {"backendRefs": [to("app")]}),
        )
        assert len([text for text in found if "spec.listeners" in text]) == 5
        assert (await ask(box.a, host="x.test")).status == 404
        assert (await ask(box.b, host="x.test")).status == 404
        assert (await ask(box.b, host="fine.test")).status == 200
