"""Matches, precedence, hostnames and backends of routes of the Gateway API, on a real Envoy."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.component.ingress.certificates import certificate_of, self_signed
from tests.component.ingress.gateway import Backend, ask, backend
from tests.component.ingress.gateway_api import API, front, http_route, serve, to
from tests.component.ingress.site import Manifest, Site, manifest, secret, service, site
from tests.component.ingress.streams import anyone

NAMES = ("one", "two", "three", "four", "five")


class Lab:
    """A site with the backends `one` to `five`."""

    def __init__(self, site: Site, backends: dict[str, Backend]) -> None:
        self.site = site
        self.backends = backends

    async def serve(self, *documents: Manifest) -> list[str]:
        services = [one for name, known in self.backends.items() for one in service(name, known.port)]
        return await serve(self.site, services, *documents)

    async def who(self, host: str, path: str = "/", **options: Any) -> str:
        """The name of the backend that answers, or the status."""
        answer = await ask(self.site.plain, path, host=host, **options)
        return str(answer.json["backend"]) if answer.status == 200 else str(answer.status)


@pytest.fixture
async def lab(tmp_path: Path, free_port: Any) -> AsyncIterator[Lab]:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(site(tmp_path, free_port))
        backends = {name: await stack.enter_async_context(backend(name)) for name in NAMES}
        yield Lab(running, backends)


def match(name: str, **conditions: Any) -> dict[str, Any]:
    return {"matches": [conditions], "backendRefs": [to(name)]}


def path(value: str, kind: str = "PathPrefix") -> dict[str, str]:
    return {"type": kind, "value": value}


def pair(name: str, value: str, kind: str = "Exact") -> dict[str, str]:
    return {"name": name, "value": value, "type": kind}


async def test_paths(lab: Lab) -> None:
    found = await lab.serve(
        http_route(
            "paths",
            match("one", path=path("/exact", "Exact")),
            match("two", path=path("/prefix/")),
            match("three", path=path("/prefix/deeper")),
            match("four", path=path("^/re/[0-9]+$", "RegularExpression")),
        )
    )
    assert found == []
    asked = {
        "/exact": "one",
        "/exact/": "404",
        "/exact?q=1": "one",
        "/prefix": "two",
        "/prefix/": "two",
        "/prefix/x": "two",
        "/prefixed": "404",
        "/prefix/deeper": "three",
        "/prefix/deeper/x": "three",
        "/prefix/deeperx": "two",
        "/re/12": "four",
        "/re/x": "404",
        "/": "404",
    }
    assert {one: await lab.who("any.test", one) for one in asked} == asked


async def test_methods_headers_and_queries(lab: Lab) -> None:
    await lab.serve(
        http_route(
            "all",
            match("one", method="POST"),
            match("two", headers=[pair("X-Lane", "blue"), pair("x-lane", "never")]),
            match("three", headers=[pair("X-Version", "^v[0-9]+$", "RegularExpression")]),
            match("four", queryParams=[pair("animal", "whale")]),
            match("five", queryParams=[pair("animal", "^d", "RegularExpression"), pair("colour", "red")]),
        )
    )
    assert await lab.who("a.test", method="POST") == "one"
    assert await lab.who("a.test", headers={"x-lane": "blue"}) == "two"
    assert await lab.who("a.test", headers={"x-lane": "Blue"}) == "404"
    assert await lab.who("a.test", headers={"x-version": "v2"}) == "three"
    assert await lab.who("a.test", "/?animal=whale") == "four"
    assert await lab.who("a.test", "/?animal=dolphin&colour=red") == "five"
    assert await lab.who("a.test", "/?animal=dolphin") == "404"


async def test_the_more_specific_match_goes_first_whatever_the_order(lab: Lab) -> None:
    """Path before method before headers before queries; then the older route, then the name, then the rule."""
    both = [pair("a", "1"), pair("b", "1")]
    older = http_route("z-older", match("five", path=path("/tie")), hostnames=["rank.test"])
    older["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
    newer = http_route("a-newer", match("one", path=path("/tie")), hostnames=["rank.test"])
    newer["metadata"]["creationTimestamp"] = "2024-01-01T00:00:00Z"
    await lab.serve(
        older,
        newer,
        http_route(
            "rank",
            match("one", path=path("/")),
            match("two", path=path("/"), queryParams=[pair("q", "1")]),
            match("three", path=path("/"), headers=both[:1]),
            match("four", path=path("/"), headers=both),
            match("five", path=path("/"), method="PUT"),
            match("one", path=path("/longer/than")),
            match("two", path=path("/longer")),
            match("three", path=path("/longer", "Exact")),
            match("four", path=path("/rule")),
            match("five", path=path("/rule")),
            hostnames=["rank.test"],
        ),
    )

    async def who(target: str = "/", **options: Any) -> str:
        return await lab.who("rank.test", target, **options)

    assert await who() == "one"
    assert await who("/?q=1") == "two"
    assert await who("/?q=1", headers={"a": "1"}) == "three"
    assert await who("/?q=1", headers={"a": "1", "b": "1"}) == "four"
    assert await who("/?q=1", headers={"a": "1", "b": "1"}, method="PUT") == "five"
    assert await who("/longer/than/this", method="PUT", headers={"a": "1"}) == "one"
    assert await who("/longer/x") == "two"
    assert await who("/longer") == "three"
    assert await who("/rule") == "four"
    assert await who("/tie") == "five"


async def test_the_more_specific_host_goes_first_whatever_the_path(lab: Lab) -> None:
    found = await lab.serve(
        http_route("exact", match("one"), hostnames=["app.example.test"]),
        http_route("near", match("two", path=path("/api")), match("two"), hostnames=["*.deep.example.test"]),
        http_route("wide", match("three", path=path("/api/long")), hostnames=["*.example.test"]),
        http_route("all", match("four", path=path("/api/longer/still")), match("four", path=path("/x"))),
    )
    assert found == []
    asked = {
        ("app.example.test", "/api/longer/still"): "one",
        ("app.example.test", "/x"): "one",
        ("other.example.test", "/api/long"): "three",
        ("other.example.test", "/api/longer/still"): "four",
        ("other.example.test", "/x"): "four",
        ("a.deep.example.test", "/api/long"): "two",
        ("a.deep.example.test", "/x"): "two",
        ("a.b.example.test", "/api/long"): "three",
        ("example.test", "/api/long"): "404",
        ("nowhere.test", "/api/longer/still"): "four",
        ("nowhere.test", "/"): "404",
    }
    assert {one: await lab.who(*one) for one in asked} == asked


async def test_listeners_and_routes_have_hosts_in_common(lab: Lab) -> None:
    def listener(name: str, hostname: str) -> dict[str, Any]:
        return {"name": name, "port": lab.site.plain, "protocol": "HTTP", "hostname": hostname}

    await lab.serve(
        front(listener("exact", "very.specific.test"), listener("wild", "*.wild.test")),
        http_route("one", match("one", path=path("/one")), hostnames=["very.specific.test", "non.matching.test"]),
        http_route("two", match("two", path=path("/two")), hostnames=["*.specific.test", "a.wild.test"]),
        http_route("three", match("three", path=path("/three"))),
        http_route("four", match("four", path=path("/four")), hostnames=["*.sub.wild.test"]),
        http_route("five", match("five", path=path("/five")), hostnames=["wild.test", "specific.test"]),
    )
    asked = {
        ("very.specific.test", "/one"): "one",
        ("non.matching.test", "/one"): "404",
        ("very.specific.test", "/two"): "two",
        ("other.specific.test", "/two"): "404",
        ("a.wild.test", "/two"): "two",
        ("b.wild.test", "/two"): "404",
        ("b.wild.test", "/three"): "three",
        ("c.b.wild.test", "/three"): "three",
        ("very.specific.test", "/three"): "three",
        ("else.test", "/three"): "404",
        ("a.sub.wild.test", "/four"): "four",
        ("sub.wild.test", "/four"): "404",
        ("wild.test", "/five"): "404",
    }
    assert {one: await lab.who(*one) for one in asked} == asked


async def test_namespaces_and_references_across_them(lab: Lab) -> None:
    def namespace(name: str, **labels: str) -> Manifest:
        made = manifest("v1", "Namespace", name, "")
        made["metadata"]["labels"] = labels
        return made

    def listener(name: str, **spaces: Any) -> dict[str, Any]:
        return {
            "name": name,
            "port": lab.site.plain,
            "protocol": "HTTP",
            "hostname": f"{name}.test",
            "allowedRoutes": {"namespaces": spaces},
        }

    def grant(name: str) -> Manifest:
        origin = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "friend"}
        spec = {"from": [origin], "to": [{"group": "", "kind": "Service", "name": name}]}
        return manifest("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", name, spec=spec)

    selector = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["blue"]}]}
    refs = [to("one", namespace="default")]
    found = await lab.serve(
        front(
            listener("same"),
            listener("all", **{"from": "All"}),
            listener("chosen", **{"from": "Selector", "selector": selector}),
            listener("none", **{"from": "None"}),
        ),
        namespace("friend", team="blue"),
        namespace("stranger", team="red"),
        grant("one"),
        http_route("friend", {"backendRefs": refs}, namespace="friend"),
        http_route(
            "two", {"backendRefs": [to("two", namespace="default")]}, namespace="friend", hostnames=["x.test"]
        ),
        http_route("stranger", {"backendRefs": refs}, namespace="stranger", hostnames=["all.test", "chosen.test"]),
        http_route("own", {"backendRefs": [to("three")]}, hostnames=["same.test", "none.test"]),
    )
    assert any("a ReferenceGrant in namespace default must allow" in text for text in found)
    assert await lab.who("same.test") == "three"
    assert await lab.who("none.test") == "404"
    assert await lab.who("chosen.test") == "one"
    assert await lab.who("all.test") == "one"


async def test_shares_and_missing_backends(lab: Lab) -> None:
    async def shares(host: str, count: int = 100) -> Counter[str]:
        return Counter([await lab.who(host) for _ in range(count)])

    def route(name: str, *references: dict[str, Any]) -> Manifest:
        return http_route(name, {"backendRefs": list(references)}, hostnames=[f"{name}.test"])

    empty = service("empty")
    documents = [
        route("weights", to("one", weight=3), to("two", weight=1), to("three", weight=0)),
        route("half", to("one"), to("missing")),
        route("gone", to("missing")),
        route("port", to("one", 81)),
        route("nothing"),
        route("zero", to("one", weight=0)),
        route("kind", {**to("one"), "kind": "Pod"}),
        route("empty", to("empty")),
    ]
    await lab.serve(*empty, *documents)
    weights = await shares("weights.test")
    assert weights["one"] + weights["two"] == 100
    assert 50 < weights["one"] < 95
    half = await shares("half.test")
    assert half["one"] + half["500"] == 100
    assert 20 < half["500"] < 80
    for host in ("gone", "port", "nothing", "zero", "kind"):
        assert await lab.who(f"{host}.test") == "500", host
    assert await lab.who("empty.test") == "503"


async def test_https_listeners(lab: Lab) -> None:
    pair_of_keys = self_signed("safe.test")
    keys = {"tls.crt": pair_of_keys.chain.decode(), "tls.key": pair_of_keys.key.decode()}
    secure = {
        "name": "https",
        "port": lab.site.secure,
        "protocol": "HTTPS",
        "hostname": "safe.test",
        "tls": {"certificateRefs": [{"name": "keys"}]},
    }
    broken = {**secure, "name": "broken", "hostname": "broken.test", "tls": {"certificateRefs": [{"name": "no"}]}}
    plain = {"name": "http", "port": lab.site.plain, "protocol": "HTTP"}
    redirect = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
    only: dict[str, Any] = {"parentRefs": [{"name": "front", "sectionName": "http"}]}
    await lab.serve(
        front(secure, plain, broken),
        secret("keys", keys, "kubernetes.io/tls"),
        http_route("safe", match("one"), parentRefs=[{"name": "front", "sectionName": "https"}]),
        http_route("redirect", redirect, **only),
        http_route("broken", match("two"), parentRefs=[{"name": "front", "sectionName": "broken"}]),
    )
    answer = await ask(lab.site.secure, host="safe.test", tls=anyone("http/1.1"), sni="safe.test")
    assert answer.json["backend"] == "one"
    assert (await ask(lab.site.plain, "/x", host="safe.test")).header("location") == "https://safe.test/x"
    answer = await ask(lab.site.secure, host="broken.test", tls=anyone("http/1.1"), sni="broken.test")
    assert answer.status == 404
    shown = await certificate_of(lab.site.secure, "safe.test")
    assert shown is not None
    assert shown.common_name == "safe.test"


async def test_grpc_by_service_method_and_header(lab: Lab) -> None:
    async with AsyncExitStack() as stack:
        ports = {name: await _grpc_server(stack, name) for name in ("first", "second", "third", "fourth")}

        def rule(name: str, **conditions: Any) -> dict[str, Any]:
            return {"matches": [conditions], "backendRefs": [to(name)]}

        spec = {
            "parentRefs": [{"name": "front"}],
            "rules": [
                rule("first", method={"service": "test.Echo", "method": "Say"}),
                rule("second", method={"service": "test.Echo"}),
                rule("third", method={"type": "RegularExpression", "method": "Sh.*"}),
                rule("fourth", headers=[pair("lane", "blue")]),
            ],
        }
        services = [one for name, port in ports.items() for one in service(name, port)]
        await serve(lab.site, services, manifest(API, "GRPCRoute", "echo", spec=spec))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{lab.site.plain}"))

        async def call(method: str, **metadata: str) -> str:
            try:
                answer = await channel.unary_unary(method, None, None)(
                    b"", metadata=tuple(metadata.items()), timeout=5
                )
            except grpc.aio.AioRpcError as error:
                return str(error.code().name)
            return bytes(answer).decode()

        assert await call("/test.Echo/Say") == "first"
        assert await call("/test.Echo/Other") == "second"
        assert await call("/other.Thing/Shout") == "third"
        assert await call("/other.Thing/Whisper", lane="blue") == "fourth"
        assert await call("/other.Thing/Whisper") == "UNIMPLEMENTED"


async def _grpc_server(stack: AsyncExitStack, name: str) -> int:
    class Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]
        def service(self, _details: grpc.HandlerCallDetails) -> Any:
            async def answer(_request: bytes, _context: Any) -> bytes:
                return name.encode()

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, 0)
    return port
