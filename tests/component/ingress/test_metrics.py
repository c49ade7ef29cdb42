"""`/metrics` from what Envoy counted: upstream's names, labels and numbers, and what dashboards ask of them."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.component.ingress.observed import Observed, observed
from tests.component.ingress.site import manifest, middleware, secret
from tests.component.ingress.test_access_log import SITE, insecure, route
from tests.waiting import eventually

Free = Callable[[], int]
PROMETHEUS = {"metrics": {"prometheus": {"addRoutersLabels": True}}}
MERGED = "traefik_entrypoint_request_duration_seconds_count"
SERVICE = "default-app-80@kubernetescrd"
_LINE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.series: list[tuple[str, dict[str, str], float]] = []
        for line in text.splitlines():
            if not line.startswith("#"):
                match = _LINE.fullmatch(line)
                assert match is not None, line
                labels = dict(_LABEL.findall(match["labels"] or ""))
                self.series.append((match["name"], labels, float(match["value"])))

    def find(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        return [
            (own, value) for known, own, value in self.series if known == name and labels.items() <= own.items()
        ]

    def sum(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self.find(name, **labels))


async def scrape(data_plane: Observed) -> Metrics:
    answer = await data_plane.get("/metrics", entrypoint="traefik")
    assert answer.status == 200
    assert answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(answer.body.decode())


async def scrape_when(
    data_plane: Observed, count: int, name: str = "traefik_entrypoint_request_duration_seconds_count"
) -> Metrics:
    """Histograms are merged every five seconds."""

    async def merged() -> Metrics | None:
        metrics = await scrape(data_plane)
        return metrics if metrics.sum(name) >= count else None

    found = await eventually(merged, what=f"{count} requests in {name}", within=20)
    assert found is not None
    return found


async def test_requests_count_for_entrypoint_router_and_service(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, PROMETHEUS) as data_plane:
        password = (
            secret("users", {"users": "u:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="}),
            middleware("password", {"basicAuth": {"secret": "users"}}),
        )
        await data_plane.serve(SITE, route("shut", "Host(`shut.test`)", "password"), *password)
        for _ in range(3):
            await data_plane.get()
        await data_plane.get(method="BREW")
        await data_plane.get(method="FROB")
        await data_plane.get(host="nowhere.test")
        await data_plane.get(host="shut.test")
        metrics = await scrape_when(data_plane, 7)
        entrypoint = "traefik_entrypoint_requests_total"
        assert metrics.sum(entrypoint, entrypoint="web", code="200", method="GET", protocol="http") == 3
        assert metrics.sum(entrypoint, entrypoint="web", method="EXTENSION_METHOD") == 2
        assert metrics.sum(entrypoint, entrypoint="web", code="404") == 1
        assert metrics.sum(entrypoint, entrypoint="web") == 7
        assert metrics.sum("traefik_service_requests_total", service=SERVICE) == 5, "not those that were refused"
        routers = metrics.find("traefik_router_requests_total")
        assert {labels["service"] for labels, _ in routers} == {SERVICE}
        refused = [value for labels, value in routers if labels["router"].startswith("default-shut-")]
        assert refused == [1]
        sent = metrics.sum("traefik_entrypoint_responses_bytes_total", entrypoint="web", code="200", method="GET")
        assert sent > 3 * 50
        assert metrics.sum("traefik_service_retries_total", service=SERVICE) == 0
        assert metrics.find("traefik_service_server_up") == [
            ({"service": SERVICE, "url": f"http://127.0.0.1:{data_plane.app.port}"}, 1)
        ]


async def test_durations_fall_into_upstreams_buckets(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, PROMETHEUS) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get()
        asyncio.get_running_loop().call_later(0.35, data_plane.app.release.set)
        await data_plane.get("/gated")
        metrics = await scrape_when(data_plane, 2)
        for scope in ("entrypoint", "service"):
            name = f"traefik_{scope}_request_duration_seconds"
            by_bound = {labels["le"]: value for labels, value in metrics.find(f"{name}_bucket", code="200")}
            assert by_bound == {"0.1": 1, "0.3": 1, "1.2": 2, "5": 2, "+Inf": 2}
            assert metrics.sum(f"{name}_count") == 2
            assert 0.3 < metrics.sum(f"{name}_sum") < 1


async def test_settings_choose_labels_and_buckets(tmp_path: Path, free_port: Free) -> None:
    wanted = {
        "addServicesLabels": False,
        "buckets": [0.5, 2.5],
        "headerLabels": {"tenant": "X-Tenant"},
        "entryPoint": "web",
    }
    async with observed(tmp_path, free_port, {"metrics": {"prometheus": wanted}}) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get(headers={"X-Tenant": 'a"b|c'})
        await data_plane.get(headers={"X-Tenant": "x" * 500})

        async def merged() -> Metrics | None:
            answer = await data_plane.get("/metrics", host="any.test")
            metrics = Metrics(answer.body.decode())
            return metrics if metrics.sum("traefik_entrypoint_request_duration_seconds_count") >= 2 else None

        metrics = await eventually(merged, within=20)
        assert metrics is not None
        tenants = {labels["tenant"] for labels, _ in metrics.find("traefik_entrypoint_requests_total", code="200")}
        assert tenants >= {"x" * 64}
        bounds = {labels["le"] for labels, _ in metrics.find("traefik_entrypoint_request_duration_seconds_bucket")}
        assert bounds == {"0.5", "2.5", "+Inf"}
        assert "traefik_service_" not in metrics.text
        assert "traefik_router_" not in metrics.text


PROTOCOLS: dict[str, dict[str, str]] = {
    "http": {},
    "sse": {"Accept": "text/html, text/event-stream"},
    "grpc": {"Content-Type": "application/grpc+proto"},
    "grpc-web": {"Content-Type": "application/grpc-web-text"},
}


async def test_protocols_are_told_by_headers(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, PROMETHEUS) as data_plane:
        await data_plane.serve(SITE)
        for headers in PROTOCOLS.values():
            await data_plane.get(headers=headers)
        url = f"http://127.0.0.1:{data_plane.port()}/ws"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers={"Host": "site.test"}) as ws,
        ):
            await ws.receive_str()
        metrics = await eventually(lambda: _all_protocols(data_plane), within=10)
        assert metrics is not None


async def _all_protocols(data_plane: Observed) -> Metrics | None:
    metrics = await scrape(data_plane)
    found = {
        labels["protocol"] for labels, _ in metrics.find("traefik_entrypoint_requests_total", entrypoint="web")
    }
    return metrics if found == {*PROTOCOLS, "websocket"} else None


async def test_tls_and_open_connections(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, PROMETHEUS) as data_plane:
        await data_plane.serve(route("site", "Host(`site.test`)", entrypoint="websecure"))
        await data_plane.get(entrypoint="websecure", tls=insecure(), sni="site.test")
        _, writer = await asyncio.open_connection("127.0.0.1", data_plane.port())
        metrics = await scrape(data_plane)
        ((labels, value),) = metrics.find("traefik_entrypoint_requests_tls_total")
        assert (labels["tls_version"], labels["entrypoint"], value) == ("1.3", "websecure", 1)
        assert labels["tls_cipher"].startswith("TLS_")
        assert metrics.find("traefik_open_connections", entrypoint="web") == [
            ({"entrypoint": "web", "protocol": "TCP"}, 1)
        ]
        writer.close()
        certificates = metrics.find("traefik_tls_certs_not_after", cn="default.test")
        assert len(certificates) == 1
        assert certificates[0][0].keys() == {"cn", "serial", "sans"}


async def test_configuration_and_problems(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, PROMETHEUS) as data_plane:
        await data_plane.serve(SITE)
        broken = route("broken", "Hosts(`x`)")
        await data_plane.serve(SITE, broken)
        metrics = await scrape(data_plane)
        assert metrics.sum("traefik_config_reloads_total") == 1, "the model did not change"
        await data_plane.serve(SITE, broken, route("more", "Host(`more.test`)"))
        metrics = await scrape(data_plane)
        assert metrics.sum("traefik_config_reloads_total") == 2
        assert metrics.sum("traefik_config_last_reload_success") == 1000
        assert metrics.find("hearthgate_problems") == [({"reason": "InvalidRule", "severity": "error"}, 1)]
        assert metrics.sum("hearthgate_routers", entrypoint="web") == 2
        assert metrics.sum("hearthgate_config_apply_seconds") == 0.25


async def test_series_of_routers_that_are_gone_are_gone(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, PROMETHEUS) as data_plane:
        await data_plane.serve(SITE, route("old", "Host(`old.test`)"))
        await data_plane.get(host="old.test")
        assert (await scrape(data_plane)).find("traefik_router_requests_total")
        await data_plane.serve(SITE)
        metrics = await scrape(data_plane)
        assert not metrics.find("traefik_router_requests_total")
        assert metrics.sum("traefik_entrypoint_requests_total", entrypoint="web") == 1


async def test_routes_switch_it_and_our_own_pages_do_not_count(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, {**PROMETHEUS, "ping": {}}) as data_plane:
        quiet = route("quiet", "Host(`quiet.test`)", observability={"metrics": False})
        await data_plane.serve(SITE, quiet)
        await data_plane.get(host="quiet.test")
        await data_plane.get("/ping", entrypoint="traefik")
        await data_plane.get()
        metrics = await scrape(data_plane)
        assert metrics.sum("traefik_entrypoint_requests_total") == 1


async def test_without_the_proxys_answer_the_rest_is_told(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, PROMETHEUS) as data_plane:
        await data_plane.serve(SITE)
        data_plane.admin.socket = tmp_path / "nowhere.sock"
        metrics = await scrape(data_plane)
        assert metrics.sum("hearthgate_proxy_up") == 0
        assert metrics.sum("traefik_config_reloads_total") == 1
        assert "traefik_entrypoint" not in metrics.text


DASHBOARDS: dict[str, tuple[str, set[str]]] = {
    "instances": ("traefik_config_reloads_total", set()),
    "requests per entrypoint": ("traefik_entrypoint_requests_total", {"entrypoint"}),
    "apdex": ("traefik_entrypoint_request_duration_seconds_bucket", {"le", "code", "entrypoint", "method"}),
    "apdex, all": ("traefik_entrypoint_request_duration_seconds_count", {"code", "entrypoint", "method"}),
    "codes": ("traefik_service_requests_total", {"service", "protocol", "method", "code"}),
    "slow services": ("traefik_service_request_duration_seconds_sum", {"service", "protocol", "method", "code"}),
    "slow services, all": ("traefik_service_request_duration_seconds_count", {"service", "protocol"}),
    "objectives": ("traefik_service_request_duration_seconds_bucket", {"le", "service"}),
    "requests' size": ("traefik_service_requests_bytes_total", {"service", "protocol", "method"}),
    "answers' size": ("traefik_service_responses_bytes_total", {"service", "protocol", "method"}),
    "connections": ("traefik_open_connections", {"entrypoint", "protocol"}),
    "connections, per entrypoint": ("traefik_entrypoint_requests_bytes_total", {"entrypoint"}),
}
"""What the dashboards 17346 and 17347 ask for: a metric and the labels that they select or group by."""


async def test_dashboards_find_all_that_they_ask_for(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, {"metrics": {"prometheus": {}}}) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get()
        metrics = await scrape_when(data_plane, 1, "traefik_service_request_duration_seconds_count")
        for panel, (name, labels) in DASHBOARDS.items():
            found = metrics.find(name)
            assert found, panel
            assert all(labels <= own.keys() for own, _ in found), panel
        for bound in ("0.3", "1.2"):
            assert metrics.find("traefik_entrypoint_request_duration_seconds_bucket", le=bound, code="200")


async def test_retries_count(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, PROMETHEUS) as data_plane:
        half_dead: dict[str, Any] = {
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 1}],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        }
        dead = manifest("discovery.k8s.io/v1", "EndpointSlice", "app-dead", **half_dead)
        dead["metadata"]["labels"] = {"kubernetes.io/service-name": "app"}
        await data_plane.serve(SITE, dead)
        answers = [(await data_plane.get()).status for _ in range(6)]
        assert answers == [200] * 6
        metrics = await scrape(data_plane)
        assert metrics.sum("traefik_service_retries_total", service=SERVICE) >= 2
        assert metrics.sum("traefik_service_requests_total", service=SERVICE, code="200") == 6
