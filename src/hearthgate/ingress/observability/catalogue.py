"""The metrics at `/metrics`: names, labels and meanings. Those that Traefik has carry its names."""

from typing import Final

from hearthgate.model.metrics import Metric

_REQUEST: Final = ("code", "method", "protocol")
_TLS: Final = ("tls_version", "tls_cipher")


def _of(scope: str, labels: tuple[str, ...], where: str) -> dict[str, Metric]:
    """What is counted alike of entrypoints, routers and services."""
    return {
        "requests": Metric(
            f"traefik_{scope}_requests_total", "counter", (*_REQUEST, *labels), f"Requests handled {where}."
        ),
        "tls": Metric(
            f"traefik_{scope}_requests_tls_total",
            "counter",
            (*_TLS, *labels),
            f"Requests over TLS handled {where}.",
        ),
        "durations": Metric(
            f"traefik_{scope}_request_duration_seconds",
            "histogram",
            (*_REQUEST, *labels),
            f"How long requests took {where}.",
        ),
        "received": Metric(
            f"traefik_{scope}_requests_bytes_total",
            "counter",
            (*_REQUEST, *labels),
            f"Bytes of the bodies of requests handled {where}.",
        ),
        "sent": Metric(
            f"traefik_{scope}_responses_bytes_total",
            "counter",
            (*_REQUEST, *labels),
            f"Bytes of the bodies of answers given {where}.",
        ),
    }


ENTRYPOINT: Final = _of("entrypoint", ("entrypoint",), "on an entrypoint")
ROUTER: Final = _of("router", ("router", "service"), "by a router")
SERVICE: Final = _of("service", ("service",), "by a service")
RETRIES: Final = Metric("traefik_service_retries_total", "counter", ("service",), "Requests tried again.")
SERVER_UP: Final = Metric(
    "traefik_service_server_up", "gauge", ("service", "url"), "1 for each server that requests may go to."
)
OPEN_CONNECTIONS: Final = Metric(
    "traefik_open_connections", "gauge", ("entrypoint", "protocol"), "Connections that are open."
)
RELOADS: Final = Metric("traefik_config_reloads_total", "counter", (), "Configurations given to the proxy.")
LAST_RELOAD: Final = Metric(
    "traefik_config_last_reload_success", "gauge", (), "When the proxy last confirmed one, in seconds since 1970."
)
CERTIFICATES: Final = Metric(
    "traefik_tls_certs_not_after",
    "gauge",
    ("cn", "serial", "sans"),
    "When a certificate expires, in seconds since 1970.",
)
PROBLEMS: Final = Metric(
    "hearthgate_problems", "gauge", ("reason", "severity"), "Problems with objects and settings, by their reason."
)
APPLY: Final = Metric(
    "hearthgate_config_apply_seconds", "gauge", (), "From the last change to the proxy's answer to it."
)
CONFIRMED: Final = Metric(
    "hearthgate_config_confirmed", "gauge", (), "Whether the proxy runs the newest configuration."
)
ROUTERS: Final = Metric("hearthgate_routers", "gauge", ("entrypoint",), "Routers in service.")
SCRAPE: Final = Metric(
    "hearthgate_proxy_up", "gauge", (), "Whether the proxy answered this scrape; without it nothing is counted."
)

ALL: Final = (
    RELOADS,
    LAST_RELOAD,
    OPEN_CONNECTIONS,
    CERTIFICATES,
    *ENTRYPOINT.values(),
    *ROUTER.values(),
    *SERVICE.values(),
    RETRIES,
    SERVER_UP,
    PROBLEMS,
    ROUTERS,
    APPLY,
    CONFIRMED,
    SCRAPE,
)
