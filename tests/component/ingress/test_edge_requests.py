"""Requests that no honest client sends, byte by byte: what is refused, what passes, and nothing is smuggled."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hearthgate.ingress.routing.model import EntryPoint
from tests.component.ingress.gateway import backend, gateway, model, router
from tests.component.ingress.raw import Said, request, say

HOST = "Host: site.test"
CHUNKED = "Transfer-Encoding: chunked"
EMPTY = b"0\r\n\r\n"


class Stage(NamedTuple):
    port: int

    async def say(self, data: bytes) -> Said:
        return await say(self.port, data)

    async def path(self, target: str) -> str | int:
        """The path that the backend got, or the status of a refusal."""
        said = await self.say(request(target))
        return backend_saw(said)["path"] if said.statuses == (200,) else said.statuses[0]


def backend_saw(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.data.partition(b"\r\n\r\n")[2])
    return found


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    """`site.test` and, by rules that name no host, `/open` of every host lead to a backend."""
    async with gateway(tmp_path) as running, backend("one") as one:
        web = EntryPoint(name="web", host="127.0.0.1", port=free_port())
        rules = ("Host(`site.test`)", "PathPrefix(`/open`)", "Host(`*.wild.test`)")
        await running.serve(model([web], [router(rule, one.balancer()) for rule in rules]), one.endpoints)
        yield Stage(web.port)


def head(*lines: str, method: str = "POST", version: str = "HTTP/1.1", target: str = "/") -> bytes:
    return "\r\n".join([f"{method} {target} {version}", *lines, "", ""]).encode("latin-1")


REFUSED: dict[str, tuple[bytes, int]] = {
    "length and chunks": (head(HOST, "Content-Length: 5", CHUNKED) + EMPTY, 400),
    "two lengths": (head(HOST, "Content-Length: 5", "Content-Length: 6") + b"hello!", 400),
    "a length twice": (head(HOST, "Content-Length: 5", "Content-Length: 5") + b"hello", 400),
    "a list of lengths": (head(HOST, "Content-Length: 5, 5") + b"hello", 400),
    "a length with a sign": (head(HOST, "Content-Length: +5") + b"hello", 400),
    "a length below zero": (head(HOST, "Content-Length: -5") + b"hello", 400),
    "a length in hexadecimal": (head(HOST, "Content-Length: 0x5") + b"hello", 400),
    "an unknown coding": (head(HOST, "Transfer-Encoding: xchunked") + EMPTY, 501),
    "identity": (head(HOST, "Transfer-Encoding: identity") + EMPTY, 501),
    "two codings": (head(HOST, "Transfer-Encoding: gzip, chunked") + EMPTY, 501),
    "chunked twice": (head(HOST, CHUNKED, CHUNKED) + EMPTY, 501),
    "a vertical tab before chunked": (head(HOST, "Transfer-Encoding: \x0bchunked") + EMPTY, 400),
    "a space before the colon": (head(HOST, "Transfer-Encoding : chunked") + EMPTY, 400),
    "a space in a name": (head(HOST, "X A: c", method="GET"), 400),
    "no name": (head(HOST, ": c", method="GET"), 400),
    "no colon": (head(HOST, "X-A", method="GET"), 400),
    "a null in a value": (head(HOST, "X-A: b\x00c", method="GET"), 400),
    "a control character in a value": (head(HOST, "X-A: b\x01c", method="GET"), 400),
    "a chunk size that is none": (head(HOST, CHUNKED) + b"zz\r\nhello\r\n" + EMPTY, 400),
    "a chunk size with 0x": (head(HOST, CHUNKED) + b"0x5\r\nhello\r\n" + EMPTY, 400),
    "a chunk size that overflows": (head(HOST, CHUNKED) + b"f" * 17 + b"\r\nhello\r\n" + EMPTY, 400),
    "chunks divided by line feeds": (head(HOST, CHUNKED) + b"5\nhello\n0\n\n", 400),
    "a chunk that is longer than it says": (head(HOST, CHUNKED) + b"5\r\nhelloXX" + EMPTY, 400),
    "no host": (head(method="GET"), 400),
    "two hosts": (head(HOST, "Host: evil.test", method="GET", target="/open"), 400),
    "a host twice": (head(HOST, HOST, method="GET", target="/open"), 400),
    "two hosts in one": (head("Host: a.test,b.wild.test", method="GET"), 400),
    "a space in the host": (head("Host: a b", method="GET"), 400),
    "a slash in the host": (head("Host: site.test/x", method="GET"), 400),
    "a user in the host": (head("Host: u@x.wild.test", method="GET", target="/open"), 400),
    "a password in the host": (head("Host: u:p@x.test", method="GET", target="/open"), 400),
    "no slash": (head(HOST, method="GET", target="foo"), 400),
    "an asterisk": (head(HOST, method="GET", target="*"), 400),
    "another scheme": (head(HOST, method="GET", target="ftp://site.test/"), 400),
    "https over a plain connection": (head(HOST, method="GET", target="https://site.test/"), 403),
    "a fragment": (head(HOST, method="GET", target="/a#b"), 400),
    "a null in the path": (head(HOST, method="GET", target="/a\x00b"), 400),
    "an escaped null": (head(HOST, method="GET", target="/a%00b"), 400),
    "half an escape": (head(HOST, method="GET", target="/a%2"), 400),
    "a percent sign": (head(HOST, method="GET", target="/a%"), 400),
    "no escape": (head(HOST, method="GET", target="/a%zzb"), 400),
    "a space in the path": (head(HOST, method="GET", target="/a b"), 400),
    "a tab in the path": (head(HOST, method="GET", target="/a\tb"), 400),
    "a letter that is not ASCII": (head(HOST, method="GET", target="/\xc3\xa9"), 400),
    "a percent sign, for a WebSocket": (
        head(HOST, "Connection: Upgrade", "Upgrade: websocket", method="GET", target="/a%"),
        400,
    ),
    "no escape, from a gRPC client": (head(HOST, "Content-Type: application/grpc", target="/a%zz"), 400),
    "TRACE": (head(HOST, method="TRACE"), 501),
    "TRACE of a host that nobody serves": (head("Host: other.test", method="TRACE"), 501),
    "CONNECT": (head(HOST, method="CONNECT", target="site.test:443"), 501),
    "a method with a parenthesis": (head(HOST, method="G(T"), 400),
    "http in small letters": (head(HOST, method="GET", version="http/1.1"), 400),
    "an upgrade that nobody knows": (head(HOST, "Connection: Upgrade", "Upgrade: foo", method="GET"), 403),
    "a header that is the proxy's own, as of the connection alone": (
        head(HOST, "Connection: close, X-Forwarded-For", method="GET"),
        400,
    ),
    "the host as of the connection alone": (head(HOST, "Connection: Host", method="GET"), 400),
    "very many names in Connection": (
        head(HOST, "Connection: " + ",".join(f"x{n}" for n in range(30)), method="GET"),
        400,
    ),
    "TLS for a plain answer": (b"\x16\x03\x01garbage\r\n\r\n", 400),
}


FRAMING = [name for name in REFUSED if any(word in name for word in ("length", "chunk", "coding", "identity"))]
"""Where the end of the request is in doubt."""


async def test_refused(stage: Stage) -> None:
    said = await asyncio.gather(*(stage.say(data + request("/open")) for data, _ in REFUSED.values()))
    statuses = {name: one.statuses[0] for name, one in zip(REFUSED, said, strict=True)}
    assert statuses == {name: status for name, (_, status) in REFUSED.items()}
    # What follows there is never read as a request.
    ends = {name: (one.statuses, one.closed) for name, one in zip(REFUSED, said, strict=True) if name in FRAMING}
    assert ends == {name: ((REFUSED[name][1],), True) for name in FRAMING}


PASSES: dict[str, tuple[bytes, int]] = {
    "extensions of chunks are dropped": (head(HOST, CHUNKED) + b"5;a=b\r\nhello\r\n" + EMPTY, 5),
    "a tab before chunked": (head(HOST, "Transfer-Encoding:\tchunked") + b"5\r\nhello\r\n" + EMPTY, 5),
    "a folded line is joined": (head(HOST, "Transfer-Encoding:\r\n chunked") + b"5\r\nhello\r\n" + EMPTY, 5),
    "chunks of HTTP/1.0": (head(HOST, CHUNKED, version="HTTP/1.0") + b"5\r\nhello\r\n" + EMPTY, 5),
    "empty lines before": (b"\r\n\r\n" + head(HOST, "Content-Length: 5") + b"hello", 5),
    "lines that end with a line feed": (f"POST / HTTP/1.1\n{HOST}\nContent-Length: 5\n\nhello".encode(), 5),
}


async def test_passes_in_the_proxys_own_words(stage: Stage) -> None:
    """What is understood is written anew, so that a backend cannot understand it otherwise."""
    said = await asyncio.gather(*(say(stage.port, data, until=b"}") for data, _ in PASSES.values()))
    lengths = {name: backend_saw(one)["length"] for name, one in zip(PASSES, said, strict=True)}
    assert lengths == {name: length for name, (_, length) in PASSES.items()}


async def test_a_bare_carriage_return_divides_no_headers(stage: Stage) -> None:
    said = await stage.say(request("/", "X-A: b\rX-B: c"))
    assert not any(key == "X-B" for key, _ in backend_saw(said)["headers"])


PATHS: dict[str, str | int] = {
    "/a/../b": "/b",
    "/../../etc/passwd": "/etc/passwd",
    "/a/./b//c": "/a/b/c",
    "/a/%2e%2e/b": "/b",
    "/a/%2E%2e%2fb": "/a/..%2fb",
    "/a/..%2fb": "/a/..%2fb",
    "/a%2fb": "/a%2fb",
    "/%61%7e": "/a~",
    "/a\\..\\b": "/b",
    "/a/..;/b": "/b",
    "/a;x=1/b": "/a;x=1/b",
    "//evil.test/x": "/evil.test/x",
    "/a%5cb": "/a%5cb",
    "http://site.test/abs": "/abs",
    "/?q=../..#": 400,
    "/?q=%zz": "/?q=%zz",
}


async def test_paths(stage: Stage) -> None:
    found = await asyncio.gather(*map(stage.path, PATHS))
    assert dict(zip(PATHS, found, strict=True)) == PATHS


async def test_an_upgrade_to_http2_is_not_made(stage: Stage) -> None:
    said = await stage.say(
        request("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA")
    )
    assert said.statuses == (200,)
    assert not {key.lower() for key, _ in backend_saw(said)["headers"]} & {"upgrade", "http2-settings"}


async def test_hop_by_hop_headers_stay_here(stage: Stage) -> None:
    said = await stage.say(
        request("/", "Connection: X-Own", "X-Own: 1", "Keep-Alive: 5", "Proxy-Connection: x", "X-Kept: 1")
    )
    names = {key.lower() for key, _ in backend_saw(said)["headers"]}
    assert "x-kept" in names
    assert not names & {"x-own", "keep-alive", "proxy-connection", "connection"}


async def test_pipelined_requests_are_answered_in_order(stage: Stage) -> None:
    one = request("/1").replace(b"Connection: close\r\n", b"")
    said = await stage.say(one + request("/2"))
    assert said.statuses == (200, 200)
    assert [match.decode() for match in re.findall(rb'"path": "(/\d)"', said.data)] == ["/1", "/2"]


async def test_http_1_0(stage: Stage) -> None:
    said = await stage.say(head(HOST, method="GET", version="HTTP/1.0"))
    assert (said.statuses, said.closed) == ((200,), True)
    kept = await say(
        stage.port, head(HOST, "Connection: keep-alive", method="GET", version="HTTP/1.0"), until=b"}"
    )
    assert (kept.statuses, b"keep-alive" in kept.data.lower()) == ((200,), True)
    assert (await stage.say(head(method="GET", version="HTTP/1.0"))).statuses == (404,)


async def test_a_client_that_waits_is_told_to_go_on(stage: Stage) -> None:
    data = head(HOST, "Expect: 100-continue", "Content-Length: 5")
    said = await say(stage.port, data, until=b"\r\n\r\n")
    assert said.statuses == (100,)


async def test_headers_that_are_too_large(stage: Stage) -> None:
    said = await stage.say(request("/", "X-Long: " + "y" * (1 << 20)))
    assert said.statuses == (431,)
    said = await stage.say(request("/" + "y" * (1 << 20)))
    assert said.statuses in ((431,), (414,), (400,))


async def test_headers_that_are_too_many(stage: Stage) -> None:
    said = await stage.say(request("/", *(f"x{n}: y" for n in range(10_100))))
    assert said.statuses == (431,)
