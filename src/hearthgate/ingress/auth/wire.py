"""The little HTTP/1.1 (RFC 9112) that the proxy and the auth service speak: requests without a body. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from hearthgate.model.errors import WireError

END_OF_HEAD: Final = b"\r\n\r\n"
MAX_HEAD: Final = 1 << 20


class Request(NamedTuple):
    """Header names are lower case; repeated headers are joined with a comma."""

    method: str
    path: str
    headers: Mapping[str, str]


class Answer(NamedTuple):
    """`headers` beside Content-Length."""

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def parse_head(head: bytes) -> Request:
    """The request of a head without its empty line. Raises WireError."""
    try:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, version = first.split(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(version)
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name:
                raise ValueError("a line without a name")
            key, value = name.lower(), value.strip(" \t")
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    except ValueError:
        raise WireError("not an HTTP/1.1 request") from None
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise WireError("a question has no body")
    return Request(method, path, headers)


def render(answer: Answer, method: str) -> bytes:
    """The bytes of an answer; the answer to HEAD has no body."""
    body = answer.body.encode()
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if body and not any(name == "content-type" for name, _ in answer.headers):
        lines.append("content-type: text/plain; charset=utf-8")
    lines += [f"content-length: {len(body)}", "", ""]
    # Names of users are UTF-8 in the header, as upstream sends them.
    return "\r\n".join(lines).encode() + (b"" if method == "HEAD" else body)
