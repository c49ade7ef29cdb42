"""The path and query that rules see: the wire form after the entrypoint's normalisation, decoded.

RFC 3986 names the characters; what is decoded and what stays follows Traefik's `routing path`.
"""

import re
import urllib.parse
from collections.abc import Callable
from typing import Final

UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
RESERVED: Final = frozenset(":/?#[]@!$&'()*+,;=%")
"""Their escapes stay escapes in the routing path, in upper case."""

_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_SEPARATOR: Final = re.compile("[&;]")


def routing_path(target: str) -> str:
    """The path of a request target as `Path`, `PathPrefix` and `PathRegexp` see it."""
    path = _ESCAPES.sub(_unreserved_only, origin_form(target).partition("?")[0])
    return _ESCAPES.sub(_all_but_reserved, _sanitized(path))


def query_values(target: str) -> tuple[tuple[str, str], ...]:
    """Keys and values of the query, decoded, in order. `;` separates like `&`; a malformed pair is lost."""
    pairs = []
    for pair in _SEPARATOR.split(target.partition("?")[2]):
        key, _, value = pair.partition("=")
        if pair and not (_malformed(key) or _malformed(value)):
            pairs.append((urllib.parse.unquote_plus(key), urllib.parse.unquote_plus(value)))
    return tuple(pairs)


def origin_form(target: str) -> str:
    """The target without scheme and authority, if it had them."""
    scheme, mark, rest = target.partition("://")
    if not mark or "/" in scheme or "?" in scheme:
        return target
    start = re.search(r"[/?]", rest)
    path = rest[start.start() :] if start else ""
    return path if path.startswith("/") else f"/{path}"


def _sanitized(path: str) -> str:
    """Without empty and dot segments. A trailing slash stays."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + "/" * (path.endswith("/") and bool(kept))


def _unreserved_only(run: re.Match[str]) -> str:
    return _decode(run[0], lambda character: character in UNRESERVED)


def _all_but_reserved(run: re.Match[str]) -> str:
    return _decode(run[0], lambda character: character not in RESERVED)


def _decode(run: str, chosen: Callable[[str], bool]) -> str:
    """A run of escapes with the chosen characters decoded and the others in upper case."""
    octets = bytes.fromhex(run.replace("%", ""))
    return b"".join(bytes((octet,)) if chosen(chr(octet)) else b"%%%02X" % octet for octet in octets).decode(
        errors="replace"
    )


def _malformed(text: str) -> bool:
    return "%" in re.sub("%[0-9A-Fa-f]{2}", "", text)
