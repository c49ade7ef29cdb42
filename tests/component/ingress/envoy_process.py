"""A bare Envoy for component tests of the ADS server, and small resources to give it."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from hearthgate.ingress.envoy import schema
from hearthgate.ingress.proxy.binary import envoy_path
from hearthgate.ingress.proxy.bootstrap import BootstrapOptions, bootstrap
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.xds.resources import (
    CLUSTER,
    ENDPOINT,
    LISTENER,
    ROUTE,
    SECRET,
    Resources,
    Versioned,
    versioned,
)

ensure_schema()
ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "2s"}
_TYPES = "type.googleapis.com/envoy.extensions"
HCM = f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
}


def resource(type_url: str, fields: Mapping[str, Any]) -> Versioned:
    parsed = schema.message(type_url.rpartition("/")[2])()
    json_format.ParseDict(dict(fields), parsed, descriptor_pool=schema.schema_pool())
    return versioned(parsed.SerializeToString(deterministic=True))


def cluster(name: str, **fields: Any) -> Versioned:
    eds = {"eds_config": ADS}
    body = {"name": name, "type": "EDS", "eds_cluster_config": eds, "connect_timeout": "2s", **fields}
    return resource(CLUSTER, body)


def endpoints(name: str, port: int) -> Versioned:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    lb_endpoints = [{"endpoint": {"address": address}}]
    return resource(ENDPOINT, {"cluster_name": name, "endpoints": [{"lb_endpoints": lb_endpoints}]})


def routes(name: str, *rows: Mapping[str, Any]) -> Versioned:
    host = {"name": "all", "domains": ["*"], "routes": list(rows)}
    return resource(ROUTE, {"name": name, "virtual_hosts": [host]})


def to_cluster(name: str, prefix: str = "/") -> dict[str, Any]:
    return {"match": {"prefix": prefix}, "route": {"cluster": name, "timeout": "0s"}}


def reply(text: str, prefix: str = "/") -> dict[str, Any]:
    return {"match": {"prefix": prefix}, "direct_response": {"status": 200, "body": {"inline_string": text}}}


def http_filter(route_config: str) -> dict[str, Any]:
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": HCM,
            "stat_prefix": "web",
            "rds": {"route_config_name": route_config, "config_source": ADS},
            "http_filters": [ROUTER],
        },
    }


def listener(name: str, port: int, *chains: Mapping[str, Any], routes: str = "web", **fields: Any) -> Versioned:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    filter_chains = list(chains) or [{"filters": [http_filter(routes)]}]
    return resource(LISTENER, {"name": name, "address": address, "filter_chains": filter_chains, **fields})


def tls_certificate(chain: bytes, key: bytes) -> Versioned:
    certificate = {
        "certificate_chain": {"inline_string": chain.decode()},
        "private_key": {"inline_string": key.decode()},
    }
    return resource(SECRET, {"tls_certificate": certificate})


def together(*parts: Mapping[str, Mapping[str, Versioned]]) -> Resources:
    merged: dict[str, dict[str, Versioned]] = {}
    for part in parts:
        for type_url, named in part.items():
            merged.setdefault(type_url, {}).update(named)
    return Resources(merged)


@asynccontextmanager
async def bare_envoy(folder: Path, *flags: str, **fields: Any) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Runs Envoy with our bootstrap; sockets `xds.sock` and `admin.sock` and the log are in `folder`.
    fields: more BootstrapOptions."""
    config = folder / "bootstrap.json"
    options = BootstrapOptions(xds_socket=folder / "xds.sock", **fields)
    await asyncio.to_thread(config.write_bytes, bootstrap(options, admin_socket=folder / "admin.sock"))
    arguments = ["-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "warning", *flags]
    with (folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a millisecond
            [envoy_path(), *arguments, "--component-log-level", "misc:error"], stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
