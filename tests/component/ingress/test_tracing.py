"""Spans that Envoy sends to a collector: names, attributes, parents, samples, and what may not be in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.component.ingress.observed import observed
from tests.component.ingress.otlp import Collector, grpc_collector, http_collector
from tests.component.ingress.test_access_log import SITE, insecure, route
from tests.waiting import eventually

Free = Callable[[], int]
SERVER, CLIENT = 2, 3
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def settings(collector: Collector, **more: Any) -> dict[str, Any]:
    return {"tracing": {"otlp": {"http": {"endpoint": f"http://127.0.0.1:{collector.port}"}}, **more}}


async def spans(collector: Collector, count: int) -> None:
    await eventually(lambda: len(collector.spans) >= count, what=f"{count} spans", within=20)


async def test_a_request_is_a_span_and_its_way_to_the_service_another(tmp_path: Path, free_port: Free) -> None:
    async with http_collector() as collector:
        more = {
            "serviceName": "edge",
            "resourceAttributes": {"deployment.environment": "home"},
            "capturedRequestHeaders": ["X-Tenant"],
            "capturedResponseHeaders": ["X-Backend"],
        }
        async with observed(tmp_path, free_port, settings(collector, **more)) as data_plane:
            await data_plane.serve(SITE)
            answer = await data_plane.get("/a?token=s3cret", headers={"X-Tenant": "t1", "User-Agent": "curl"})
            await spans(collector, 2)
            assert collector.path == "/v1/traces"
            server = next(span for span in collector.spans if span.kind == SERVER)
            client = next(span for span in collector.spans if span.kind == CLIENT)
            assert (server.name, client.name) == ("GET", "ReverseProxy")
            assert (client.trace_id, client.parent_id) == (server.trace_id, server.span_id)
            assert server.resource["service.name"] == "edge"
            assert server.resource["deployment.environment"] == "home"
            assert (
                server.attributes.items()
                >= {
                    "entry_point": "web",
                    "http.request.method": "GET",
                    "http.request.header.x-tenant": "t1",
                    "http.response.header.x-backend": "app",
                    "traefik.service.name": "default-app-80@kubernetescrd",
                    "url.path": "/a",
                    "url.scheme": "http",
                    "user_agent.original": "curl",
                    "network.peer.address": "127.0.0.1",
                }.items()
            )
            assert server.attributes["traefik.router.name"].startswith("default-site-")
            assert "s3cret" not in repr(collector.spans)
            sent = answer.sent("traceparent")
            assert sent is not None
            assert sent.split("-")[1:3] == [client.trace_id, client.span_id]


async def test_a_trace_that_began_elsewhere_goes_on_as_was_decided_there(tmp_path: Path, free_port: Free) -> None:
    async with (
        http_collector() as collector,
        observed(tmp_path, free_port, settings(collector, sampleRate=0.0)) as data_plane,
    ):
        await data_plane.serve(SITE)
        await data_plane.get("/own")
        await data_plane.get("/not", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
        await data_plane.get("/yes", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        await spans(collector, 2)
        server = next(span for span in collector.spans if span.kind == SERVER)
        assert {span.trace_id for span in collector.spans} == {TRACE}
        assert server.parent_id == PARENT
        assert server.attributes["url.path"] == "/yes"


async def test_entrypoints_switch_it_and_our_own_pages_are_left_out(tmp_path: Path, free_port: Free) -> None:
    off = {"observability": {"tracing": False}}
    async with (
        http_collector() as collector,
        observed(tmp_path, free_port, {**settings(collector), "ping": {}}, **off) as data_plane,
    ):
        await data_plane.serve(SITE, route("secure", "Host(`site.test`)", entrypoint="websecure"))
        await data_plane.get("/off")
        await data_plane.get("/ping", entrypoint="traefik")
        await data_plane.get("/on", entrypoint="websecure", tls=insecure(), sni="site.test")
        await spans(collector, 2)
        assert {span.attributes["url.path"] for span in collector.spans if span.kind == SERVER} == {"/on"}


async def test_collectors_over_grpc_get_their_headers(tmp_path: Path, free_port: Free) -> None:
    async with grpc_collector() as collector:
        otlp = {"endpoint": f"127.0.0.1:{collector.port}", "insecure": True, "headers": {"X-Token": "a b"}}
        async with observed(tmp_path, free_port, {"tracing": {"otlp": {"grpc": otlp}}}) as data_plane:
            await data_plane.serve(SITE)
            await data_plane.get()
            await spans(collector, 2)
            assert collector.headers["x-token"] == "a b"
            assert {span.resource["service.name"] for span in collector.spans} == {"traefik"}


@pytest.mark.parametrize("name", ["own", "v1"])
async def test_collectors_over_http_get_their_headers_and_path(tmp_path: Path, free_port: Free, name: str) -> None:
    path = {"own": "/otel/traces", "v1": "/v1/traces"}[name]
    async with http_collector() as collector:
        http = {"endpoint": f"http://127.0.0.1:{collector.port}{path}", "headers": {"Authorization": "Bearer 50%"}}
        async with observed(tmp_path, free_port, {"tracing": {"otlp": {"http": http}}}) as data_plane:
            await data_plane.serve(SITE)
            await data_plane.get()
            await spans(collector, 1)
            assert collector.path == path
            assert collector.headers["authorization"] == "Bearer 50%"
