"""The string formats that the Kubernetes API enforces on custom resources; unknown ones mean nothing there.

Which exist and what they take are upstream's facts; they are older and laxer than JSON Schema's own.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

_HOSTNAME: Final = re.compile(
    r"(?:[a-zA-Z]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]|[a-zA-Z0-9])"
    r"(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]))*\.?"
)
_EMAIL: Final = re.compile(r"(?:[^<>@\s\"]+|\"[^\"]*\"|[^<>@\"]*<[^<>@\s\"]+)@[^<>@\s]+>?")
_MAC: Final = re.compile(
    r"(?:[0-9a-fA-F]{2}([:-]))(?:[0-9a-fA-F]{2}\1){4,18}[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2,9}[0-9a-fA-F]{4}"
)
_DATE_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?|[Tt]\d\d:\d\d)?",
    re.ASCII,
)
_GO_DURATION: Final = re.compile(r"[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_WORDED_DURATION: Final = re.compile(
    r"\s*\d+\s*(?:ns|nanos?|nanoseconds?|us|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|"
    r"m|mins?|minutes?|h|hours?|d|days?|w|weeks?)\s*"
)
_HEX: Final = "[0-9a-fA-F]"
_UUID: Final = f"{_HEX}{{8}}-?{_HEX}{{4}}-?%s-?%s-?{_HEX}{{12}}"
_ANY_GROUP: Final = f"{_HEX}{{4}}"


def is_date(text: str) -> bool:
    """RFC 3339 full-date."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    found = _DATE_TIME.fullmatch(text)
    if found is None or not is_date(found[1]):
        return False
    hour, minute, second = (int(part) for part in (found[2] or "00:00:00").split(":"))
    return hour < 24 and minute < 60 and second < 61


def _is_uri(text: str) -> bool:
    """As Go's ParseRequestURI: absolute, or an absolute path."""
    if any(char <= " " or char == "\x7f" for char in text):
        return False
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for what is no number
    except ValueError:
        return False
    return bool(parts.scheme) or text.startswith("/")


def _is_address(version: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return address.version == version and "%" not in text

    return check


def _is_cidr(text: str) -> bool:
    address, slash, bits = text.partition("/")
    if not slash or not bits.isdecimal() or "%" in address:
        return False
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_duration(text: str) -> bool:
    """Go's durations (`1h30m`), and one number with a unit up to weeks (`3 days`)."""
    return bool(_GO_DURATION.fullmatch(text) or _WORDED_DURATION.fullmatch(text))


def _is_isbn(text: str) -> bool:
    digits = text.replace("-", "").replace(" ", "").upper()
    if re.fullmatch(r"\d{9}[\dX]", digits, re.ASCII):
        return sum((10 - i) * (10 if d == "X" else int(d)) for i, d in enumerate(digits)) % 11 == 0
    return bool(re.fullmatch(r"\d{13}", digits, re.ASCII)) and (
        sum((3 if i % 2 else 1) * int(d) for i, d in enumerate(digits)) % 10 == 0
    )


def _is_credit_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    if not 12 <= len(digits) <= 19:
        return False
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _matches(pattern: str) -> Callable[[str], bool]:
    regex = re.compile(pattern, re.ASCII)
    return lambda text: regex.fullmatch(text) is not None


_NUMBER_255: Final = r"(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])"

FORMATS: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "bsonobjectid": _matches(f"{_HEX}{{24}}"),
        "byte": _is_base64,
        "cidr": _is_cidr,
        "creditcard": _is_credit_card,
        "date": is_date,
        "date-time": _is_date_time,
        "datetime": _is_date_time,
        "duration": is_duration,
        "email": lambda text: _EMAIL.fullmatch(text) is not None,
        "hexcolor": _matches(f"#?(?:{_HEX}{{3}}|{_HEX}{{6}})"),
        "hostname": lambda text: len(text) <= 255 and _HOSTNAME.fullmatch(text) is not None,
        "ipv4": _is_address(4),
        "ipv6": _is_address(6),
        "isbn": _is_isbn,
        "isbn10": lambda text: len(re.sub(r"[- ]", "", text)) == 10 and _is_isbn(text),
        "isbn13": lambda text: len(re.sub(r"[- ]", "", text)) == 13 and _is_isbn(text),
        "k8s-long-name": lambda text: (
            len(text) <= 253
            and re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", text) is not None
        ),
        "k8s-short-name": _matches(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"),
        "mac": lambda text: _MAC.fullmatch(text) is not None,
        "rgbcolor": _matches(rf"rgb\(\s*{_NUMBER_255}\s*,\s*{_NUMBER_255}\s*,\s*{_NUMBER_255}\s*\)"),
        "ssn": _matches(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
        "uri": _is_uri,
        "uuid": _matches(_UUID % (_ANY_GROUP, _ANY_GROUP)),
        "uuid3": _matches(_UUID % (f"3{_HEX}{{3}}", _ANY_GROUP)),
        "uuid4": _matches(_UUID % (f"4{_HEX}{{3}}", f"[89abAB]{_HEX}{{3}}")),
        "uuid5": _matches(_UUID % (f"5{_HEX}{{3}}", f"[89abAB]{_HEX}{{3}}")),
    }
)
"""By name, whether a string has the format. None of them raises or is slow on any string."""
