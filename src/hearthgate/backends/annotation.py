"""The annotation `hearthgate.dev/endpoints` of a Service: where its servers are. Pure.

`192.168.1.20:8096,[fd00::1]:8096,nas.lan:8096`. Without a port, that of the Service is meant, and an entry
counts for each of its ports; `http=nas.lan:8080` counts for the port called `http` (or `80=` by number).
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from hearthgate.backends.slices import Row, SliceEndpoint, SlicePort
from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.resources.core import Service, ServicePort

ANNOTATION: Final = "hearthgate.dev/endpoints"
FIELD: Final = f"metadata.annotations.{ANNOTATION}"

_ENTRY: Final = re.compile(
    r"(?:(?P<name>[^=\[\]:]+)=)?"
    r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<bare6>[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)|(?P<host>[^:\[\]]*))(?::(?P<port>[^:]*))?"
)
_LONGEST_ENTRY: Final = 400
_LABEL: Final = re.compile(r"[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?", re.IGNORECASE)


class Parsed(NamedTuple):
    """rows: addresses with the ports under which they serve."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


class _Bad(Exception):
    def __init__(self, message: str, reason: Reason = Reason.INVALID_VALUE) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


def parse(service: Service) -> Parsed:
    """The endpoints that the annotation of a Service names; a bad entry costs itself. Empty without annotation."""
    text = service.metadata.annotations.get(ANNOTATION)
    if text is None:
        return Parsed((), ())
    if useless := _useless(service):
        return Parsed((), (_problem(service, f"has no effect: {useless}", severity=Severity.WARNING),))
    if not service.spec.ports:
        return Parsed((), (_problem(service, "the Service has no ports: add spec.ports"),))
    found: list[tuple[str, SlicePort]] = []
    problems = []
    for entry in text.split(","):
        try:
            found += list(_read(entry.strip(), service))
        except _Bad as bad:
            problems.append(_problem(service, bad.message, reason=bad.reason))
    return Parsed(tuple(_rows(found)), tuple(problems))


def _useless(service: Service) -> str:
    if service.spec.type == "ExternalName":
        return "a Service of type ExternalName has no endpoints"
    if service.spec.selector:
        return "the Service has a selector, its pods are the endpoints (remove one of the two)"
    return ""


def _read(entry: str, service: Service) -> Iterator[tuple[str, SlicePort]]:
    if not entry:
        raise _Bad("an entry is empty: write host:port, separated by commas")
    if "://" in entry:
        raise _Bad(
            f"{shorten(entry)} is a URL: write host:port here, and the scheme into the IngressRoute's service"
        )
    found = _ENTRY.fullmatch(entry) if len(entry) <= _LONGEST_ENTRY else None
    if found is None:
        raise _Bad(f"cannot read {shorten(entry)}: write host:port, [IPv6]:port or port-name=host:port")
    address = _address(found, entry)
    ports = _service_ports(found["name"], service)
    given = found["port"]
    if given is not None and found["name"] is None and len(ports) > 1:
        example = f"{ports[0].name or ports[0].port}={entry}"
        raise _Bad(f"{shorten(entry)}: the Service has {len(ports)} ports, say which one ({example})")
    for port in ports:
        number = _number(given, entry) if given is not None else _target(port, entry)
        yield address, SlicePort(port.name, number, port.protocol, port.app_protocol or "")


def _service_ports(name: str | None, service: Service) -> tuple[ServicePort, ...]:
    if name is None:
        return service.spec.ports
    port = service.port(name.strip())
    if port is None:
        known = [port.name or str(port.port) for port in service.spec.ports]
        hint = did_you_mean(name, known) or f" (it has {', '.join(known)})"
        raise _Bad(f"the Service has no port {shorten(name)}{hint}", Reason.SERVICE_PORT_NOT_FOUND)
    return (port,)


def _address(found: re.Match[str], entry: str) -> str:
    if (text := found["v6"] or found["bare6"]) is not None:
        try:
            address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.IPv6Address(text)
        except ValueError:
            raise _Bad(f"{shorten(entry)}: not an IPv6 address (write [fd00::1]:8080)") from None
        if "%" in text:
            raise _Bad(f"{shorten(entry)}: an address with a zone means something else on every machine")
        return _usable(address, entry)
    host = found["host"] or ""
    try:
        return _usable(ipaddress.IPv4Address(host), entry)
    except ValueError:
        pass
    name = host.rstrip(".").lower()
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise _Bad(f"{shorten(entry)}: neither an IP address nor a host name")
    return name


def _usable(address: ipaddress.IPv4Address | ipaddress.IPv6Address, entry: str) -> str:
    if address.is_unspecified or address.is_multicast:
        raise _Bad(f"{shorten(entry)}: nothing can be reached at this address (127.0.0.1 is this machine)")
    return str(address)


def _number(text: str, entry: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535 and len(text) <= 6:
        return int(text)
    raise _Bad(f"{shorten(entry)}: a port is a number from 1 to 65535")


def _target(port: ServicePort, entry: str) -> int:
    """targetPort, which is the Service's own port when it is not set."""
    if isinstance(port.target_port, str):
        message = (
            f"{shorten(entry)}: targetPort {shorten(port.target_port)} is a pod's port name: write the number"
        )
        raise _Bad(message)
    return port.target_port or port.port


def _rows(found: list[tuple[str, SlicePort]]) -> Iterator[Row]:
    """An address may serve one port of the Service at several ports of its own: each then is a row."""
    rows: dict[str, list[dict[tuple[str, str], SlicePort]]] = {}
    for address, port in dict.fromkeys(found):
        key = (port.name, port.protocol)
        known = rows.setdefault(address, [])
        row = next((row for row in known if key not in row), None)
        if row is None:
            row = {}
            known.append(row)
        row[key] = port
    for address, known in rows.items():
        for row in known:
            yield SliceEndpoint(address), tuple(row.values())


def _problem(
    service: Service, message: str, *, reason: Reason = Reason.INVALID_VALUE, severity: Severity = Severity.ERROR
) -> Problem:
    return Problem(ref=service.ref, field=FIELD, reason=reason, message=message, severity=severity)
