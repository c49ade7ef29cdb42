"""Which requests are recorded: the entrypoint's word, unless the route says otherwise."""

from typing import Any, Final

from hearthgate.ingress.envoy.messages import extension, make, wrapped
from hearthgate.ingress.envoy.observability.capture import SWITCHES
from hearthgate.ingress.routing.model import Observed

LOGS: Final = "logs"
METRICS: Final = "metrics"


def wanted(key: str, *, default: bool) -> dict[str, Any]:
    """The AccessLogFilter for requests of which `key` is to be recorded."""
    matcher = {"filter": SWITCHES, "path": [{"key": key}], "value": {"bool_match": True}}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": wrapped(default)}}


def cel(expression: str) -> dict[str, Any]:
    """The AccessLogFilter of a CEL expression."""
    return {
        "extension_filter": extension(
            "envoy.access_loggers.extension_filters.cel",
            "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            expression=expression,
        )
    }


def all_of(*filters: dict[str, Any]) -> dict[str, Any]:
    return filters[0] if len(filters) == 1 else {"and_filter": {"filters": filters}}


def any_one(*filters: dict[str, Any]) -> dict[str, Any]:
    return filters[0] if len(filters) == 1 else {"or_filter": {"filters": filters}}


def route_switch(observed: Observed) -> Any:
    """The filter that goes first in the chain of a route with a word of its own."""
    values = {LOGS: observed.access_logs, METRICS: observed.metrics}
    return make(
        "envoy.config.core.v3.TypedExtensionConfig",
        **extension(
            "envoy.filters.http.set_metadata",
            "envoy.extensions.filters.http.set_metadata.v3.Config",
            metadata=[{"metadata_namespace": SWITCHES, "value": values}],
        ),
    )
