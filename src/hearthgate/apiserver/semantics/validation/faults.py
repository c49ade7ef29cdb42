"""Causes worded as upstream words them (apimachinery `field.Error`), and the checks that many kinds share."""

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from hearthgate.apiserver.errors import Cause

Object = Mapping[str, Any]

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")

_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_PORT_NAME: Final = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?")
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_IPV4: Final = re.compile(
    r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)", re.ASCII
)
_PORTS: Final = 65_535


def required(field: str, why: str = "") -> Cause:
    return Cause(field, f"Required value: {why}" if why else "Required value", "FieldValueRequired")


def invalid(field: str, value: Any, why: str) -> Cause:
    return Cause(field, f"Invalid value: {quoted(value)}: {why}", "FieldValueInvalid")


def forbidden(field: str, why: str) -> Cause:
    return Cause(field, f"Forbidden: {why}", "FieldValueForbidden")


def duplicate(field: str, value: Any) -> Cause:
    return Cause(field, f"Duplicate value: {quoted(value)}", "FieldValueDuplicate")


def too_many(field: str, count: int, limit: int) -> Cause:
    return Cause(field, f"Too many: {count}: must have at most {limit} items", "FieldValueTooMany")


def too_long(field: str, limit: int) -> Cause:
    return Cause(field, f"Too long: may not be more than {limit} bytes", "FieldValueTooLong")


def one_of(field: str, value: Any, known: Collection[str]) -> Iterator[Cause]:
    if value not in known:
        said = f"Unsupported value: {quoted(value)}: supported values: {', '.join(map(quoted, sorted(known)))}"
        yield Cause(field, said, "FieldValueNotSupported")


def quoted(value: Any) -> str:
    """A value as it may stand in a message: short."""
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def protocol(field: str, value: Any) -> Iterator[Cause]:
    if not value:
        yield required(field)
    else:
        yield from one_of(field, value, PROTOCOLS)


def port_number(field: str, value: int) -> Iterator[Cause]:
    if not 1 <= value <= _PORTS:
        yield invalid(field, value, "must be between 1 and 65535, inclusive")


def port(field: str, value: int | str) -> Iterator[Cause]:
    """A port by number or by name."""
    if isinstance(value, int):
        yield from port_number(field, value)
    elif not _PORT_NAME.fullmatch(value):
        yield invalid(
            field, value, "must be an IANA service name: 1 to 15 of a-z, 0-9 and '-', at least one letter"
        )


def label(field: str, value: str) -> Iterator[Cause]:
    if not _LABEL.fullmatch(value):
        why = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', at most 63"
        yield invalid(field, value, why)


def subdomain(field: str, value: str) -> Iterator[Cause]:
    if len(value) > 253 or not _SUBDOMAIN.fullmatch(value):
        why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
        yield invalid(field, value, why)


def host(field: str, value: str) -> Iterator[Cause]:
    """A host name whose first label may be a wildcard."""
    yield from subdomain(field, value.removeprefix("*."))


def qualified(field: str, value: str) -> Iterator[Cause]:
    prefix, slash, name = value.rpartition("/")
    if not _QUALIFIED.fullmatch(name) or (slash and not _SUBDOMAIN.fullmatch(prefix)):
        yield invalid(
            field, value, "a qualified name is [prefix/]name of alphanumeric characters, '-', '_' or '.'"
        )


def is_address(value: str) -> bool:
    if _IPV4.fullmatch(value):
        return True
    try:
        return "%" not in value and ipaddress.ip_address(value).version == 6
    except ValueError:
        return False


def address(field: str, value: str) -> Iterator[Cause]:
    if not is_address(value):
        yield invalid(field, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")


def network(field: str, value: str) -> Iterator[Cause]:
    if read_network(value) is None:
        yield invalid(field, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")


def read_network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Bits behind the prefix are ignored, as upstream does. None when it is no network."""
    try:
        return ipaddress.ip_network(value, strict=False) if "/" in value else None
    except ValueError:
        return None


def labels(field: str, found: Mapping[str, str]) -> Iterator[Cause]:
    for key, value in found.items():
        yield from qualified(field, key)
        if not _LABEL_VALUE.fullmatch(value):
            yield invalid(field, value, "a label value has at most 63 alphanumeric characters, '-', '_' or '.'")


def selector(field: str, found: Object) -> Iterator[Cause]:
    """A LabelSelector."""
    yield from labels(f"{field}.matchLabels", found.get("matchLabels") or {})
    for index, one in enumerate(found.get("matchExpressions") or ()):
        below = f"{field}.matchExpressions[{index}]"
        yield from qualified(f"{below}.key", one.get("key", ""))
        match one.get("operator"):
            case "In" | "NotIn":
                if not one.get("values"):
                    why = "must be specified when `operator` is 'In' or 'NotIn'"
                    yield required(f"{below}.values", why)
            case "Exists" | "DoesNotExist":
                if one.get("values"):
                    why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                    yield forbidden(f"{below}.values", why)
            case operator:
                yield invalid(f"{below}.operator", operator or "", "not a valid selector operator")


def numbered(field: str, items: Any) -> Iterator[tuple[str, Any]]:
    """Each item of a list with its path."""
    for index, item in enumerate(items or ()):
        yield f"{field}[{index}]", item
