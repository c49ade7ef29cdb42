"""A collector of spans for tests: OTLP over HTTP and over gRPC, read by the descriptors of the proxy."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc
from aiohttp import web

from hearthgate.ingress.envoy.schema import message

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_REQUEST = "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest"


class Span(NamedTuple):
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]


class Collector:
    """What was sent: spans, and the headers (or metadata) of the last request."""

    def __init__(self) -> None:
        self.port = 0
        self.spans: list[Span] = []
        self.path = ""
        self.headers: Mapping[str, str] = {}

    def take(self, body: bytes) -> None:
        for group in message(_REQUEST).FromString(body).resource_spans:
            resource = _attributes(group.resource.attributes)
            for scope in group.scope_spans:
                self.spans += [
                    Span(
                        span.name,
                        span.kind,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        _attributes(span.attributes),
                        resource,
                    )
                    for span in scope.spans
                ]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.path, self.headers = request.path, {key.lower(): value for key, value in request.headers.items()}
        self.take(await request.read())
        return web.Response()


def _attributes(values: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in values}


@asynccontextmanager
async def http_collector() -> AsyncIterator[Collector]:
    collector = Collector()
    runner = web.ServerRunner(web.Server(collector.handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    collector.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield collector
    finally:
        await runner.cleanup()


@asynccontextmanager
async def grpc_collector() -> AsyncIterator[Collector]:
    collector = Collector()

    async def export(body: bytes, context: Any) -> bytes:
        collector.headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        collector.take(body)
        return b""

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),))
    collector.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(0)
