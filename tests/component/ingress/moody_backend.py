"""A backend that fails, waits and closes as a request's X-Answer says, and counts how often it was asked."""

import contextlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar


class Moody(BaseHTTPRequestHandler):
    """X-Answer is JSON. key: under which tries are counted. statuses: of the first tries, the last one of all
    others; 0 closes the connection without an answer. text, size (of x), headers, chunked: the answer. gate: waits
    until it is opened."""

    protocol_version = "HTTP/1.1"
    tries: ClassVar[Counter[str]] = Counter()
    gates: ClassVar[dict[str, threading.Event]] = {}
    waiting: ClassVar[Counter[str]] = Counter()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answered
        raise AttributeError(name)

    def _answered(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client may go away meanwhile
            self._answer()

    def _answer(self) -> None:
        asked = json.loads(self.headers.get("x-answer", "{}"))
        body = self._body()
        key = asked.get("key", "")
        self.tries[key] += 1
        statuses = asked.get("statuses", [200])
        status = statuses[min(self.tries[key], len(statuses)) - 1]
        if gate := asked.get("gate"):
            self.waiting[gate] += 1
            self.gates.setdefault(gate, threading.Event()).wait(20)
            self.waiting[gate] -= 1
        if not status:
            self.close_connection = True
            return
        text = asked.get("text", "").encode("latin-1") + b"x" * asked.get("size", 0)
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": list(self.headers.items()),
            "body": len(body),
        }
        self.send_response_only(status)
        self.send_header("X-Seen", json.dumps(seen))
        for name, value in asked.get("headers", {}).items():
            self.send_header(name, value)
        if asked.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for place in range(0, len(text), 1000):
                part = text[place : place + 1000]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass
