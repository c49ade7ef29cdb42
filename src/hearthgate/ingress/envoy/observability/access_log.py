"""The access log, written by Envoy itself in upstream's formats (`accessLog`).

Upstream's JSON has a field only where there is something to say. Envoy cannot leave a field out by condition, so
there is one logger for requests that a service was asked for, one for those that were tried again, and one for
those that Hearthgate answered by itself; each request is taken by one of them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.messages import PATH_HEADER, extension, literal
from hearthgate.ingress.envoy.observability.capture import (
    AUTHORITY,
    CLIENT,
    HOST,
    PORT,
    QUOTED,
    TARGET,
    note_request,
)
from hearthgate.ingress.envoy.observability.switches import LOGS, all_of, any_one, cel, wanted
from hearthgate.ingress.envoy.peers import KEPT
from hearthgate.ingress.observability.settings import AccessLog, AccessLogFields, Mode
from hearthgate.ingress.routing.model import EntryPoint
from hearthgate.model.durations import parse_duration

REDACTED: Final = "REDACTED"
ABSENT: Final = "-"
_CODES: Final = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED_HEADERS: Final = {"user-agent": "user-agent", "referer": "referer"}

_ANSWERED, _SERVED, _RETRIED = "answered", "served", "retried"
_ATTEMPTS: Final = {
    _ANSWERED: "upstream.request_attempt_count == 0",
    _SERVED: "upstream.request_attempt_count == 1",
    _RETRIED: "upstream.request_attempt_count > 1",
}
_TEXT: Final = "%CEL('')%"
"""Behind a number it makes a text of it."""
_PROTOCOL: Final = (
    "%CEL(request.protocol == 'HTTP/2' ? 'HTTP/2.0' : "
    "(request.protocol == 'HTTP/3' ? 'HTTP/3.0' : request.protocol))%"
)
_SCHEME: Final = "%CEL(has(upstream.tls_version) ? 'https' : 'http')%"
SERVICE_URL: Final = f"{_SCHEME}://%UPSTREAM_HOST%"
_LOCAL_TIME: Final = "%Y-%m-%dT%H:%M:%E9S%Ez"

_USER: Final = (
    '%COALESCE({"operators":['
    '{"command":"DYNAMIC_METADATA","param":"envoy.filters.http.ext_authz:x-hg-user"},'
    '{"command":"DYNAMIC_METADATA","param":"hearthgate.basic_auth:username"}]})%'
)
"""Who gave the right password; wrong ones name nobody, as many a password is typed where a name belongs."""

FIELDS: Final[Mapping[str, str]] = {
    "ClientAddr": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
    "ClientHost": f"%FILTER_STATE({CLIENT}:PLAIN)%",
    "ClientPort": f"%DOWNSTREAM_DIRECT_REMOTE_PORT%{_TEXT}",
    "ClientUsername": _USER,
    "DownstreamContentSize": "%BYTES_SENT%",
    "DownstreamStatus": "%RESPONSE_CODE%",
    "Duration": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ns)%",
    "RequestAddr": f"%FILTER_STATE({AUTHORITY}:PLAIN)%",
    "RequestContentSize": "%BYTES_RECEIVED%",
    "RequestHost": f"%FILTER_STATE({HOST}:PLAIN)%",
    "RequestMethod": "%REQ(:METHOD)%",
    "RequestPath": f"%FILTER_STATE({TARGET}:PLAIN)%",
    "RequestPort": f"%FILTER_STATE({PORT}:PLAIN)%",
    "RequestProtocol": _PROTOCOL,
    "RequestScheme": "%REQ(:SCHEME)%",
    "RouterName": "%ROUTE_NAME%",
    "StartLocal": f"%START_TIME_LOCAL({_LOCAL_TIME})%",
    "StartUTC": "%START_TIME(%Y-%m-%dT%H:%M:%E9SZ)%",
    "TLSCipher": "%DOWNSTREAM_TLS_CIPHER%",
    "TLSClientSubject": "%DOWNSTREAM_PEER_SUBJECT%",
    "TLSVersion": "%CEL(re.extract(connection.tls_version, 'TLSv(.*)', '\\\\1'))%",
    "TraceId": "%TRACE_ID%",
    "SpanId": "%SPAN_ID%",
}
"""Of every request. Numbers stay numbers; what is not known is left out."""
SERVICE_FIELDS: Final[Mapping[str, str]] = {
    "OriginDuration": "%COMMON_DURATION(US_TX_BEG:US_RX_END:ns)%",
    "OriginStatus": "%RESPONSE_CODE%",
    "Overhead": "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ns)%",
    "ServiceAddr": "%UPSTREAM_HOST%",
    "ServiceName": "%UPSTREAM_CLUSTER%",
    "ServiceURL": SERVICE_URL,
}
"""Of requests that a service was asked for."""


class LogError(ValueError):
    """A setting that cannot be kept. `field`: its path below `accessLog`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class _Kind(NamedTuple):
    """One of the loggers: which requests it takes, and what it says of each field that not all have."""

    condition: str
    more: Mapping[str, Any]


