"""How HTTP is spoken on an entrypoint: one HttpConnectionManager per kind of connection.

Every default of Envoy that differs from upstream's is set on purpose: timeouts that would cut long requests are
off, limits on headers are upstream's, and Envoy's own answers have upstream's texts.
"""

from enum import StrEnum
from typing import Any, Final

from hearthgate.ingress.envoy import forwarded, grpc_answers, queries, refusals
from hearthgate.ingress.envoy.messages import ADS, CLIENT_IP, PEER, duration, extension, header, wrapped
from hearthgate.ingress.envoy.observability.recording import Recording
from hearthgate.ingress.envoy.peers import SOCKET, Peers, peer_format
from hearthgate.ingress.routing.model import EntryPoint

HEADERS_TIMEOUT: Final = 60.0
"""Seconds for a request's headers: upstream's default read timeout, kept for headers alone."""
_UNDERSCORES: Final = {"keep": "ALLOW", "delete": "DROP_HEADER", "reject": "REJECT_REQUEST"}
_MAX_HEADERS: Final = 10_000
MAX_HEADERS_KB: Final = 8_192
"""Envoy's own limit on the size of headers."""
_STREAM_WINDOW: Final = 1 << 20
_CONNECTION_WINDOW: Final = 4 << 20
_DELAYED_CLOSE: Final = 1.0
_MAIN: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_FILTERS: Final = "envoy.extensions.filters.http."
FILTER_CHAIN: Final = "envoy.filters.http.filter_chain"
RELAYED_HEADER: Final = "x-hg-relayed"
"""Request header that a script sets before it answers with what another server said."""
OTHER_UPGRADES: Final = ("tcp", "spdy/3.1")
"""Upgrades that pass beside WebSockets: what Docker's and Kubernetes' APIs ask for."""


class Kind(StrEnum):
    PLAIN = "plain"
    TLS = "tls"
    QUIC = "quic"


def network_filters(
    entrypoint: EntryPoint, kind: Kind, peers: Peers, route_config: str, *, hostname: str, recording: Recording
) -> list[dict[str, Any]]:
    """The network filters of one filter chain."""
    manager = _connection_manager(entrypoint, kind, peers, route_config, hostname=hostname, recording=recording)
    return [_client_ip(peers), manager]


def _client_ip(peers: Peers) -> dict[str, Any]:
    values = [
        {
            "object_key": key,
            "factory_key": factory,
            "format_string": {"text_format_source": {"inline_string": peers.address}},
        }
        for key, factory in ((CLIENT_IP, "envoy.network.ip"), (PEER, "envoy.string"))
    ]
    return extension(
        "envoy.filters.network.set_filter_state",
        "envoy.extensions.filters.network.set_filter_state.v3.Config",
        on_new_connection=values,
    )


def _connection_manager(
    entrypoint: EntryPoint, kind: Kind, peers: Peers, route_config: str, *, hostname: str, recording: Recording
) -> dict[str, Any]:
    tls, recorded = kind is not Kind.PLAIN, recording.filters()
    schemes = entrypoint.scheme_headers
    peer = SOCKET if kind is Kind.QUIC else peer_format(entrypoint)
    last = [
        extension(FILTER_CHAIN, f"{_FILTERS}filter_chain.v3.FilterChainConfig"),
        *grpc_answers.filters(),
        extension("envoy.filters.http.router", f"{_FILTERS}router.v3.Router", suppress_envoy_headers=True),
    ]
    fields: dict[str, Any] = {
        "codec_type": "HTTP3" if kind is Kind.QUIC else "AUTO",
        "stat_prefix": entrypoint.name,
        "rds": {"route_config_name": route_config, "config_source": ADS},
        "http_filters": [
            *recorded,
            *refusals.filters(),
            *queries.filters(entrypoint.semicolons),
            *forwarded.filters(tls=tls, schemes=schemes),
            *last,
        ],
        "early_header_mutation_extensions": [
            forwarded.early_mutation(trusted=peers.trusted, hostname=hostname, peer=peer)
        ],
        # The peer is the client unless it is trusted; the address is appended on the way out instead, because
        # Envoy would write the node's own address for a peer on loopback.
        "use_remote_address": wrapped(True),
        "skip_xff_append": True,
        "xff_num_trusted_hops": 1 if peers.trusted else 0,
        "internal_address_config": {},
        "generate_request_id": wrapped(False),
        "preserve_external_request_id": True,
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": wrapped(entrypoint.sanitize_path),
        "merge_slashes": entrypoint.sanitize_path,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "upgrade_configs": [
            {
                "upgrade_type": "websocket",
                "filters": [
                    *recorded,
                    *refusals.filters(),
                    *queries.filters(entrypoint.semicolons),
                    *forwarded.websocket_filters(trusted=peers.trusted, tls=tls, schemes=schemes),
                    *last,
                ],
            },
            *({"upgrade_type": name} for name in OTHER_UPGRADES),
            {"upgrade_type": "CONNECT"},  # so that it is refused as the others
        ],
        "local_reply_config": _local_replies(),
        "stream_error_on_invalid_http_message": wrapped(True),
        **_limits(entrypoint),
        **_protocols(entrypoint, kind),
        **recording.fields(entrypoint),
    }
    return extension("envoy.filters.network.http_connection_manager", _MAIN, **fields)


