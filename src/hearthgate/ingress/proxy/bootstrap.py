"""Envoy's bootstrap: where its configuration comes from, its admin interface, its limits and what it counts. Pure.

Everything else reaches Envoy through xDS, so that it can change without a restart.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

XDS_CLUSTER: Final = "hearthgate-xds"
_TYPES: Final = "type.googleapis.com/envoy"

STATS_PREFIXES: Final = ("cluster_manager.", "listener.", "listener_manager.", "http.", "overload.", "server.")
"""Counted beside what `BootstrapOptions.stats_prefixes` adds."""
CLUSTER_STATS: Final = ("health_check.failure", "membership_healthy", "membership_total", "upstream_cx_active")
"""Of each cluster only these: all of them would be a scrape of 14 MB with 1,000 clusters."""
BUCKETS: Final = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000)
"""Bounds of latency histograms in milliseconds."""


class BootstrapOptions(msgspec.Struct, frozen=True, kw_only=True):
    """max_heap: bytes of memory at which Envoy first shrinks and then refuses new requests.

    stats_prefixes: names of further stats to keep, such as those of access loggers.
    buckets: bounds of histograms of their own, by the beginning of their names.
    """

    xds_socket: Path
    node: str = "hearthgate"
    max_heap: int = 2 << 30
    max_connections: int = 50_000
    stats_prefixes: tuple[str, ...] = ()
    buckets: tuple[tuple[str, tuple[float, ...]], ...] = ()


def bootstrap(options: BootstrapOptions, *, admin_socket: Path) -> bytes:
    """The bootstrap as JSON; equal options give equal bytes."""
    return msgspec.json.encode(
        {
            "node": {"id": options.node, "cluster": options.node},
            "admin": _admin(admin_socket),
            "dynamic_resources": _dynamic_resources(),
            "static_resources": {"clusters": [_xds_cluster(options.xds_socket)]},
            "stats_config": _stats(options),
            # The stats of a cluster or filter take memory only once something is counted.
            "deferred_stat_options": {"enable_deferred_creation_stats": True},
            "overload_manager": _overload(options),
            "layered_runtime": {
                "layers": [
                    {
                        "name": "hearthgate",
                        # Rules are compiled and bounded before they are sent: Envoy's own limit of 100 is too low.
                        "static_layer": {"re2": {"max_program_size": {"error_level": 1_000_000}}},
                    }
                ]
            },
        },
        order="sorted",
    )


def _admin(socket: Path) -> Mapping[str, Any]:
    allowed: list[Mapping[str, Any]] = [{"exact": path} for path in ("/ready", "/server_info", "/reopen_logs")]
    allowed += ({"prefix": path} for path in ("/stats", "/drain_listeners"))
    return {"address": {"pipe": {"path": str(socket), "mode": 0o600}}, "allow_paths": allowed}


def _dynamic_resources() -> Mapping[str, Any]:
    # Without a timeout: an Envoy that has not heard what to serve stays "initialising" instead of serving nothing.
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    retry = {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}}
    return {
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [{"envoy_grpc": {"cluster_name": XDS_CLUSTER, "retry_policy": retry}}],
        },
        "cds_config": source,
        "lds_config": source,
    }


def _xds_cluster(socket: Path) -> Mapping[str, Any]:
    http2 = {"connection_keepalive": {"interval": "30s", "timeout": "10s"}}
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
    return {
        "name": XDS_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": http2},
            }
        },
        "load_assignment": {"cluster_name": XDS_CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _stats(options: BootstrapOptions) -> Mapping[str, Any]:
    patterns: list[Mapping[str, Any]] = [
        {"prefix": prefix} for prefix in sorted({*STATS_PREFIXES, *options.stats_prefixes})
    ]
    names = "|".join(name.replace(".", r"\.") for name in CLUSTER_STATS)
    patterns.append({"safe_regex": {"regex": rf"cluster\..*\.(?:{names})"}})
    return {
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
        "histogram_bucket_settings": [
            *({"match": {"prefix": prefix}, "buckets": list(bounds)} for prefix, bounds in options.buckets),
            {"match": {"safe_regex": {"regex": ".*"}}, "buckets": list(BUCKETS)},
        ],
    }


def _overload(options: BootstrapOptions) -> Mapping[str, Any]:
    def monitor(name: str, config: str, **fields: int) -> Mapping[str, Any]:
        typed = {"@type": f"{_TYPES}.extensions.resource_monitors.{config}", **fields}
        return {"name": f"envoy.resource_monitors.{name}", "typed_config": typed}

    def action(name: str, threshold: float) -> Mapping[str, Any]:
        trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": threshold}}
        return {"name": f"envoy.overload_actions.{name}", "triggers": [trigger]}

    return {
        "refresh_interval": "0.5s",
        "resource_monitors": [
            monitor("fixed_heap", "fixed_heap.v3.FixedHeapConfig", max_heap_size_bytes=options.max_heap),
            monitor(
                "global_downstream_max_connections",
                "downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=options.max_connections,
            ),
        ],
        "actions": [action("shrink_heap", 0.9), action("stop_accepting_requests", 0.97)],
    }