def _kinds() -> Iterator[_Kind]:
    retries = "%CEL(upstream.request_attempt_count - 1u)%"
    yield _Kind(_ATTEMPTS[_ANSWERED], {"RetryAttempts": 0})
    yield _Kind(_ATTEMPTS[_SERVED], {**SERVICE_FIELDS, "RetryAttempts": 0})
    yield _Kind(_ATTEMPTS[_RETRIED], {**SERVICE_FIELDS, "RetryAttempts": retries})


def captures(settings: AccessLog) -> list[dict[str, Any]]:
    """The HTTP filters that must run before all others."""
    with_query = settings.fields.query_parameters.default_mode == "keep"
    quoted = {**_QUOTED_HEADERS, "path": ":path" if with_query else PATH_HEADER}
    return note_request(with_query=with_query, quoted={} if settings.format == "json" else quoted)


def loggers(settings: AccessLog, entrypoint: EntryPoint) -> list[dict[str, Any]]:
    """The AccessLog messages of an entrypoint. Raises LogError."""
    switch, asked = wanted(LOGS, default=entrypoint.observed.access_logs), _filters(settings)
    own = {"entryPointName": literal(entrypoint.name)}
    if entrypoint.proxy_protocol:
        own["ClientAddr"] = f"{KEPT}:%DOWNSTREAM_DIRECT_REMOTE_PORT%"
    found = []
    for kind in _kinds():
        fields = {**FIELDS, **own, **kind.more}
        if settings.format == "json":
            log_format = _json_format(settings.fields, fields)
        else:
            clf = settings.format == "genericCLF"
            log_format = {"text_format_source": {"inline_string": _text(settings.fields, fields, short=clf)}}
        condition = all_of(switch, *asked, cel(kind.condition))
        found.append({"filter": condition, **_sink(settings.file_path, log_format)})
    return found


def _sink(path: str, log_format: dict[str, Any]) -> dict[str, Any]:
    if not path:
        kind = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
        return extension("envoy.access_loggers.stdout", kind, log_format=log_format)
    kind = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
    return extension("envoy.access_loggers.file", kind, path=path, log_format=log_format)


def _filters(settings: AccessLog) -> list[dict[str, Any]]:
    """What `accessLog.filters` asks for: nothing, or one filter. Raises LogError."""
    filters = settings.filters
    found = [_codes(text, index) for index, text in enumerate(filters.status_codes)]
    if filters.retry_attempts:
        found.append(cel(_ATTEMPTS[_RETRIED]))
    try:
        shortest = parse_duration(filters.min_duration)
    except ValueError as error:
        raise LogError("filters.minDuration", str(error)) from None
    if shortest > 0:
        value = {"default_value": max(1, round(shortest * 1000)), "runtime_key": "hearthgate.min_duration"}
        found.append({"duration_filter": {"comparison": {"op": "GE", "value": value}}})
    return [any_one(*found)] if found else []


def _codes(text: str, index: int) -> dict[str, Any]:
    match = _CODES.fullmatch(text.strip())
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise LogError(f"filters.statusCodes[{index}]", f"{text[:40]!r} is no code and no range: 404, 500-599")
    low, high = int(match[1]), int(match[2] or match[1])
    return all_of(_code("GE", low), _code("LE", high))


