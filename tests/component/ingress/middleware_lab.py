"""A real Envoy with one virtual host per list of middlewares, a backend that echoes, and the auth service.

The configuration around the branches is as small as it can be: what the translation sets up for them (peer's
address, path header, X-Forwarded-*) is repeated here in its plainest form.
"""

import asyncio
import contextlib
import http.client
import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.auth.tables import auth_tables
from hearthgate.ingress.envoy.plan import Branch, Scope, plan_branches
from hearthgate.ingress.envoy.schema import schema_pool
from hearthgate.ingress.guards.guards import Guards
from hearthgate.ingress.middlewares.build import build_middleware
from hearthgate.ingress.middlewares.counted import bound
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.proxy.binary import envoy_path
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.resources import traefik
from hearthgate.resources.core import Secret
from hearthgate.resources.decode import decode_mapping
from tests.ports import free_port
from tests.waiting import wait_for

_FILTERS = "envoy.extensions.filters.http."
_NETWORK = "envoy.extensions.filters.network."
_EARLY = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
_PEER = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
SCOPES = {
    "plain": Scope(tls=False, forwarded_trusted=False),
    "tls": Scope(tls=True, forwarded_trusted=False),
    "trusted": Scope(tls=False, forwarded_trusted=True),
    "trusted-tls": Scope(tls=True, forwarded_trusted=True),
}

Options = Mapping[str, Any]
Spec = tuple[str, Options]
"""Type and options of one Middleware, as a manifest has them."""


@dataclass(frozen=True)
class Reply:
    """An answer, and what the backend saw of its request (None when it saw nothing)."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seen: Mapping[str, Any] | None

    def sent(self, name: str) -> str | None:
        """A header as the backend got it, its lines joined."""
        assert self.seen is not None, f"not passed on: {self.status} {self.body!r}"
        values = [value for key, value in self.seen["headers"] if key.lower() == name]
        return ", ".join(values) if values else None

    @property
    def path(self) -> str:
        assert self.seen is not None, f"not passed on: {self.status} {self.body!r}"
        return str(self.seen["path"])


def build(kind: str, options: Options, secrets: Mapping[str, Secret] = {}, name: str = "m") -> Middleware:
    """A middleware from a manifest's options; fails when it has a problem."""
    decoded = decode_mapping(
        {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "Middleware",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {kind: options},
        }
    )
    assert isinstance(decoded.resource, traefik.Middleware), decoded.problems
    value, problems = build_middleware(decoded.resource, secrets.get)
    assert value is not None, problems
    return value