def _limits(entrypoint: EntryPoint) -> dict[str, Any]:
    kilobytes = -(-entrypoint.max_header_bytes // 1024)
    return {
        "max_request_headers_kb": wrapped(max(1, min(kilobytes, MAX_HEADERS_KB))),
        "common_http_protocol_options": _common(entrypoint),
        "http1_safe_max_connection_duration": bool(entrypoint.max_connection_time),
        "stream_idle_timeout": duration(0),
        "request_timeout": duration(entrypoint.read_timeout),
        "request_headers_timeout": duration(HEADERS_TIMEOUT),
        "delayed_close_timeout": duration(_DELAYED_CLOSE),
    }


def _common(entrypoint: EntryPoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "idle_timeout": duration(entrypoint.idle_timeout),
        "max_headers_count": wrapped(_MAX_HEADERS),
        "headers_with_underscores_action": _UNDERSCORES[entrypoint.underscore_headers],
    }
    if entrypoint.write_timeout:
        found["max_stream_duration"] = duration(entrypoint.write_timeout)
    if entrypoint.max_connection_time:
        found["max_connection_duration"] = duration(entrypoint.max_connection_time)
    if entrypoint.max_connection_requests:
        found["max_requests_per_connection"] = wrapped(entrypoint.max_connection_requests)
    return found


def _protocols(entrypoint: EntryPoint, kind: Kind) -> dict[str, Any]:
    if kind is Kind.QUIC:
        return {"http3_protocol_options": {"allow_extended_connect": True}}
    return {
        "http_protocol_options": {
            "accept_http_10": True,
            # HTTP/1.0 knows requests without a host, which must match no rule about hosts (RFC 6761 6.4).
            "default_host_for_http_10": "no-host.invalid",
            "header_key_format": proper_case(),
            "enable_trailers": True,
            "allow_custom_methods": True,
            "ignore_http_11_upgrade": [{"safe_regex": {"regex": "(?i)(?:h2c|tls/.*|http/.*)"}}],
        },
        "http2_protocol_options": {
            "hpack_table_size": wrapped(entrypoint.header_table_size),
            "max_concurrent_streams": wrapped(entrypoint.max_concurrent_streams),
            "initial_stream_window_size": wrapped(_STREAM_WINDOW),
            "initial_connection_window_size": wrapped(_CONNECTION_WINDOW),
            "allow_connect": True,
        },
    }


def proper_case() -> dict[str, Any]:
    """HeaderKeyFormat: `Content-Type`, as Go writes names, in HTTP/1."""
    return {"proper_case_words": {}}


def _has_status(value: dict[str, Any], comparison: str = "EQ") -> dict[str, Any]:
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _is_own() -> dict[str, Any]:
    """Answers that a script does not hand on from somebody else."""
    return {"header_filter": {"header": {"name": RELAYED_HEADER, "present_match": True, "invert_match": True}}}


def _details(code: str) -> dict[str, Any]:
    """Of a reply whose response code details are `code`."""
    return {
        "extension_filter": extension(
            "envoy.access_loggers.extension_filters.cel",
            "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            expression=f"response.code_details == '{code}'",
        )
    }


def _local_replies() -> dict[str, Any]:
    def plain(text: str) -> dict[str, Any]:
        return {"text_format_source": {"inline_string": text}, "content_type": "text/plain; charset=utf-8"}

    def status(code: int) -> dict[str, Any]:
        return {"default_value": code, "runtime_key": "hearthgate.local_reply"}

    def mapper(flags: tuple[str, ...], code: int, body: str, *more: dict[str, Any]) -> dict[str, Any]:
        return {
            "filter": {"response_flag_filter": {"flags": flags}},
            "status_code": wrapped(code),
            "body_format_override": plain(body),
            "headers_to_add": [*more, grpc_answers.kept_status(code)],
        }

    nosniff = header("x-content-type-options", "nosniff", "OVERWRITE_IF_EXISTS_OR_ADD")
    kept = grpc_answers.kept_status()
    return {
        "mappers": [
            *(
                {
                    "filter": _details(one.details),
                    "status_code": wrapped(one.status),
                    "body_format_override": plain(one.text),
                    "headers_to_add": [grpc_answers.kept_status(one.status)],
                }
                for one in refusals.REFUSALS
            ),
            mapper(("NR",), 404, "404 page not found\n", nosniff),
            mapper(("UH", "NC"), 503, "no available server"),
            mapper(("UT", "SI"), 504, "Gateway Timeout"),
            {
                "filter": _details("local_rate_limited"),
                "body_format_override": plain("Too Many Requests"),
                "headers_to_add": [kept],
            },
            mapper(("UF", "UC", "UR", "UPE", "DF"), 502, "Bad Gateway"),
            {
                "filter": {"and_filter": {"filters": [_has_status(status(401)), _is_own()]}},
                "body_format_override": plain("401 Unauthorized"),
                "headers_to_add": [kept],
            },
            {"filter": _has_status(status(0), "GE"), "headers_to_add": [kept]},
        ],
        "body_format": plain("%LOCAL_REPLY_BODY%"),
    }
