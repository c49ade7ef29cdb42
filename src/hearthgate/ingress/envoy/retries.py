"""Which requests are sent again: those that no backend can have begun to work on, as upstream's transport does.

The policy stands at the cluster, unless a middleware of the router says otherwise: a route cannot overrule it. At
the virtual hosts it would do the same, but Envoy makes it anew for every route of a table whenever the table
changes: 8 µs a route.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from hearthgate.ingress.envoy.messages import extension, make, wrapped
from hearthgate.ingress.envoy.middlewares.lane import Branch

K = TypeVar("K")
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


def retries(branch: Branch) -> bool:
    """Whether the branch itself says what is tried again."""
    return branch.route_action is not None and branch.route_action.HasField("retry_policy")


def alike(planned: Mapping[K, tuple[Branch, ...]]) -> dict[K, tuple[Branch, ...]]:
    """All of a router's branches say what is tried again, or none does: they share the clusters."""
    if not any(retries(branch) for branches in planned.values() for branch in branches):
        return dict(planned)
    return {
        way: tuple(one if one.response is not None or retries(one) else _with_default(one) for one in branches)
        for way, branches in planned.items()
    }


def _with_default(branch: Branch) -> Branch:
    action = make("envoy.config.route.v3.RouteAction", retry_policy=retry_policy())
    if branch.route_action is not None:
        action.MergeFrom(branch.route_action)
    return replace(branch, route_action=action)
