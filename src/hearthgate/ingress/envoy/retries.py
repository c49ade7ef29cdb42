"""Which requests are sent again: those that no backend can have begun to work on, as upstream's transport does.

The policy stands at the cluster. At the virtual hosts it would do the same, but Envoy makes it anew for every
route of a table whenever the table changes: 8 µs a route.
"""

from typing import Any, Final

from hearthgate.ingress.envoy.messages import extension, wrapped

BUFFER: Final = 64 * 1024
"""Bytes of a request's body kept to send it again. What is longer is not tried twice."""
_RETRIES: Final = 2
_OTHER_HOST: Final = "envoy.retry_host_predicates.previous_hosts"
_EXTENSIONS: Final = "envoy.extensions.retry.host.previous_hosts.v3."


def retry_policy() -> dict[str, Any]:
    """The RetryPolicy of every cluster."""
    return {
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": wrapped(_RETRIES),
        "retry_host_predicate": [extension(_OTHER_HOST, f"{_EXTENSIONS}PreviousHostsPredicate")],
        "host_selection_retry_max_attempts": 3,
        "retry_back_off": {"base_interval": {"nanos": 1_000_000}, "max_interval": {"nanos": 10_000_000}},
    }
