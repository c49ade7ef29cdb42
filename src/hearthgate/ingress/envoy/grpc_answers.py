"""The proxy's own answers to gRPC clients: with the status of HTTP, as upstream gives them.

Envoy answers whoever sends `Content-Type: application/grpc` with 200 and a `grpc-status`. That hid a refusal from
the access log, from metrics, from what bans clients for wrong passwords and from the middlewares that look at
statuses, and any client could ask for it. gRPC clients know what 401, 404 or 503 mean.
"""

from typing import Any, Final

from hearthgate.ingress.envoy.messages import extension, header
from hearthgate.ingress.envoy.middlewares import cel
from hearthgate.ingress.envoy.middlewares.scripts import script_filter

_STATUS: Final = "x-hg-status"
"""Of an answer on its way through the filters: the status that it should have."""
_GRPC: Final = "application/grpc"


def kept_status(code: int | None = None) -> dict[str, Any]:
    """The header that an answer to a gRPC client gets before Envoy changes its status; no other answer has it.

    code: where the answer is given another status than it was made with, which expressions do not see.
    """
    asked = f"({cel.has_header('content-type')} && {cel.header('content-type')}.startsWith({cel.quote(_GRPC)}))"
    value = cel.command(cel.either(asked, str(code or "response.code"), "''"))
    return header(_STATUS, value, "OVERWRITE_IF_EXISTS_OR_ADD")


def filters() -> tuple[dict[str, Any], ...]:
    """The innermost filter, so that all others see the status. Only gRPC clients' requests run it."""
    content_type = extension(
        "content-type",
        "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        header_name="content-type",
    )
    is_grpc = {"single_predicate": {"input": content_type, "value_match": {"prefix": _GRPC}}}
    skip = extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    matcher = {"matchers": [{"predicate": {"not_matcher": is_grpc}, "on_match": {"action": skip}}]}
    return (
        extension(
            "hearthgate.grpc_answers",
            "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            extension_config=script_filter("grpc_answers", {}),
            xds_matcher={"matcher_list": matcher},
        ),
    )
