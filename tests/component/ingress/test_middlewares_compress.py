"""compress, asked of a real Envoy."""

import gzip
from collections.abc import Iterator, Mapping

import pytest

from tests.component.ingress.middleware_lab import Lab, Spec, lab

CASES: dict[str, list[Spec]] = {
    "default": [("compress", {})],
    "zstd-first": [("compress", {"encodings": ["zstd", "br", "gzip"]})],
    "gzip-only": [("compress", {"encodings": ["gzip"], "minResponseBodyBytes": 10})],
    "included": [("compress", {"includedContentTypes": ["application/JSON", "text/html"]})],
    "excluded": [("compress", {"excludedContentTypes": ["text/event-stream", "text/Plain", "text/plainer"]})],
    "silent": [("compress", {"defaultEncoding": "gzip"})],
    "silent-only": [("compress", {"encodings": ["br"], "defaultEncoding": "gzip"})],
    "between": [
        ("headers", {"customResponseHeaders": {"X-Outer": "1"}}),
        ("compress", {}),
        ("headers", {"customRequestHeaders": {"X-Accept": "seen"}}),
    ],
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("compress"), CASES) as running:
        yield running


def encoding(proxy: Lab, case: str, accept: str | None, kind: str = "text/html", size: int = 5000) -> str | None:
    headers = {} if accept is None else {"Accept-Encoding": accept}
    reply = proxy.ask(case, headers=headers, answer={"size": size, "headers": {"Content-Type": kind}})
    assert reply.status == 200
    # Whatever the compressors look at, the backend gets what the client sent.
    assert (reply.sent("accept-encoding") or None) == (accept or None)
    return reply.headers.get("content-encoding")


@pytest.mark.parametrize(
    ("case", "accept", "expected"),
    [
        ("default", "gzip, deflate, br, zstd", "gzip"),
        ("default", "zstd, br, gzip", "gzip"),
        ("default", "br, zstd", "br"),
        ("default", "zstd", "zstd"),
        ("default", "zstd;q=1.0, gzip;q=0.5", "zstd"),
        ("default", "gzip;q=0.5, br;q=0.9", "br"),
        ("default", "GZIP", "gzip"),
        ("default", "gzip;q=0, br", "br"),
        ("default", "identity", None),
        ("default", "identity, gzip;q=0.5", None),
        ("default", "deflate", None),
        ("default", "", None),
        ("default", None, None),
        ("zstd-first", "gzip, deflate, br, zstd", "zstd"),
        ("zstd-first", "gzip, br", "br"),
        ("zstd-first", "*", "zstd"),
        ("gzip-only", "br, gzip", "gzip"),
        ("gzip-only", "br", None),
        ("silent", None, "gzip"),
        ("silent", "br", "br"),
        ("silent", "identity", None),
        ("silent-only", None, "gzip"),
        ("silent-only", "gzip", None),
        ("silent-only", "gzip, br", "br"),
    ],
)
def test_choice_of_encoding(proxy: Lab, case: str, accept: str | None, expected: str | None) -> None:
    assert encoding(proxy, case, accept) == expected


@pytest.mark.parametrize(
    ("case", "kind", "expected"),
    [
        ("default", "application/octet-stream", "gzip"),
        ("default", "application/grpc", None),
        ("default", "application/grpc-web", "gzip"),
        ("default", "image/png", "gzip"),
        ("included", "application/json; charset=utf-8", "gzip"),
        ("included", "application/jsonx", None),
        ("included", "text/plain", None),
        ("excluded", "text/event-stream", None),
        ("excluded", "TEXT/plain; charset=utf-8", None),
        ("excluded", "text/plainer", None),
        ("excluded", "text/plaine", "gzip"),
        ("excluded", "text/plainest", "gzip"),
        ("excluded", "text/html", "gzip"),
        ("excluded", "application/grpc", None),
    ],
)
def test_media_types(proxy: Lab, case: str, kind: str, expected: str | None) -> None:
    assert encoding(proxy, case, "gzip", kind) == expected


@pytest.mark.parametrize(
    ("case", "kind", "expected"),
    [
        ("default", "application/grpc", None),
        ("excluded", "text/plain;x=y", None),
        ("excluded", "text/html", "gzip"),
    ],
)
def test_media_types_of_requests(proxy: Lab, case: str, kind: str, expected: str | None) -> None:
    headers = {"Accept-Encoding": "gzip", "Content-Type": kind}
    answer = {"size": 5000, "headers": {"Content-Type": "text/html"}}
    assert proxy.ask(case, headers=headers, answer=answer).headers.get("content-encoding") == expected


@pytest.mark.parametrize(
    ("case", "size", "expected"),
    [("default", 1023, None), ("default", 1024, "gzip"), ("gzip-only", 9, None), ("gzip-only", 10, "gzip")],
)
def test_small_answers_stay_as_they_are(proxy: Lab, case: str, size: int, expected: str | None) -> None:
    assert encoding(proxy, case, "gzip", size=size) == expected


def ask(proxy: Lab, method: str, headers: Mapping[str, str]) -> Mapping[str, str | None]:
    answer = {"size": 5000, "headers": {"Content-Type": "text/html", **headers}}
    reply = proxy.ask("between", method=method, headers={"Accept-Encoding": "gzip"}, answer=answer)
    assert (reply.sent("x-accept"), reply.headers["x-outer"]) == ("seen", "1")
    if reply.headers.get("content-encoding") == "gzip" and method != "HEAD":
        assert gzip.decompress(reply.body) == b"x" * 5000
        assert reply.headers.get("content-length") is None
    return {name: reply.headers.get(name) for name in ("content-encoding", "vary", "etag")}


def test_answers_that_are_compressed_say_so(proxy: Lab) -> None:
    assert ask(proxy, "GET", {"ETag": '"a"'}) == {
        "content-encoding": "gzip",
        "vary": "Accept-Encoding",
        "etag": 'W/"a"',
    }


def test_encoded_answers_and_heads_stay_as_they_are(proxy: Lab) -> None:
    assert ask(proxy, "GET", {"Content-Encoding": "br"})["content-encoding"] == "br"
    assert ask(proxy, "HEAD", {})["content-encoding"] is None
