"""buffering: Envoy's file_system_buffer, which keeps a message in memory up to a size and the rest in a file.

Handshakes of WebSockets are no messages to wait for the end of, so they go past it.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.messages import wrapped
from hearthgate.ingress.envoy.middlewares.conditions import differs, is_value, matches
from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import filter_config
from hearthgate.ingress.envoy.middlewares.retry import TWICE, policy
from hearthgate.ingress.middlewares.buffering import Buffering
from hearthgate.ingress.middlewares.retry import MAX_BODY

_UNLIMITED: Final = 2**62
_WHOLE: Final[dict[str, Any]] = {"fully_buffer_and_always_inject_content_length": {}}


def buffering(middleware: Buffering, lane: Lane) -> Steps | Refusal:
    if middleware.retries is not None and lane.retry is not None:
        return Refusal(TWICE)
    sockets = lane.when(
        is_value(":method", "GET"),
        matches("upgrade", "(?i)websocket"),
        differs("content-length", "[^0].*"),
        differs("transfer-encoding", ".+"),
    )
    buffered = lane.through(_filter(middleware))
    if middleware.retries is not None:
        again = policy(middleware.retries.count, middleware.retries.codes, network=True)
        kept = min(MAX_BODY, middleware.max_request or middleware.request_memory)
        buffered = replace(buffered, retry=again, body_limit=max(lane.body_limit, kept))
    return (sockets, replace(buffered, replies=True))


@lru_cache(maxsize=1024)
def _filter(middleware: Buffering) -> Any:
    return filter_config(
        "hearthgate.buffering",
        "envoy.extensions.filters.http.file_system_buffer.v3.FileSystemBufferFilterConfig",
        manager_config={"thread_pool": {"thread_count": 1}},
        request=_stream(middleware.max_request, middleware.request_memory),
        response=_stream(middleware.max_response, middleware.response_memory),
    )


def _stream(limit: int, memory: int) -> dict[str, Any]:
    in_memory = min(memory, limit) if limit else memory
    return {
        "behavior": _WHOLE,
        "memory_buffer_bytes_limit": wrapped(in_memory),
        "storage_buffer_bytes_limit": wrapped((limit or _UNLIMITED) - in_memory),
    }
