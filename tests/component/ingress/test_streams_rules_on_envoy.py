"""The proxy chooses as upstream does between requests and streams: random rules and connections against an oracle.

The listeners are the product's own, except that each filter chain answers with its name before any handshake.
"""

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from google.protobuf import json_format

from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.schema import message, schema_pool
from hearthgate.ingress.envoy.streams.chains import CompiledStream, TLSFrame, compile_stream
from hearthgate.ingress.envoy.streams.listener import Sites, relevant_hosts, with_streams
from hearthgate.ingress.envoy.translate import Translator
from hearthgate.ingress.proxy.binary import envoy_path
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.model import (
    Endpoint,
    EntryPoint,
    RoutingModel,
    StreamBalancer,
    StreamMember,
    TLSOptions,
)
from hearthgate.ingress.xds.resources import LISTENER
from hearthgate.rules.syntax import write
from hearthgate.rules.tcp import Connection, holds, is_catch_all, sni_holds
from tests.component.ingress.rules_proxy import RUNTIME, free_ports
from tests.component.ingress.streams import tcp_router
from tests.properties.tcp_samples import plain, some_connection, some_rule
from tests.waiting import wait_for

TABLES = 40
CONNECTIONS = 40
"""For each table, over TLS and not."""
HOSTS = ("a.test", "b.test", "*.a.test", "x.a.test", "c.example", "*.test")
MEMBER = StreamMember(weight=1, balancer=StreamBalancer(name="x", addresses=(Endpoint("127.0.0.1", 9),)))


class Table(NamedTuple):
    port: int
    streams: tuple[CompiledStream, ...]
    sites: Sites


@pytest.fixture(scope="module", autouse=True)
def _schema() -> None:
    ensure_schema()


def some_table(random: Random, port: int) -> Table:
    routers = []
    for index in range(random.randint(1, 6)):
        text = "HostSNI(`*`)" if random.random() < 0.25 else write(some_rule(random))
        priority = {"priority": random.randint(1, 9)} if random.random() < 0.5 else {}
        tls = random.random() < 0.7
        routers.append(tcp_router(text, MEMBER, tls=tls, passthrough=tls, name=f"r{index}", **priority))
    routers.sort(key=lambda one: (-one.priority, one.name))
    frame = TLSFrame({"default": TLSOptions()}, "")
    streams = tuple(compile_stream(one, frame, lambda _: None, ProxyOptions()) for one in routers)
    hosts = tuple(sorted(random.sample(HOSTS, random.randint(0, 3))))
    return Table(port, streams, Sites(hosts, random.random() < 0.3))


def expected(table: Table, connection: Connection, *, tls: bool) -> str:
    """Name of the filter chain that upstream's order leads to."""
    over_tls = [one.router for one in table.streams if one.router.tls]
    chosen = [one for one in table.streams if one.router.tls is tls]
    first = next((one for one in chosen if holds(one.router.rule.expression, connection)), None)
    if not tls:
        return first.chain_name if first is not None else "web/plain"
    if not over_tls and not table.sites.any:
        return ""  # decided without reading: see the tests of plain streams
    requests = "web/tls/default"
    if any(sni_holds(host, connection.sni) for host in table.sites.hosts):
        return requests
    if first is not None and not is_catch_all(first.router.rule):
        return first.chain_name
    if table.sites.hostless or first is None:
        return requests
    return first.chain_name


def test_random_connections_find_the_chain_of_upstreams_order(tmp_path: Path) -> None:
    random = Random(7)
    tables = [some_table(random, port) for port in free_ports(TABLES)]
    met = set()
    with serving(tables, tmp_path):
        for table in tables:
            for _ in range(CONNECTIONS):
                connection = some_connection(random)
                for tls in (True, False):
                    seen = connection if tls else plain(connection)
                    wanted = expected(table, seen, tls=tls)
                    if not wanted:
                        continue
                    met.add(wanted.partition("/tcp/")[0])
                    rules = [(one.chain_name, one.router.rule.text) for one in table.streams]
                    assert chain_of(table.port, seen, tls=tls) == wanted, (seen, tls, rules, table.sites)
    assert met == {"web", "web/plain", "web/tls/default"}


def chain_of(port: int, connection: Connection, *, tls: bool) -> str:
    source = (connection.client_ip, 0)
    with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=source) as client:
        client.sendall(client_hello(connection) if tls else b"hello there\r\n")
        data = b""
        while not data.endswith(b"\n") and (received := client.recv(4096)):
            data += received
    return data.decode().strip()


def client_hello(connection: Connection) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if connection.alpn:
        context.set_alpn_protocols(list(connection.alpn))
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=connection.sni or None)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@contextmanager
def serving(tables: Sequence[Table], folder: Path) -> Iterator[None]:
    config = folder / "bootstrap.json"
    listeners = [_listener(table) for table in tables]
    config.write_text(json.dumps({"static_resources": {"listeners": listeners}, "layered_runtime": RUNTIME}))
    arguments = ["-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    log = folder / "envoy.log"
    with log.open("wb") as output:
        process = subprocess.Popen([envoy_path(), *arguments], stdout=output, stderr=output)

    def listening() -> bool:
        assert process.poll() is None, f"Envoy refused the configuration: {log.read_text()[-2000:]}"
        with socket.socket() as probe:
            return not probe.connect_ex(("127.0.0.1", tables[-1].port))

    try:
        wait_for(listening, within=20, what="Envoy")
        yield
    finally:
        process.kill()
        process.wait()


def _listener(table: Table) -> Any:
    entrypoint = EntryPoint(name="web", host="127.0.0.1", port=table.port)
    requests = Translator(ProxyOptions()).translate(RoutingModel(entrypoints=(entrypoint,)), {})
    sites = relevant_hosts(table.streams, table.sites)
    body = with_streams(requests.resources[LISTENER]["web"], table.streams, sites).body
    listener = message("envoy.config.listener.v3.Listener").FromString(body)
    listener.name = str(table.port)
    for chain in listener.filter_chains:
        del chain.filters[:]
        chain.ClearField("transport_socket")
        chain.ClearField("transport_socket_connect_timeout")
    plain_text = json_format.MessageToDict(
        listener, preserving_proto_field_name=True, descriptor_pool=schema_pool()
    )
    for chain in plain_text["filter_chains"]:
        answer = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config",
            "response": {"inline_string": f"{chain['name']}\n"},
        }
        chain["filters"] = [{"name": "envoy.filters.network.direct_response", "typed_config": answer}]
    return plain_text
