"""retry, buffering and contentType on a real Envoy."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.component.ingress.middleware_lab import Lab, Reply, Spec, lab
from tests.component.ingress.moody_backend import Moody

CASES: dict[str, list[Spec]] = {
    "plain": [],
    "retry": [("retry", {"attempts": 3})],
    "retry-status": [("retry", {"attempts": 3, "status": ["503", "520-529"], "initialInterval": "1ms"})],
    "retry-all": [("retry", {"attempts": 3, "status": ["503"], "retryNonIdempotentMethod": True})],
    "retry-small": [
        (
            "retry",
            {"attempts": 3, "status": ["503"], "retryNonIdempotentMethod": True, "maxRequestBodyBytes": 1000},
        )
    ],
    "retry-status-only": [("retry", {"attempts": 3, "status": ["503"], "disableRetryOnNetworkError": True})],
    "retry-502": [("retry", {"attempts": 3, "status": ["502"]})],
    "buffer": [
        (
            "buffering",
            {
                "maxRequestBodyBytes": 5000,
                "memRequestBodyBytes": 1000,
                "maxResponseBodyBytes": 6000,
                "memResponseBodyBytes": 7000,
            },
        )
    ],
    "buffer-unlimited": [("buffering", {"memRequestBodyBytes": 1000, "memResponseBodyBytes": 1000})],
    "buffer-retry": [("buffering", {"retryExpression": "IsNetworkError() && Attempts() < 3"})],
    "buffer-retry-code": [("buffering", {"retryExpression": "ResponseCode() == 503 && Attempts() <= 2"})],
    "headers-buffer": [
        ("headers", {"customResponseHeaders": {"X-Outer": "yes"}}),
        ("buffering", {"maxRequestBodyBytes": 10}),
        ("headers", {"customResponseHeaders": {"X-Inner": "yes"}}),
    ],
    "type": [("contentType", {})],
}


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), CASES, handler=Moody) as running:
        yield running


def tried(traffic: Lab, case: str, statuses: list[int], **request: Any) -> tuple[int, int]:
    """The status of the answer, and how often the backend was asked."""
    key = f"{case} {statuses} {request.get('method')} {len(request.get('body', b''))}"
    reply = traffic.ask(case, answer={"key": key, "statuses": statuses}, **request)
    return reply.status, Moody.tries[key]


@pytest.mark.parametrize(
    ("case", "statuses", "request_", "expected"),
    [
        ("plain", [503, 200], {}, (503, 1)),
        ("retry", [503, 200], {}, (503, 1)),
        ("retry-status", [503, 200], {}, (200, 2)),
        ("retry-status", [525, 503, 200], {}, (200, 3)),
        ("retry-status", [503, 503, 503, 200], {}, (503, 3)),
        ("retry-status", [500, 200], {}, (500, 1)),
        ("retry-status", [503, 200], {"method": "PUT", "body": b"x"}, (200, 2)),
        ("retry-status", [503, 200], {"method": "POST", "body": b"x"}, (503, 1)),
        ("retry-status", [503, 200], {"method": "PATCH", "body": b"x"}, (503, 1)),
        ("retry-all", [503, 200], {"method": "POST", "body": b"x" * 100_000}, (200, 2)),
        ("retry-small", [503, 200], {"method": "POST", "body": b"x" * 900}, (200, 2)),
        ("retry-small", [503, 200], {"method": "POST", "body": b"x" * 100_000}, (503, 1)),
        ("retry-status-only", [503, 200], {}, (200, 2)),
        ("retry-502", [0, 0, 200], {}, (200, 3)),
        ("retry-status-only", [0, 200], {}, (503, 1)),
        ("buffer-retry", [502, 504, 200], {"method": "POST", "body": b"x"}, (200, 3)),
        ("buffer-retry", [502, 502, 502, 200], {}, (502, 3)),
        ("buffer-retry", [0, 200], {}, (200, 2)),
        ("buffer-retry", [500, 200], {}, (500, 1)),
        ("buffer-retry-code", [503, 503, 200], {"method": "POST", "body": b"x" * 3000}, (200, 3)),
        ("buffer-retry-code", [502, 200], {}, (502, 1)),
    ],
)
def test_tries_again(
    traffic: Lab, case: str, statuses: list[int], request_: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert tried(traffic, case, statuses, **request_) == expected


@pytest.mark.parametrize(
    ("case", "size", "status"),
    [
        ("buffer", 900, 200),
        ("buffer", 5000, 200),
        ("buffer", 5001, 413),
        ("buffer", 200_000, 413),
        ("buffer-unlimited", 3_000_000, 200),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_requests_are_read_whole(traffic: Lab, case: str, size: int, status: int, chunked: bool) -> None:
    body = b"x" * size
    if chunked:
        headers = {"Transfer-Encoding": "chunked"}
        reply = _chunked(traffic, case, body, headers)
        assert reply == status
        return
    answered = traffic.ask(case, method="POST", body=body)
    assert answered.status == status
    if status == 200:
        assert answered.seen is not None
        assert answered.seen["body"] == size
        assert answered.sent("content-length") == str(size)


def _chunked(traffic: Lab, case: str, body: bytes, headers: dict[str, str]) -> int:
    with socket.create_connection(("127.0.0.1", traffic.ports["plain"]), 10) as connection:
        lines = [f"POST / HTTP/1.1\r\nHost: {case}.test\r\n"] + [f"{k}: {v}\r\n" for k, v in headers.items()]
        connection.sendall("".join([*lines, "\r\n"]).encode())
        try:
            for place in range(0, len(body), 1000):
                part = body[place : place + 1000]
                connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has been refused before its end
        return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("case", "size", "status"),
    [("buffer", 6000, 200), ("buffer", 6001, 500), ("buffer-unlimited", 2_000_000, 200)],
)
def test_answers_are_read_whole(traffic: Lab, case: str, size: int, status: int, chunked: bool) -> None:
    reply = traffic.ask(case, answer={"size": size, "chunked": chunked})
    assert reply.status == status
    if status == 200:
        assert len(reply.body) == size
        assert reply.headers["content-length"] == str(size)


def test_only_what_stands_before_changes_a_refusal(traffic: Lab) -> None:
    reply = traffic.ask("headers-buffer", method="POST", body=b"x" * 11)
    assert (reply.status, reply.headers["x-outer"]) == (413, "yes")
    assert "x-inner" not in reply.headers
    fits = traffic.ask("headers-buffer", method="POST", body=b"x" * 10)
    assert (fits.status, fits.headers["x-outer"], fits.headers["x-inner"]) == (200, "yes", "yes")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!DOCTYPE HTML><p>", "text/html; charset=utf-8"),
        ("\n <html>", "text/html; charset=utf-8"),
        ("<htmlx>", "text/plain; charset=utf-8"),
        ("<?xml version='1.0'?>", "text/xml; charset=utf-8"),
        ('{"a": 1}', "text/plain; charset=utf-8"),
        ("%PDF-1.7", "application/pdf"),
        ("\x89PNG\r\n\x1a\n", "image/png"),
        ("\xff\xd8\xff\xe0", "image/jpeg"),
        ("GIF89a..", "image/gif"),
        ("RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        ("\0\0\0\x18ftypmp42\0\0\0\0mp41mp42", "video/mp4"),
        ("\x1f\x8b\x08\0", "application/x-gzip"),
        ("PK\x03\x04", "application/zip"),
        ("\0asm\x01", "application/wasm"),
        ("a\0b", "application/octet-stream"),
        ("x" * 5000, "text/plain; charset=utf-8"),
    ],
)
def test_guesses_the_type(traffic: Lab, text: str, expected: str) -> None:
    reply = traffic.ask("type", answer={"text": text})
    assert reply.headers["content-type"] == expected
    assert reply.body == text.encode("latin-1")
    assert "content-type" not in traffic.ask("plain", answer={"text": text}).headers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"text": "<html>", "headers": {"Content-Type": "x/y"}}, "x/y"),
        ({"text": "<html>", "headers": {"Content-Encoding": "br"}}, None),
        ({"text": ""}, None),
        ({"text": "<html>", "chunked": True}, None),
        ({"size": 300_000}, None),
    ],
)
def test_leaves_the_type_alone(traffic: Lab, answer: dict[str, Any], expected: str | None) -> None:
    reply: Reply = traffic.ask("type", answer=answer)
    assert reply.headers.get("content-type") == expected
