"""An Envoy with one listener for each table of rules; every route answers with the name of its router."""

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf import json_format

from hearthgate.ingress.envoy.match import domain_names, domains, route_match
from hearthgate.ingress.envoy.messages import CLIENT_IP, PATH_HEADER
from hearthgate.ingress.envoy.schema import message, schema_pool
from hearthgate.ingress.proxy.binary import envoy_path
from hearthgate.ingress.proxy.bootstrap import BootstrapOptions, bootstrap
from hearthgate.rules.match import Request
from hearthgate.rules.order import precedence
from hearthgate.rules.rule import Rule
from tests.ports import free_port
from tests.waiting import wait_for

_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_FILTERS = f"{_EXTENSIONS}.filters"
_BOOTSTRAP = bootstrap(BootstrapOptions(xds_socket=Path("unused")), admin_socket=Path("unused"))
RUNTIME = json.loads(_BOOTSTRAP)["layered_runtime"]
"""The product's own: without it, Envoy refuses patterns of more than 100 instructions."""


class Router(NamedTuple):
    name: str
    rule: Rule
    priority: int


class Answer(NamedTuple):
    """`router`: who answered; empty for nobody."""

    status: int
    router: str


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]


def ranked(routers: Sequence[Router]) -> list[Router]:
    return sorted(routers, key=lambda router: precedence(router.priority, router.name))


def route_config(routers: Sequence[Router]) -> dict[str, Any]:
    hosts = []
    for domain in domains(router.rule for router in routers):
        host = message("envoy.config.route.v3.VirtualHost")(name=domain, domains=domain_names(domain))
        for router in ranked(routers):
            for conjunct in router.rule.conjuncts:
                if (match := route_match(conjunct, domain)) is not None:
                    route = host.routes.add()
                    route.match.CopyFrom(match)
                    route.direct_response.status = 200
                    route.direct_response.body.inline_string = router.name
        hosts.append(
            json_format.MessageToDict(host, preserving_proto_field_name=True, descriptor_pool=schema_pool())
        )
    return {"name": "table", "ignore_port_in_host_matching": True, "virtual_hosts": hosts}


def _listener(port: int, routes: Mapping[str, Any]) -> dict[str, Any]:
    client_ip = {
        "object_key": CLIENT_IP,
        "factory_key": "envoy.network.ip",
        "format_string": {"text_format_source": {"inline_string": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}},
    }
    path = {"header": {"key": PATH_HEADER, "value": "%PATH(NQ)%"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    early = {
        "@type": f"{_EXTENSIONS}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        "mutations": [{"remove": "x-envoy-original-path"}, {"append": path}],
    }
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "table",
        "route_config": routes,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "http_protocol_options": {"allow_custom_methods": True},
        "early_header_mutation_extensions": [{"name": "path", "typed_config": early}],
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"},
            }
        ],
    }
    state = {"@type": f"{_FILTERS}.network.set_filter_state.v3.Config", "on_new_connection": [client_ip]}
    filters = [
        {"name": "envoy.filters.network.set_filter_state", "typed_config": state},
        {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
    ]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"name": f"table-{port}", "address": address, "filter_chains": [{"filters": filters}]}


@contextmanager
def serving(tables: Mapping[int, Sequence[Router]], folder: Path) -> Iterator[None]:
    """Runs the proxy with a listener on 127.0.0.1 for each table, by port."""
    listeners = [_listener(port, route_config(routers)) for port, routers in tables.items()]
    config = folder / "bootstrap.json"
    config.write_text(json.dumps({"static_resources": {"listeners": listeners}, "layered_runtime": RUNTIME}))
    arguments = ["-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    log = folder / "envoy.log"
    with log.open("wb") as output:
        process = subprocess.Popen([envoy_path(), *arguments], stdout=output, stderr=output)

    def listening() -> bool:
        assert process.poll() is None, f"Envoy refused the configuration: {log.read_text()[-2000:]}"
        for port in tables:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    return False
        return True

    try:
        wait_for(listening, within=20, what="Envoy")
        yield
    finally:
        process.kill()
        process.wait()


class Client:
    """Sends requests just as they are written: one connection for each source address and port, kept open."""

    def __init__(self) -> None:
        self._connections: dict[tuple[str, int], socket.socket] = {}

    def ask(self, port: int, request: Request) -> Answer:
        lines = [
            f"{request.method} {request.target} HTTP/1.1",
            f"Host: {request.authority}",
            *(f"{name}: {value}" for name, value in request.headers),
            "Content-Length: 0",
        ]
        connection = self._connection(request.client_ip, port)
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode(errors="surrogateescape"))
        return self._answer(connection)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def _connection(self, source: str, port: int) -> socket.socket:
        key = (source, port)
        if key not in self._connections:
            self._connections[key] = socket.create_connection(
                ("127.0.0.1", port), timeout=10, source_address=(source, 0)
            )
        return self._connections[key]

    def _answer(self, connection: socket.socket) -> Answer:
        data = b""
        while b"\r\n\r\n" not in data:
            received = connection.recv(65536)
            assert received, "the proxy closed the connection"
            data += received
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            body += connection.recv(65536)
        status = int(head.split(b" ")[1])
        return Answer(status, body.decode() if status == 200 else "")
