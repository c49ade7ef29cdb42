"""inFlightReq: the proxy keeps a gRPC stream open for each request that it lets through (Envoy's ext_proc).

The stream ends when the request does, however it ends, so that no count is ever left behind.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from hearthgate.ingress.auth.counters import Counters, InFlightCounter
from hearthgate.ingress.envoy.schema import message
from hearthgate.ingress.middlewares.counting import COUNTER_METADATA

_SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"
_MESSAGES: Final = "envoy.service.ext_proc.v3."


class InFlightServer:
    """Answers about the in-flight counters of `counters`."""

    def __init__(self, socket: Path, counters: Counters) -> None:
        self._socket = socket
        self._counters = counters
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listens; only this user may connect."""
        self._socket.unlink(missing_ok=True)
        server = grpc.aio.server()
        handler = grpc.stream_stream_rpc_method_handler(
            self._process,
            request_deserializer=lambda data: message(f"{_MESSAGES}ProcessingRequest").FromString(data),
            response_serializer=lambda response: bytes(response.SerializeToString()),
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Process": handler}),))
        server.add_insecure_port(f"unix:{self._socket}")  # the folder is this user's alone
        await server.start()
        self._socket.chmod(0o600)
        self._server = server

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None
        self._socket.unlink(missing_ok=True)

    async def _process(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        response = message(f"{_MESSAGES}ProcessingResponse")
        counter = self._counters.get(_named(context))
        entered: str | None = None
        try:
            async for request in requests:
                if request.HasField("response_trailers"):
                    yield response(response_trailers={})
                elif request.HasField("request_headers"):
                    if isinstance(counter, InFlightCounter):
                        entered = counter.enter(_headers(request.request_headers))
                        if entered is None:
                            yield response(immediate_response=_refusal(counter.amount))
                            return
                    yield response(request_headers={})
        finally:
            if entered is not None and isinstance(counter, InFlightCounter):
                counter.leave(entered)


def _named(context: Any) -> str:
    return next((str(value) for key, value in context.invocation_metadata() if key == COUNTER_METADATA), "")


def _headers(said: Any) -> dict[str, str]:
    return {header.key: header.raw_value.decode("latin-1") or header.value for header in said.headers.headers}


def _refusal(amount: int) -> dict[str, Any]:
    plain = {"header": {"key": "content-type", "raw_value": b"text/plain; charset=utf-8"}}
    return {
        "status": {"code": "TooManyRequests"},
        "headers": {"set_headers": [plain]},
        "body": f"max connections reached: {amount}".encode(),
        "details": "in_flight_limit",
    }
