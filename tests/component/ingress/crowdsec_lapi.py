"""A stand-in for CrowdSec's local API, written from its published description (LAPI swagger: /decisions,
/decisions/stream). It keeps, for each key, when it last told it the changes, as the real one does."""

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "0123456789abcdef-key"


class Lapi:
    """`decide` and `revoke` change what holds; `down` makes every answer an error. `asked`: targets, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._active: list[dict[str, Any]] = []
        self._log: list[tuple[str, dict[str, Any]]] = []
        self._told = 0
        self.down = False
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.port = 0

    def decide(
        self,
        value: str,
        *,
        type: str = "ban",  # noqa: A002 - the API's word
        scope: str = "",
        duration: str = "4h0m0s",
    ) -> None:
        scope = scope or ("Range" if "/" in value else "Ip")
        one = {
            "id": next(self._ids),
            "origin": "crowdsec",
            "type": type,
            "scope": scope,
            "value": value,
            "duration": duration,
            "scenario": "crowdsecurity/http-probing",
        }
        with self._lock:
            self._active.append(one)
            self._log.append(("new", one))

    def revoke(self, value: str) -> None:
        with self._lock:
            for one in [one for one in self._active if one["value"] == value]:
                self._active.remove(one)
                self._log.append(("deleted", {**one, "duration": "-1s"}))

    def answer(self, target: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.asked.append(target)
            self.agents.add(headers.get("User-Agent", ""))
            if self.down:
                return 500, {"message": "database is locked"}
            if headers.get("X-Api-Key") != KEY:
                return 403, {"message": "access forbidden"}
            if parts.path == "/v1/decisions/stream":
                return 200, self._stream(query["startup"] == "true")
            if parts.path == "/v1/decisions":
                wanted = ip_address(query["ip"])
                return 200, [one for one in self._active if _is_about(one, wanted)] or None
            return 404, {"message": "not found"}

    def _stream(self, startup: bool) -> dict[str, Any]:
        since, self._told = self._told, len(self._log)
        if startup:
            return {"new": list(self._active) or None, "deleted": None}
        changes: dict[str, list[Any]] = {"new": [], "deleted": []}
        for kind, one in self._log[since:]:
            changes[kind].append(one)
        return {kind: found or None for kind, found in changes.items()}


def _is_about(decision: Mapping[str, Any], wanted: Any) -> bool:
    if decision["scope"] not in ("Ip", "Range"):
        return False
    network = ip_network(decision["value"], strict=False)
    return network.version == wanted.version and wanted in network


@contextlib.contextmanager
def running() -> Iterator[Lapi]:
    """The API on a port of loopback."""
    lapi = Lapi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, content = lapi.answer(self.path, dict(self.headers.items()))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    lapi.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield lapi
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