class Lab:
    """Asks the proxy. Every case is a virtual host `CASE.test` on the listener of every scope."""

    def __init__(
        self, ports: Mapping[str, int], auth: AuthService, loop: asyncio.AbstractEventLoop, guards: Guards
    ) -> None:
        self.guards = guards
        self.ports = ports
        self.auth = auth
        self.loop = loop

    def ask(
        self,
        case: str,
        path: str = "/",
        *,
        scope: str = "plain",
        method: str = "GET",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        host: str | None = None,
        answer: Mapping[str, Any] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """`host`: the Host header, default the case's. `answer`: what the backend shall answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[scope], timeout=10)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host if host is not None else f"{case}.test")
        if answer is not None:
            connection.putheader("X-Answer", json.dumps(answer))
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        seen = response.headers.get("x-seen")
        connection.close()
        return Reply(response.status, response.headers, content, json.loads(seen) if seen else None)


@contextlib.contextmanager
def lab(
    folder: Path,
    cases: Mapping[str, list[Spec]],
    secrets: Mapping[str, Secret] = {},
    *,
    auth: bool = True,
    handler: type[BaseHTTPRequestHandler] | None = None,
    workers: int = 1,
) -> Iterator[Lab]:
    """Everything running. Without `auth` nobody answers the proxy's questions. handler: the backend's own one."""
    ensure_schema()
    lists = {
        case: [build(kind, options, secrets, f"m{index}") for index, (kind, options) in enumerate(specs)]
        for case, specs in cases.items()
    }
    with _backend(handler or _Echo) as backend, _loop() as loop:
        guards = Guards(folder)
        service = AuthService(folder / "auth.sock", other=guards)
        service.update(auth_tables(middleware for values in lists.values() for middleware in values))
        service.counters.update(m for case, values in lists.items() for m in bound(values, case))
        guards.update((middleware for values in lists.values() for middleware in values), {})
        guarding = asyncio.run_coroutine_threadsafe(_begin(guards), loop).result(10)
        if auth:
            asyncio.run_coroutine_threadsafe(service.start(), loop).result(10)
        ports = {name: free_port() for name in SCOPES}
        config = _bootstrap(lists, ports, backend, folder / "auth.sock", folder / "admin.sock")
        with _envoy(folder, config, workers):
            yield Lab(ports, service, loop, guards)
        asyncio.run_coroutine_threadsafe(_end(guarding), loop).result(10)
        asyncio.run_coroutine_threadsafe(service.stop(), loop).result(10)


@contextlib.contextmanager
def _envoy(folder: Path, config: Mapping[str, Any], workers: int) -> Iterator[None]:
    (folder / "envoy.json").write_text(json.dumps(config))
    output = folder / "envoy.log"
    command = [
        str(envoy_path()),
        "-c",
        str(folder / "envoy.json"),
        "--disable-hot-restart",
        "--concurrency",
        str(workers),
        "-l",
        "error",
    ]
    with output.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def is_ready() -> bool:
        assert process.poll() is None, output.read_text()[-4000:]
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(folder / "admin.sock"))
            admin.sendall(b"GET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            return b"LIVE" in admin.recv(4096)
        return False

    try:
        wait_for(is_ready, within=20, what="Envoy")
        yield
    finally:
        process.kill()
        process.wait(10)


async def _begin(guards: Guards) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(guards.run())


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class _Echo(BaseHTTPRequestHandler):
    """Answers as the request's X-Answer says, with what it saw in X-Seen."""

    protocol_version = "HTTP/1.1"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._echo
        raise AttributeError(name)

    def _echo(self) -> None:
        answer = json.loads(self.headers.get("x-answer", "{}"))
        body = b"x" * answer.get("size", 0)
        headers = [(key, value) for key, value in self.headers.items() if key.lower() != "x-answer"]
        self.send_response_only(answer.get("status", 200))
        self.send_header("X-Seen", json.dumps({"method": self.command, "path": self.path, "headers": headers}))
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@contextlib.contextmanager
def _backend(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def _bootstrap(
    lists: Mapping[str, list[Middleware]], ports: Mapping[str, int], backend: int, auth: Path, admin: Path
) -> dict[str, Any]:
    return {
        "node": {"id": "lab", "cluster": "lab"},
        "layered_runtime": {
            "layers": [{"name": "limits", "static_layer": {"re2.max_program_size.error_level": 1_000_000}}]
        },
        "admin": {"address": {"pipe": {"path": str(admin)}}},
        "static_resources": {
            "listeners": [_listener(name, port, lists, f"{auth.parent}/") for name, port in ports.items()],
            "clusters": [
                _cluster("backend", {"socket_address": {"address": "127.0.0.1", "port_value": backend}}),
                _cluster("hearthgate-auth", {"pipe": {"path": str(auth)}}),
                _http2(
                    _cluster("hearthgate-in-flight", {"pipe": {"path": str(auth.with_name("in-flight.sock"))}})
                ),
            ],
        },
    }


def _cluster(name: str, address: Mapping[str, Any]) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": name,
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


def _http2(cluster: dict[str, Any]) -> dict[str, Any]:
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    options = _typed("", name, explicit_http_config={"http2_protocol_options": {}})["typed_config"]
    return {**cluster, "typed_extension_protocol_options": {name: options}}


def _listener(name: str, port: int, lists: Mapping[str, list[Middleware]], folder: str) -> dict[str, Any]:
    address = {"text_format_source": {"inline_string": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}
    kept = {"hearthgate.client_ip": "envoy.network.ip", "hearthgate.peer": "envoy.string"}
    peers = [{"object_key": key, "factory_key": kind, "format_string": address} for key, kind in kept.items()]
    filters = [
        _typed("peer", f"{_NETWORK}set_filter_state.v3.Config", on_new_connection=peers),
        _connection_manager(name, lists, folder),
    ]
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": filters}],
    }


def _connection_manager(name: str, lists: Mapping[str, list[Middleware]], folder: str) -> dict[str, Any]:
    scope = SCOPES[name]
    early = [
        {"remove_on_match": {"key_matcher": {"prefix": "x-hg-"}}},
        {"append": {"header": {"key": "x-hg-path", "value": "%PATH(NQ)%"}, "append_action": 2}},
    ]
    if not scope.forwarded_trusted:
        early.append({"remove": "x-forwarded-for"})
    return _typed(
        "http",
        f"{_NETWORK}http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=name,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="KEEP_UNCHANGED",
        use_remote_address=True,
        skip_xff_append=True,
        xff_num_trusted_hops=1 if scope.forwarded_trusted else 0,
        server_header_transformation="PASS_THROUGH",
        generate_request_id=False,
        local_reply_config={"mappers": [_unauthorized(), _limited()]},
        early_header_mutation_extensions=[_typed("early", _EARLY, mutations=early)],
        http_filters=[
            _typed("envoy.filters.http.filter_chain", f"{_FILTERS}filter_chain.v3.FilterChainConfig"),
            _typed("router", f"{_FILTERS}router.v3.Router", suppress_envoy_headers=True),
        ],
        route_config={
            "name": name,
            "most_specific_header_mutations_wins": True,
            "request_headers_to_remove": ["x-hg-path", "x-envoy-external-address", "x-envoy-internal"],
            "request_headers_to_add": [
                {"header": {"key": "x-forwarded-for", "value": _PEER}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
            ],
            "ignore_port_in_host_matching": True,
            "virtual_hosts": [
                {
                    "name": case,
                    "domains": [f"{case}.test"],
                    "routes": routes(list(bound(values, case)), scope, folder),
                }
                for case, values in lists.items()
            ],
        },
    )


def _unauthorized() -> dict[str, Any]:
    comparison = {"op": "EQ", "value": {"default_value": 401, "runtime_key": "unset"}}
    body = {"text_format_source": {"inline_string": "401 Unauthorized"}}
    return {"filter": {"status_code_filter": {"comparison": comparison}}, "body_format_override": body}


def _limited() -> dict[str, Any]:
    body = {"text_format_source": {"inline_string": "Too Many Requests"}}
    details = _typed(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        expression="response.code_details == 'local_rate_limited'",
    )
    return {"filter": {"extension_filter": details}, "body_format_override": body}


def routes(values: list[Middleware], scope: Scope, folder: str = "") -> list[dict[str, Any]]:
    """The routes of one router for `/`, as JSON."""
    branches, errors = plan_branches(values, scope, folder=folder)
    assert not errors, errors
    return [_route(branch) for branch in branches]


def _route(branch: Branch) -> dict[str, Any]:
    match: dict[str, Any] = {"prefix": "/"}
    match["headers"] = [as_json(condition) for condition in branch.conditions]
    match["filter_state"] = [as_json(condition) for condition in branch.filter_state]
    route: dict[str, Any] = {"match": match}
    if branch.filters:
        chain = {"filters": [as_json(one) for one in branch.filters]}
        config = _typed("", f"{_FILTERS}filter_chain.v3.FilterChainConfigPerRoute", filter_chain=chain)
        route["typed_per_filter_config"] = {"envoy.filters.http.filter_chain": config["typed_config"]}
    if branch.response is not None:
        route["direct_response"] = as_json(branch.response)
    else:
        action = as_json(branch.route_action) if branch.route_action is not None else {}
        route["route"] = {**action, "cluster": "backend", "timeout": "0s"}
    route["request_headers_to_remove"] = list(branch.request_headers_to_remove)
    if branch.body_limit:
        route["request_body_buffer_limit"] = branch.body_limit
    return route


def as_json(message: Any) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True, descriptor_pool=schema_pool())


def _typed(name: str, type_name: str, /, **fields: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{type_name}", **fields}}
