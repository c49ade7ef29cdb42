"""What upstream's API answers, by path. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from hearthgate.ingress.observability.api.given import given
from hearthgate.ingress.observability.api.query import Item, QueryError, chosen
from hearthgate.ingress.observability.api.views import DISABLED, WARNING, Views, views_of
from hearthgate.ingress.observability.facts import Facts
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import shorten


class Answer(NamedTuple):
    """next_page: None where there are no pages."""

    status: int
    body: bytes
    next_page: int | None = None


_LISTS: Final[Mapping[str, Callable[[Views], Sequence[Item]]]] = {
    "http/routers": lambda views: views.routers,
    "http/services": lambda views: views.services,
    "http/middlewares": lambda views: views.middlewares,
    "tcp/routers": lambda views: views.tcp_routers,
    "tcp/services": lambda views: views.tcp_services,
    "tcp/middlewares": lambda views: views.tcp_middlewares,
    "udp/routers": lambda views: views.udp_routers,
    "udp/services": lambda views: views.udp_services,
}
_SOON: Final = 30 * 86400
"""Seconds before its end from which a certificate is shown with a warning."""


def answer_api(
    path: str, query: Mapping[str, str], facts: Facts, settings: IngressSettings, *, version: str, now: float
) -> Answer:
    """The answer to a GET of `/api/...`. now: seconds since 1970."""
    asked = path.removeprefix("/api").strip("/")
    if asked == "version":
        return _json(_version(facts, settings, version))
    if asked == "overview":
        return _json(_overview(views_of(facts), settings))
    if asked == "rawdata":
        return _json(_raw(views_of(facts)))
    lists: dict[str, Callable[[], Sequence[Item]]] = {
        "entrypoints": lambda: list(_entrypoints(settings)),
        "certificates": lambda: list(_certificates(facts, now)),
        **{name: (lambda of=of: of(views_of(facts))) for name, of in _LISTS.items()},  # type: ignore[misc]
    }
    if asked in lists:
        return _list(lists[asked](), query)
    for name, items in lists.items():
        if asked.startswith(f"{name}/"):
            return _one(items(), unquote(asked.removeprefix(f"{name}/")))
    return _error(404, "404 page not found")


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value))


def _error(status: int, message: str) -> Answer:
    return _json({"message": message}, status)


def _list(items: Sequence[Item], query: Mapping[str, str]) -> Answer:
    try:
        page = chosen(items, query)
    except QueryError as error:
        return _error(400, str(error))
    return _json(list(page.items))._replace(next_page=page.next)


def _one(items: Sequence[Item], name: str) -> Answer:
    found = next((item for item in items if name in (item["name"], item.get("id"))), None)
    return _error(404, f"not found: {shorten(name)}") if found is None else _json(found)


def _version(facts: Facts, settings: IngressSettings, version: str) -> Mapping[str, Any]:
    api = settings.api
    return {
        "Version": version,
        "Codename": "hearthgate",
        "startDate": datetime.fromtimestamp(facts.started_at, UTC).isoformat().replace("+00:00", "Z"),
        "disableDashboardAd": api is not None and api.disable_dashboard_ad,
        "dashboardName": api.dashboard_name if api is not None else "",
    }


def _overview(views: Views, settings: IngressSettings) -> Mapping[str, Any]:
    return {
        "http": {
            "routers": _counted(views.routers),
            "services": _counted(views.services),
            "middlewares": _counted(views.middlewares),
        },
        "tcp": {
            "routers": _counted(views.tcp_routers),
            "services": _counted(views.tcp_services),
            "middlewares": _counted(views.tcp_middlewares),
        },
        "udp": {"routers": _counted(views.udp_routers), "services": _counted(views.udp_services)},
        "features": {
            "tracing": "OTLP" if settings.tracing is not None else "",
            "metrics": "Prometheus" if settings.metrics.prometheus is not None else "",
            "accessLog": settings.access_log is not None,
            "hub": False,
        },
        "providers": ["KubernetesIngress", "KubernetesCRD", "KubernetesGateway"],
    }


def _counted(items: Sequence[Item]) -> Mapping[str, int]:
    states = [item.get("status") for item in items]
    return {"total": len(items), "warnings": states.count(WARNING), "errors": states.count(DISABLED)}


def _raw(views: Views) -> Mapping[str, Any]:
    named = {
        "routers": views.routers,
        "middlewares": views.middlewares,
        "services": views.services,
        "tcpRouters": views.tcp_routers,
        "tcpMiddlewares": views.tcp_middlewares,
        "tcpServices": views.tcp_services,
        "udpRouters": views.udp_routers,
        "udpServices": views.udp_services,
    }
    return {
        key: {
            item["name"]: {k: v for k, v in item.items() if k not in ("name", "provider", "type")}
            for item in items
        }
        for key, items in named.items()
        if items
    }


def _entrypoints(settings: IngressSettings) -> Iterator[Item]:
    for name, entrypoint in sorted(settings.entry_points.items()):
        yield {**given(entrypoint), "name": name}


def _certificates(facts: Facts, now: float) -> Iterator[Item]:
    """Never a key: what a certificate tells every client."""
    default = facts.model.default_certificate
    every = (*facts.model.certificates, *((default,) if default is not None else ()))
    # Many Secrets may hold one certificate.
    for certificate in {one.chain: one for one in every}.values():
        leaf = x509.load_pem_x509_certificates(certificate.chain.encode())[0]
        left = certificate.not_after - now
        yield {
            "id": leaf.fingerprint(hashes.SHA256()).hex(),
            "name": leaf.fingerprint(hashes.SHA256()).hex(),
            "commonName": certificate.names[0] if certificate.names else "",
            "sans": list(certificate.names),
            "issuer": leaf.issuer.rfc4514_string(),
            "notBefore": leaf.not_valid_before_utc.isoformat().replace("+00:00", "Z"),
            "notAfter": leaf.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
            "serialNumber": str(leaf.serial_number),
            "version": "v3",
            "status": "expired" if left < 0 else (WARNING if left < _SOON else "enabled"),
        }
