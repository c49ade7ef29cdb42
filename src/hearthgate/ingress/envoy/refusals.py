"""Requests that no router serves: what upstream's server refuses before it looks for one, and Envoy would pass on.

One filter looks at all requests of a connection. As routes of every virtual host the same cost a change among
3,000 routes another 50 ms of Envoy's time: most of it for one pattern, compiled 3,000 times.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.messages import extension

_BAD_ESCAPE: Final = r"[^?]*%[0-9A-Fa-f]?(?:[^0-9A-Fa-f].*)?"


class Refusal(NamedTuple):
    """details: Envoy's name for why (`%RESPONSE_CODE_DETAILS%`)."""

    details: str
    status: int
    text: str


def _details(policy: str) -> str:
    return f"rbac_access_denied_matched_policy[{policy}]"


REFUSALS: Final = (
    Refusal(_details("method"), 501, "Not Implemented"),
    Refusal(_details("escape"), 400, "Bad Request"),
)
"""What the filter's own answer, a 403, is turned into."""


def filters() -> list[dict[str, Any]]:
    """The filter that refuses TRACE, CONNECT, and paths with a `%` that begins no escape."""
    methods = [_header(":method", {"exact": name}) for name in ("TRACE", "CONNECT")]
    # Nearly all paths have no `%`, and are found innocent before the pattern is tried.
    bad_escape = {"safe_regex": {"regex": _BAD_ESCAPE}}
    escape = {"and_rules": {"rules": [_header(":path", {"contains": "%"}), _header(":path", bad_escape)]}}
    policies = {"method": _policy(methods), "escape": _policy([escape])}
    return [
        extension(
            "envoy.filters.http.rbac",
            "envoy.extensions.filters.http.rbac.v3.RBAC",
            rules={"action": "DENY", "policies": policies},
        )
    ]


def _policy(permissions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"permissions": permissions, "principals": [{"any": True}]}


def _header(name: str, string_match: Mapping[str, Any]) -> dict[str, Any]:
    return {"header": {"name": name, "string_match": string_match}}
