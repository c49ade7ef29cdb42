"""What is noted of a request when it arrives, because middlewares and the way to the backend change it."""

from collections.abc import Mapping
from typing import Any, Final

from hearthgate.ingress.envoy.messages import extension
from hearthgate.ingress.envoy.peers import KEPT

SCOPE: Final = "hearthgate.request"
"""Filter state: method and kind of protocol, bounded, with one `|` between."""
TARGET: Final = "hearthgate.target"
"""Filter state: path and query."""
AUTHORITY: Final = "hearthgate.authority"
"""Filter state: the Host header."""
HOST: Final = "hearthgate.host"
PORT: Final = "hearthgate.port"
"""Filter state: the two parts of the Host header; a port that is not there is `-`."""
CLIENT: Final = "hearthgate.client"
"""Filter state: X-Forwarded-For of a trusted peer, else the peer's address."""
QUOTED: Final = "hearthgate.quoted"
"""Dynamic metadata: texts whose quotes are escaped."""
SWITCHES: Final = "hearthgate.observe"
"""Dynamic metadata that a route sets: booleans `logs` and `metrics` in place of the entrypoint's."""
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE")
OTHER_METHOD: Final = "EXTENSION_METHOD"
_FILTERS: Final = "envoy.extensions.filters.http."


def note_kind() -> list[dict[str, Any]]:
    """Filters that note method and protocol. Whoever invents methods adds no more than one."""
    known = ", ".join(f"'{method}'" for method in METHODS)
    method = f"%CEL(request.method in [{known}] ? request.method : '{OTHER_METHOD}')%"
    return [_note((SCOPE, f"{method}|{_protocol()}", False))]


def _protocol() -> str:
    """Upstream's words for what is spoken, from the same headers."""
    content = "'content-type' in request.headers && request.headers['content-type'].startsWith"
    upgrade = "'upgrade' in request.headers && request.headers['upgrade'].matches('(?i)^websocket$')"
    events = "'accept' in request.headers && request.headers['accept'].contains('text/event-stream')"
    return (
        f"%CEL({upgrade} ? 'websocket' : "
        f"({events} ? 'sse' : "
        f"({content}('application/grpc-web') ? 'grpc-web' : "
        f"({content}('application/grpc') ? 'grpc' : 'http'))))%"
    )


def note_request(*, with_query: bool, quoted: Mapping[str, str]) -> list[dict[str, Any]]:
    """Filters that note target, host and client; and, for formats that escape nothing, headers: `quoted` gives
    the name of each header by the key where it is kept."""
    target = "%REQ(:PATH)%" if with_query else "%PATH(NQ)%"
    host = r"%CEL(re.extract(request.host, '^(\\[[^\\]]*\\]|[^:]*)', '\\1'))%"
    port = (
        "%CEL(request.host.matches(':[0-9]+$') "
        r"? re.extract(request.host, ':([0-9]+)$', '\\1') : '-')%"
    )
    parts = () if quoted else ((HOST, host, False), (PORT, port, False))
    notes = _note(
        (TARGET, target, False),
        (AUTHORITY, "%REQ(:AUTHORITY)%", False),
        *parts,
        (CLIENT, KEPT, False),
        (CLIENT, "%REQ(X-FORWARDED-FOR)%", True),
    )
    return [notes, _escape(quoted)] if quoted else [notes]


def _note(*values: tuple[str, str, bool]) -> dict[str, Any]:
    """Sets filter state: name, format, and whether an empty value leaves what is there."""
    return extension(
        "envoy.filters.http.set_filter_state",
        f"{_FILTERS}set_filter_state.v3.Config",
        on_request_headers=[
            {
                "object_key": key,
                "factory_key": "envoy.string",
                "skip_if_empty": optional,
                "format_string": {"omit_empty_values": optional, "text_format_source": {"inline_string": text}},
            }
            for key, text, optional in values
        ],
    )


def _escape(headers: Mapping[str, str]) -> dict[str, Any]:
    return extension(
        "envoy.filters.http.header_to_metadata",
        f"{_FILTERS}header_to_metadata.v3.Config",
        request_rules=[
            {
                "header": name,
                "on_header_present": {
                    "metadata_namespace": QUOTED,
                    "key": key,
                    "regex_value_rewrite": {"pattern": {"regex": '"'}, "substitution": '\\\\"'},
                },
            }
            for key, name in headers.items()
        ],
    )
