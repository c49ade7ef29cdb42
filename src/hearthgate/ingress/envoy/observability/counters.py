"""Counters of requests in Envoy's memory, from which Prometheus metrics under upstream's names are made.

Every request is counted once, under one label that holds all that upstream's labels say, joined; whoever reads
the counters takes it apart and adds up by entrypoint, router and service. That costs Envoy a third of what
counting for each of them would.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.messages import extension, literal, wrapped
from hearthgate.ingress.envoy.observability.capture import OTHER_METHOD, SCOPE, note_kind
from hearthgate.ingress.envoy.observability.switches import METRICS, wanted
from hearthgate.ingress.observability.settings import Prometheus

PREFIX: Final = "hearthgate_requests"
"""Of the names of all counters here."""
REQUESTS: Final = "total"
RECEIVED: Final = "received_bytes"
SENT: Final = "sent_bytes"
DURATION: Final = "duration_ms"
SERVICE_DURATION: Final = "service_duration_ms"
LABEL: Final = "key"
_METHOD: Final = 4
_FIELDS: Final = 9
LONGEST_VALUE: Final = 64
"""Characters of a header that becomes a label."""


class Key(NamedTuple):
    """What a request was counted under. Empty: not known, or not for this request.

    attempts: how often a service was asked; 0: something on the way answered. headers: by the order of the names
    in the settings.
    """

    entrypoint: str
    router: str
    service: str
    code: str
    method: str
    protocol: str
    attempts: int
    tls_version: str = ""
    tls_cipher: str = ""
    headers: tuple[str, ...] = ()


_NO_ANSWER: Final = "0"
_CLIENT_GONE: Final = "499"
"""Upstream's status of a request whose client did not wait for the answer."""


def captures() -> list[dict[str, Any]]:
    """The HTTP filters that must run before all others."""
    return note_kind()


def loggers(settings: Prometheus, entrypoint: str, *, default: bool) -> list[dict[str, Any]]:
    """The AccessLog messages of an entrypoint. default: whether its requests are counted unless their route says
    otherwise."""
    headers = "".join(f"|%REQ({name}):{LONGEST_VALUE}%" for name in header_names(settings))
    key = (
        f"{literal(entrypoint)}|%ROUTE_NAME%|%UPSTREAM_CLUSTER%|%RESPONSE_CODE%|%FILTER_STATE({SCOPE}:PLAIN)%"
        "|%UPSTREAM_REQUEST_ATTEMPT_COUNT%"
    )
    # A request that no service was asked for has no time at one; something must stand there, and is not read.
    service = (
        '%COALESCE({"operators":[{"command":"COMMON_DURATION","param":"US_TX_BEG:DS_TX_END:ms"},"DURATION"]})%'
    )
    config = extension(
        "envoy.access_loggers.stats",
        "envoy.extensions.access_loggers.stats.v3.Config",
        stat_prefix=PREFIX,
        counters=[
            {
                "stat": _stat(REQUESTS, f"{key}|%DOWNSTREAM_TLS_VERSION%|%DOWNSTREAM_TLS_CIPHER%{headers}"),
                "value_fixed": wrapped(1),
            },
            {"stat": _stat(RECEIVED, key), "value_format": "%BYTES_RECEIVED%"},
            {"stat": _stat(SENT, key), "value_format": "%BYTES_SENT%"},
        ],
        histograms=[
            {"stat": _stat(DURATION, key), "unit": "Milliseconds", "value_format": "%DURATION%"},
            {"stat": _stat(SERVICE_DURATION, key), "unit": "Milliseconds", "value_format": service},
        ],
    )
    return [{"filter": wanted(METRICS, default=default), **config}]


def header_names(settings: Prometheus) -> Iterable[str]:
    """The request headers that become labels, in the order in which keys have them."""
    return [settings.header_labels[label] for label in sorted(settings.header_labels)]


def parse_key(text: str) -> Key:
    """The key of a counter. Never raises: what is missing is empty."""
    fields = [_said(field) for field in text.split("|")]
    if len(fields) > _METHOD and not fields[_METHOD]:  # no header was read, so nothing is known of the two
        fields[_METHOD : _METHOD + 1] = [OTHER_METHOD, "http"]
    fields += [""] * (_FIELDS - len(fields))
    entrypoint, router, service, code, method, protocol, attempts, version, cipher, *headers = fields
    return Key(
        entrypoint,
        router,
        service,
        _CLIENT_GONE if code == _NO_ANSWER else code,
        method or OTHER_METHOD,
        protocol or "http",
        int(attempts) if attempts.isdigit() else 0,
        version,
        cipher,
        tuple(headers),
    )


def _said(text: str) -> str:
    return "" if text == "-" else text


def _stat(name: str, key: str) -> dict[str, Any]:
    return {"name": name, "tags": [{"name": LABEL, "value_format": key}]}