def _code(op: str, code: int) -> dict[str, Any]:
    value = {"default_value": code, "runtime_key": "hearthgate.status_codes"}
    return {"status_code_filter": {"comparison": {"op": op, "value": value}}}


def _mode(fields: AccessLogFields, name: str) -> Mode:
    modes = {known.lower(): mode for known, mode in fields.names.items()}
    return modes.get(name.lower(), fields.default_mode)


def _json_format(settings: AccessLogFields, fields: Mapping[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name, value in (*fields.items(), *_headers(settings)):
        mode = "keep" if name.startswith(_PREFIXES) else _mode(settings, name)
        if mode == "keep":
            chosen[name] = _with_query(settings, value) if name == "RequestPath" else value
        elif mode == "redact":
            chosen[name] = REDACTED
    # What upstream's logger adds by itself.
    chosen |= {"level": "info", "msg": "", "time": "%EMIT_TIME(%Y-%m-%dT%H:%M:%SZ)%"}
    return {
        "json_format": chosen,
        "json_format_options": {"sort_properties": True},
        "omit_empty_values": True,
    }


_PREFIXES: Final = ("request_", "origin_", "downstream_")


def _headers(settings: AccessLogFields) -> Iterator[tuple[str, str]]:
    """The headers that are named, as upstream calls their fields. Raises LogError."""
    for name, mode in sorted(settings.headers.names.items()):
        if not _HEADER.fullmatch(name):
            raise LogError("fields.headers.names", f"{name[:80]!r} is not the name of a header")
        proper = "-".join(part.capitalize() for part in name.split("-"))
        lower = name.lower().replace("'", "\\'")
        if mode == "drop":
            continue
        for prefix, operator, map_name in (("request", "REQ", "request"), ("downstream", "RESP", "response")):
            # A missing key is an error of the expression, and then there is no field.
            redacted = f"%CEL('{lower}' in {map_name}.headers ? '{REDACTED}' : {map_name}.headers['{lower}'])%"
            yield f"{prefix}_{proper}", redacted if mode == "redact" else f"%{operator}({name})%"


def _with_query(settings: AccessLogFields, path: str) -> str:
    redacting = settings.query_parameters.default_mode == "redact"
    return f"{path}%CEL(request.query == '' ? '' : '?{REDACTED}')%" if redacting else path


def _text(settings: AccessLogFields, fields: Mapping[str, Any], *, short: bool) -> str:
    """The Common Log Format with referer and user agent, and unless `short` what upstream adds to it."""

    def of(name: str, text: str) -> str:
        mode = _mode(settings, name) if name in fields else "keep"
        return {"keep": text, "drop": ABSENT, "redact": REDACTED}[mode]

    modes = {known.lower(): mode for known, mode in settings.headers.names.items()}

    def header(name: str) -> str:
        mode = modes.get(name, settings.headers.default_mode)
        return {"keep": f"%DYNAMIC_METADATA({QUOTED}:{name})%", "drop": ABSENT, "redact": REDACTED}[mode]

    path = _with_query(settings, f"%DYNAMIC_METADATA({QUOTED}:path)%")
    line = (
        f"{of('ClientHost', fields['ClientHost'])} - {of('ClientUsername', fields['ClientUsername'])} "
        f"[{of('StartUTC', '%START_TIME(%d/%b/%Y:%H:%M:%S +0000)%')}] "
        f'"{of("RequestMethod", fields["RequestMethod"])} {of("RequestPath", path)} '
        f'{of("RequestProtocol", fields["RequestProtocol"])}" '
        f"{of('DownstreamStatus', '%RESPONSE_CODE%')} {of('DownstreamContentSize', '%BYTES_SENT%')} "
        f'"{header("referer")}" "{header("user-agent")}"'
    )
    if short:
        return line + "\n"
    url = of("ServiceURL", fields.get("ServiceURL", ABSENT))
    return (
        f'{line} %CONNECTION_ID% "{of("RouterName", "%ROUTE_NAME%")}" "{url}" {of("Duration", "%DURATION%")}ms\n'
    )
