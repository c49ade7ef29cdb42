"""Entrypoint settings to model values."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from hearthgate.ingress.middlewares.address_sets import expanded
from hearthgate.ingress.routing.model import EntryPoint, UDPEntryPoint
from hearthgate.ingress.routing.observed import entrypoint_observed
from hearthgate.ingress.settings import EntryPoint as EntryPointSettings
from hearthgate.ingress.settings import IngressSettings, ProxyProtocol
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Problem, Reason, shorten
from hearthgate.model.refs import ObjectRef

SETTINGS_REF = ObjectRef("Settings", "", "hearthgate.yaml")
_SEMICOLONS: Final = {None: "", True: "%3B", False: "&"}
INTERNAL_ENTRYPOINT = "traefik"
"""Upstream's entrypoint of its own pages: never among the defaults."""


def build_entrypoints(settings: IngressSettings) -> tuple[tuple[EntryPoint, ...], tuple[Problem, ...]]:
    """The entrypoints that can be served, by name; a broken one is left out with a Problem."""
    found, problems = [], []
    for name, entrypoint in sorted(settings.entry_points.items()):
        if is_datagram(entrypoint.address):
            continue
        try:
            found.append(_entrypoint(name, entrypoint))
        except FieldError as error:
            problems.append(_refused(name, error))
    return tuple(found), tuple(problems)


def build_udp_entrypoints(settings: IngressSettings) -> tuple[tuple[UDPEntryPoint, ...], tuple[Problem, ...]]:
    """The same for those of datagrams (`address: :53/udp`)."""
    found, problems = [], []
    for name, entrypoint in sorted(settings.entry_points.items()):
        if not is_datagram(entrypoint.address):
            continue
        try:
            host, port = parse_address(entrypoint.address)
            timeout = _seconds(entrypoint.udp.timeout, "udp.timeout")
            if timeout <= 0:
                raise FieldError("udp.timeout", "a session must last longer than 0")
            found.append(UDPEntryPoint(name=name, host=host, port=port, timeout=timeout))
        except FieldError as error:
            problems.append(_refused(name, error))
    return tuple(found), tuple(problems)


def is_datagram(address: str) -> bool:
    return address.endswith("/udp")


def stream_entrypoints(settings: IngressSettings) -> tuple[str, ...]:
    """Names of the entrypoints that take TCP connections, sorted."""
    return tuple(sorted(n for n, one in settings.entry_points.items() if not is_datagram(one.address)))


def datagram_entrypoints(settings: IngressSettings) -> tuple[str, ...]:
    """Names of the entrypoints that take UDP datagrams, sorted."""
    return tuple(sorted(n for n, one in settings.entry_points.items() if is_datagram(one.address)))


def _refused(name: str, error: "FieldError") -> Problem:
    return Problem(
        ref=SETTINGS_REF,
        field=f"entryPoints.{name}.{error.field}",
        reason=Reason.INVALID_VALUE,
        message=str(error),
    )


def default_entrypoints(settings: IngressSettings) -> tuple[str, ...]:
    """Those of a route that names none: the ones marked, else all but the internal one."""
    streams = stream_entrypoints(settings)
    marked = tuple(name for name in streams if settings.entry_points[name].as_default)
    return marked or tuple(name for name in streams if name != INTERNAL_ENTRYPOINT)


class FieldError(ValueError):
    """A setting that cannot be used. `field`: its path below the entrypoint."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _entrypoint(name: str, settings: EntryPointSettings) -> EntryPoint:
    host, port = parse_address(settings.address)
    transport = settings.transport
    timeouts = transport.responding_timeouts
    headers = settings.forwarded_headers
    http3 = settings.http3
    believed, believed_ips = _believed(settings.proxy_protocol)
    return EntryPoint(
        name=name,
        host=host,
        port=port,
        http3=http3 is not None,
        advertised_port=_port_number(http3.advertised_port if http3 else 0, "http3.advertisedPort") or port,
        trust_everybody=headers.insecure,
        trusted_ips=tuple(_networks(headers.trusted_ips, "forwardedHeaders.trustedIPs")),
        max_header_bytes=settings.http.max_header_bytes,
        max_concurrent_streams=_number(settings.http2.max_concurrent_streams, "http2.maxConcurrentStreams", 1),
        read_timeout=_seconds(timeouts.read_timeout, "transport.respondingTimeouts.readTimeout"),
        write_timeout=_seconds(timeouts.write_timeout, "transport.respondingTimeouts.writeTimeout"),
        idle_timeout=_seconds(timeouts.idle_timeout, "transport.respondingTimeouts.idleTimeout"),
        max_connection_time=_seconds(transport.keep_alive_max_time, "transport.keepAliveMaxTime"),
        max_connection_requests=_number(transport.keep_alive_max_requests, "transport.keepAliveMaxRequests"),
        proxy_protocol=believed,
        proxy_trusted_ips=believed_ips,
        header_table_size=_number(settings.http2.max_decoder_header_table_size, "http2.maxDecoderHeaderTableSize"),
        underscore_headers=settings.http.underscore_headers_strategy,
        sanitize_path=settings.http.sanitize_path,
        semicolons=_SEMICOLONS[settings.http.encode_query_semicolons],
        append_forwarded_for=not headers.not_append_x_forwarded_for,
        scheme_headers=headers.add_x_forwarded_scheme_headers,
        observed=entrypoint_observed(settings),
        traced=settings.observability.tracing,
    )


def _believed(settings: ProxyProtocol | None) -> tuple[bool, tuple[str, ...]]:
    """Whether PROXY headers are read, and of whom they are believed. As upstream, a section that trusts nobody
    reads none."""
    if settings is None or not (settings.insecure or settings.trusted_ips):
        return False, ()
    ranges = tuple(_networks(settings.trusted_ips, "proxyProtocol.trustedIPs"))
    return True, () if settings.insecure else ranges


def _port_number(value: int, field: str) -> int:
    if not 0 <= value < 65536:
        raise FieldError(field, f"{value} is not a port")
    return value


def _number(value: int, field: str, least: int = 0) -> int:
    if not least <= value < 1 << 31:
        raise FieldError(field, f"{value} is not between {least} and {(1 << 31) - 1}")
    return value


def parse_address(address: str) -> tuple[str, int]:
    """(host, port) of `[host]:port`; `::` stands for every address. Raises FieldError."""
    text, slash, protocol = address.partition("/")
    if slash and protocol not in ("tcp", "udp"):
        raise FieldError("address", f"{shorten(address)}: the protocol is tcp or udp")
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise FieldError(
            "address", f"{shorten(address)} is not host:port (':443', '192.168.1.245:443', '[::1]:443')"
        )
    if not host:
        return "::", int(port)
    try:
        return str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)), int(port)
    except ValueError:
        raise FieldError("address", f"{shorten(host)} is not an IP address of this machine") from None


def _networks(values: tuple[str, ...], field: str) -> Iterator[str]:
    for index, value in expanded(values):
        try:
            yield str(ipaddress.ip_network(value, strict=False))
        except ValueError:
            raise FieldError(f"{field}[{index}]", f"{shorten(value)} is not an IP address or CIDR") from None


def _seconds(value: int | str, field: str) -> float:
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise FieldError(field, str(error)) from None
    if seconds < 0:
        raise FieldError(field, f"{shorten(str(value))} is less than nothing: 0 means no limit")
    return seconds
