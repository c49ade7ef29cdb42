"""X-Forwarded-* as upstream sends them (entryPoints.*.forwardedHeaders), and nothing else that a client invented.

Who is trusted keeps what it sent; from all others every managed name is removed, in its spelling with `_` too.
X-Envoy-* never pass: they steer Envoy itself. Most headers are set before the router is chosen; those that
depend on the Host's port or on an upgrade need a filter; the peer's own address is appended on the way out.
"""

from typing import Any, Final

from hearthgate.ingress.envoy.messages import (
    APPEND,
    IF_ABSENT,
    OVERWRITE,
    PATH_HEADER,
    extension,
    header,
    literal,
)

_MANAGED: Final = (
    "forwarded[-_](?:proto|for|host|port|server|uri|method|prefix|scheme|tls[-_]client[-_]cert(?:[-_]info)?)"
    "|scheme|real[-_]ip"
)
_INTERNAL: Final = "envoy[-_].*|hg[-_].*"
_PROTO_SENT: Final = "x-hg-proto"
_METADATA: Final = "hearthgate.forwarded"
_FILTERS: Final = "envoy.extensions.filters.http."
NEVER_SENT: Final = (PATH_HEADER, _PROTO_SENT, "x-envoy-external-address", "x-envoy-internal")
"""Request headers that backends must not see."""


def early_mutation(*, trusted: bool, hostname: str, peer: str) -> dict[str, Any]:
    """What happens to a request's headers before anything looks at them. peer: format string of its address."""
    removed = _INTERNAL if trusted else f"{_MANAGED}|{_INTERNAL}"
    added = [
        header(PATH_HEADER, "%PATH(NQ)%", OVERWRITE),
        header("x-real-ip", peer, IF_ABSENT),
        header("x-forwarded-host", "%REQ(:AUTHORITY)%", IF_ABSENT),
        header("x-forwarded-server", literal(hostname), OVERWRITE),
    ]
    if trusted:
        added.append(header(_PROTO_SENT, "%REQ(X-FORWARDED-PROTO)%", OVERWRITE))
    # `^` is no more than said by a full match, but lets RE2 turn down most names by their first byte.
    key_matcher = {"safe_regex": {"regex": f"^x[-_](?:{removed})"}}
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[{"remove_on_match": {"key_matcher": key_matcher}}, *({"append": option} for option in added)],
    )


def outgoing(peer: str) -> list[dict[str, Any]]:
    """Headers that each RouteConfiguration adds when a request leaves for its backend. peer: format string of the
    address to append; empty = none is."""
    return [header("x-forwarded-for", peer, APPEND)] if peer else []


def filters(*, tls: bool, schemes: bool) -> list[dict[str, Any]]:
    """Filters that set X-Forwarded-Port from the Host. schemes: and the other names of X-Forwarded-Proto."""
    return [_read_port(), _set_port("443" if tls else "80"), *_schemes(schemes)]


def websocket_filters(*, trusted: bool, tls: bool, schemes: bool) -> list[dict[str, Any]]:
    """Filters of requests for a WebSocket: upstream tells backends that their scheme is `ws` or `wss`."""
    option = header("x-forwarded-proto", "wss" if tls else "ws", OVERWRITE)
    told = _unless_proto_was_sent(option) if trusted else _mutation([option])
    return [_read_port(), _set_port("443" if tls else "80"), told, *_schemes(schemes)]


def _schemes(wanted: bool) -> list[dict[str, Any]]:
    names = ("x-forwarded-scheme", "x-scheme") if wanted else ()
    options = [header(name, "%REQ(X-FORWARDED-PROTO)%", OVERWRITE) for name in names]
    return [_mutation(options)] if options else []


def _read_port() -> dict[str, Any]:
    # Without a port the substitution gives an empty value, which is not kept: the default is added then.
    rule = {
        "header": ":authority",
        "on_header_present": {
            "metadata_namespace": _METADATA,
            "key": "port",
            "regex_value_rewrite": {
                "pattern": {"regex": r"^(?:\[[^\]]*\]|[^:]*)(?::([0-9]*))?$"},
                "substitution": r"\1",
            },
        },
    }
    return extension(
        "envoy.filters.http.header_to_metadata",
        f"{_FILTERS}header_to_metadata.v3.Config",
        request_rules=[rule],
    )


def _set_port(default: str) -> dict[str, Any]:
    ports = (f"%DYNAMIC_METADATA({_METADATA}:port)%", default)
    return _mutation([header("x-forwarded-port", port, IF_ABSENT) for port in ports])


def _unless_proto_was_sent(option: dict[str, Any]) -> dict[str, Any]:
    skip = extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    sent = _matches(_PROTO_SENT, safe_regex={"google_re2": {}, "regex": ".+"})
    return extension(
        "hearthgate.websocket_proto",
        "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        xds_matcher={"matcher_list": {"matchers": [{"predicate": sent, "on_match": {"action": skip}}]}},
        extension_config=_mutation([option]),
    )


def _matches(name: str, **string_matcher: Any) -> dict[str, Any]:
    source = extension("request-header", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)
    return {"single_predicate": {"input": source, "value_match": string_matcher}}


def _mutation(options: list[dict[str, Any]]) -> dict[str, Any]:
    return extension(
        "envoy.filters.http.header_mutation",
        f"{_FILTERS}header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": [{"append": option} for option in options]},
    )
