"""Subjects as text: `literalSubject`, in RFC 4514's notation."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from hearthgate.model.problems import did_you_mean, shorten

Subject: TypeAlias = tuple[tuple[tuple[str, str], ...], ...]
"""Sets of (OID, value), in the order of the certificate: the reverse of the text's."""

COMMON_NAME: Final = "2.5.4.3"
KEYS: Final[Mapping[str, str]] = {
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "CN": COMMON_NAME,
    "SERIALNUMBER": "2.5.4.5",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "STREET": "2.5.4.9",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
}
"""Upstream's. Unlike there, lower case is read too, and so is an object identifier in place of a key."""

OID: Final = re.compile(r"(?:[01]\.[1-3]?\d|2\.(?:0|[1-9]\d*))(?:\.(?:0|[1-9]\d*))*", re.ASCII)
_COMMON_NAME_LIMIT: Final = 64
_ESCAPED: Final = frozenset(' "#+,;<=>\\')
_LONE: Final = re.compile(r'(?:[^\\"<>]|\\.)*', re.DOTALL)
_STRINGS: Final = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x12: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be"}
"""Tags of DER's strings: UTF8, Printable, IA5, Numeric, Teletex, BMP."""


class SubjectProblem(ValueError):
    """Which part of a subject cannot be read, and why."""


def read_subject(text: str) -> Subject:
    """Raises SubjectProblem."""
    parts = [
        tuple(dict.fromkeys(_read_pair(pair) for pair in _split(written, "+"))) for written in _split(text, ",;")
    ]
    return tuple(reversed(parts))


def common_name(subject: Subject) -> str:
    """The last one; empty without any."""
    found = [value for part in subject for oid, value in part if oid == COMMON_NAME]
    return found[-1] if found else ""


def _split(text: str, marks: str) -> Iterator[str]:
    """At marks that are neither escaped nor in quotes."""
    start, quoted, index = 0, False, 0
    while index < len(text):
        mark = text[index]
        if mark == "\\":
            index += 1
        elif mark == '"':
            quoted = not quoted
        elif mark in marks and not quoted:
            yield text[start:index]
            start = index + 1
        index += 1
    yield text[start:]


def _read_pair(pair: str) -> tuple[str, str]:
    """One `KEY=value`."""
    key, equals, written = pair.partition("=")
    key, written = key.strip(), _stripped(written)
    shown = shorten(pair.strip())
    if not equals:
        raise SubjectProblem(f"{shown} is not written KEY=value")
    number = key.upper().removeprefix("OID.")
    oid = KEYS.get(key.upper(), number)
    if not OID.fullmatch(oid):
        hint = did_you_mean(key.upper(), KEYS) or f" (known: {', '.join(KEYS)})"
        raise SubjectProblem(f"{shown} has an unknown key{hint}")
    value = _hexadecimal(written[1:]) if written.startswith("#") else _unescaped(written)
    if value is None:
        way_out = 'escape , + ; " \\ < > with a \\, or write # and the DER of a string in hexadecimal'
        raise SubjectProblem(f"{shown} has a value that cannot be read ({way_out})")
    if not value:
        raise SubjectProblem(f"{shown} has no value")
    if oid == COMMON_NAME and len(value.encode()) > _COMMON_NAME_LIMIT:
        raise SubjectProblem(f"{shown} is longer than the 64 bytes of a common name")
    return oid, value


def _stripped(value: str) -> str:
    """Without spaces around it; an escaped one at its end stays."""
    value = value.lstrip(" ")
    bare = value.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if backslashes % 2 and len(bare) < len(value) else bare


def _unescaped(value: str) -> str | None:
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    elif not _LONE.fullmatch(value):
        return None
    found = bytearray()
    index = 0
    while index < len(value):
        following = value[index + 1 : index + 2]
        if value[index] != "\\":
            found += value[index].encode()
            index += 1
        elif following and following in _ESCAPED:
            found += following.encode()
            index += 2
        elif re.fullmatch("[0-9A-Fa-f]{2}", value[index + 1 : index + 3]):
            found.append(int(value[index + 1 : index + 3], 16))
            index += 3
        else:
            return None
    try:
        return found.decode()
    except UnicodeDecodeError:
        return None


def _hexadecimal(digits: str) -> str | None:
    """The text in a short DER string."""
    try:
        der = bytes.fromhex(digits)
        if len(der) < 2 or der[1] > 0x7F or der[1] != len(der) - 2:
            return None
        return der[2:].decode(_STRINGS[der[0]])
    except (ValueError, KeyError):
        return None
