"""The proxies that Hearthgate is compared with, each configured by hand for the same job, and the backend."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.processes import CORES, free_port, running
from examples.certificates import Pair
from hearthgate.ingress.proxy.binary import envoy_path

HOST = "bench.example.org"
BODY = "x" * 1024
_TYPES = "type.googleapis.com/envoy.extensions"


class Proxy(NamedTuple):
    """Where a proxy listens on loopback."""

    name: str
    http: int
    https: int


class Keys(NamedTuple):
    certificate: Path
    key: Path
    both: Path


def make_keys(folder: Path) -> Keys:
    """One ECDSA P-256 certificate for all of them."""
    pair = Pair([HOST])
    keys = Keys(folder / "tls.crt", folder / "tls.key", folder / "tls.pem")
    keys.certificate.write_bytes(pair.certificate_pem)
    keys.key.write_bytes(pair.key_pem)
    keys.both.write_bytes(pair.certificate_pem + pair.key_pem)
    return keys


@contextlib.contextmanager
def backend(folder: Path) -> Iterator[int]:
    """nginx answering 200 with 1 KB; the port."""
    port = free_port()
    http = f"""
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ default_type text/plain; return 200 "{BODY}"; }}
    }}"""
    with running(_nginx(folder, "backend", http), folder / "backend.log", port):
        yield port


@contextlib.contextmanager
def nginx(folder: Path, keys: Keys, upstream: int) -> Iterator[Proxy]:
    proxy = Proxy("nginx", free_port(), free_port())
    http = f"""
    upstream backend {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{proxy.http} backlog=4096;
        listen 127.0.0.1:{proxy.https} ssl http2 backlog=4096;
        server_name {HOST};
        ssl_certificate {keys.certificate};
        ssl_certificate_key {keys.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        http2_max_concurrent_streams 250;
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}"""
    with running(_nginx(folder, "nginx", http), folder / "nginx.log", proxy.http, proxy.https):
        yield proxy


def _nginx(folder: Path, name: str, http: str) -> list[str]:
    config = folder / f"{name}.conf"
    config.write_text(f"""
daemon off;
pid {folder}/{name}.pid;
error_log stderr warn;
worker_processes {CORES};
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/{name}-1; proxy_temp_path {folder}/{name}-2;
    fastcgi_temp_path {folder}/{name}-3; uwsgi_temp_path {folder}/{name}-4; scgi_temp_path {folder}/{name}-5;
    {http}
}}
""")
    return ["nginx", "-e", "stderr", "-c", str(config), "-p", str(folder)]


@contextlib.contextmanager
def haproxy(folder: Path, keys: Keys, upstream: int) -> Iterator[Proxy]:
    proxy = Proxy("HAProxy", free_port(), free_port())
    config = folder / "haproxy.cfg"
    config.write_text(f"""
global
    nbthread {CORES}
    maxconn 8192
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout connect 30s
    timeout client 180s
    timeout server 180s
    option forwardfor
    http-reuse always
frontend all
    bind 127.0.0.1:{proxy.http}
    bind 127.0.0.1:{proxy.https} ssl crt {keys.both} alpn h2,http/1.1
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
    use_backend bench if {{ hdr(host),field(1,:) -i {HOST} }}
backend bench
    server one 127.0.0.1:{upstream}
""")
    with running(["haproxy", "-f", str(config), "-db"], folder / "haproxy.log", proxy.http, proxy.https):
        yield proxy


@contextlib.contextmanager
def static_envoy(folder: Path, keys: Keys, upstream: int) -> Iterator[Proxy]:
    """What an expert would write for this one route: the limit for anything that runs on Envoy."""
    proxy = Proxy("static Envoy", free_port(), free_port())
    config = folder / "envoy.json"
    config.write_text(json.dumps(_envoy(proxy, keys, upstream)))
    command = [str(envoy_path()), "-c", str(config), "--concurrency", str(CORES), "--log-level", "error",
               "--use-dynamic-base-id"]  # fmt: skip
    with running(command, folder / "envoy.log", proxy.http, proxy.https):
        yield proxy


def _envoy(proxy: Proxy, keys: Keys, upstream: int) -> dict[str, object]:
    manager = {"name": "envoy.filters.network.http_connection_manager", "typed_config": _connection_manager()}
    chains = {
        proxy.http: {"filters": [manager]},
        proxy.https: {"filters": [manager], "transport_socket": _tls(keys)},
    }
    # The defaults, 1,024 each, are a limit for clients that open more connections than a benchmark does.
    unlimited = {"max_connections": 65536, "max_requests": 65536, "max_pending_requests": 65536}
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "connect_timeout": "30s",
        "circuit_breakers": {"thresholds": [unlimited]},
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(upstream)}}]}],
        },
    }
    listeners = [
        {"name": str(port), "address": _address(port), "filter_chains": [chain]} for port, chain in chains.items()
    ]
    return {"static_resources": {"listeners": listeners, "clusters": [cluster]}}


def _connection_manager() -> dict[str, object]:
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router", "suppress_envoy_headers": True},
    }
    host = {
        "name": "bench",
        "domains": [HOST],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "0s"}}],
    }
    return {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "use_remote_address": True,
        "generate_request_id": False,
        "http2_protocol_options": {"max_concurrent_streams": 250},
        "http_filters": [router],
        "route_config": {"ignore_port_in_host_matching": True, "virtual_hosts": [host]},
    }


def _tls(keys: Keys) -> dict[str, object]:
    pair = {"certificate_chain": {"filename": str(keys.certificate)}, "private_key": {"filename": str(keys.key)}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [pair]},
        },
    }


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
