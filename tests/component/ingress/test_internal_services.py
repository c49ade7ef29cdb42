"""`ping@internal`, `api@internal` and the rest, as routes reach them; what the API tells, and what it must not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.component.ingress.observed import Observed, observed
from tests.component.ingress.site import Manifest, manifest, middleware, secret
from tests.component.ingress.test_access_log import SITE, route

Free = Callable[[], int]
EVERYTHING: dict[str, Any] = {
    "ping": {"terminatingStatusCode": 500},
    "api": {"insecure": True},
    "metrics": {"prometheus": {}},
}


def internal(name: str, match: str, service: str, *middlewares: str) -> Manifest:
    one = {
        "match": match,
        "services": [{"name": service, "kind": "TraefikService"}],
        "middlewares": [{"name": middleware} for middleware in middlewares],
    }
    spec = {"routes": [one], "entryPoints": ["web"]}
    return manifest("traefik.io/v1alpha1", "IngressRoute", name, spec=spec)


async def told(data_plane: Observed, path: str) -> Any:
    answer = await data_plane.get(path, entrypoint="traefik")
    assert answer.status == 200, answer
    assert (
        answer.header("content-type") == "application/json; charset=utf-8"
        or answer.header("content-type") == "application/json"
    )
    return json.loads(answer.body)


async def test_ping_says_when_the_end_has_begun(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, EVERYTHING) as data_plane:
        await data_plane.serve(SITE)
        answer = await data_plane.get("/ping", entrypoint="traefik")
        assert (answer.status, answer.body, answer.header("server")) == (200, b"OK", "hearthgate")
        data_plane.internals.terminate()
        assert (await data_plane.get("/ping", entrypoint="traefik")).status == 500


async def test_routes_may_name_our_services(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, EVERYTHING) as data_plane:
        guard = (
            secret("users", {"users": "u:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="}),
            middleware("password", {"basicAuth": {"secret": "users"}}),
        )
        problems = await data_plane.serve(
            internal("ping", "Host(`ping.test`)", "ping@internal"),
            internal("dashboard", "Host(`dash.test`)", "api@internal"),
            internal("metrics", "Host(`metrics.test`)", "prometheus@internal", "password"),
            internal("noop", "Host(`noop.test`)", "noop@internal"),
            *guard,
        )
        assert problems == []
        assert (await data_plane.get("/any", host="ping.test")).body == b"OK"
        assert (await data_plane.get(host="noop.test")).status == 418
        assert (await data_plane.get(host="metrics.test")).status == 401
        assert (await data_plane.get("/api/overview", host="dash.test")).status == 200
        moved = await data_plane.get(host="dash.test")
        assert (moved.status, moved.header("location")) == (302, "/dashboard/")
        page = await data_plane.get("/dashboard/", host="dash.test")
        assert b"Host(`dash.test`)" in page.body
        assert page.header("content-security-policy") is not None
        assert (await data_plane.get("/nothing", host="dash.test")).status == 404
        assert (await data_plane.get("/api/overview", host="dash.test", method="POST")).status == 405


@pytest.mark.parametrize(
    ("service", "setting"),
    [("ping@internal", "ping"), ("prometheus@internal", "metrics.prometheus"), ("api@internal", "api")],
)
async def test_services_that_are_off_do_not_exist(
    tmp_path: Path, free_port: Free, service: str, setting: str
) -> None:
    async with observed(tmp_path, free_port, {}) as data_plane:
        (problem,) = await data_plane.serve(internal("off", "Host(`off.test`)", service))
        assert f"{service} does not exist: the setting {setting} turns it on" in problem
        assert (await data_plane.get(host="off.test")).status == 404


async def test_manual_routing_makes_no_router(tmp_path: Path, free_port: Free) -> None:
    settings = {"ping": {"manualRouting": True}, "metrics": {"prometheus": {"manualRouting": True}}}
    async with observed(tmp_path, free_port, settings) as data_plane:
        await data_plane.serve(SITE, internal("ping", "Host(`ping.test`)", "ping@internal"))
        assert (await data_plane.get("/ping", entrypoint="traefik")).status == 404
        assert (await data_plane.get(host="ping.test")).body == b"OK"


async def test_base_path_and_no_dashboard(tmp_path: Path, free_port: Free) -> None:
    api = {"api": {"insecure": True, "basePath": "/traefik/", "dashboard": False}}
    async with observed(tmp_path, free_port, api) as data_plane:
        await data_plane.serve(SITE)
        assert (await told(data_plane, "/traefik/api/version"))["Version"] == "1.2.3"
        for path in ("/api/version", "/traefik/dashboard/", "/"):
            assert (await data_plane.get(path, entrypoint="traefik")).status == 404


async def test_a_homepage_widget_finds_its_counts(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, EVERYTHING) as data_plane:
        await data_plane.serve(SITE, route("broken", "Host(`x.test`)", "missing"))
        overview = await told(data_plane, "/api/overview")
        assert overview["http"]["routers"] == {"total": 6, "warnings": 0, "errors": 1}
        assert overview["http"]["services"]["total"] > 0
        assert overview["http"]["middlewares"]["total"] == 0
        assert overview["features"] == {"tracing": "", "metrics": "Prometheus", "accessLog": False, "hub": False}
        assert overview["providers"] == ["KubernetesIngress", "KubernetesCRD", "KubernetesGateway"]


async def test_lists_and_details(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, EVERYTHING) as data_plane:
        strip = middleware("strip", {"stripPrefix": {"prefixes": ["/api"]}})
        broken = route("broken", "Host(`x.test`)", "missing")
        await data_plane.serve(route("site", "Host(`site.test`)", "strip", priority=7), strip, broken)
        routers = await told(data_plane, "/api/http/routers?search=site.test")
        (site,) = routers
        assert site == {
            "entryPoints": ["web"],
            "middlewares": ["default-strip@kubernetescrd"],
            "service": "default-app-80@kubernetescrd",
            "rule": "Host(`site.test`)",
            "priority": 7,
            "priorityStr": "7",
            "status": "enabled",
            "using": ["web"],
            "name": site["name"],
            "provider": "kubernetescrd",
        }
        assert await told(data_plane, f"/api/http/routers/{site['name']}") == site
        assert await told(data_plane, "/api/http/middlewares/default-strip@kubernetescrd") == {
            "stripPrefix": {"prefixes": ["/api"]},
            "status": "enabled",
            "usedBy": [site["name"]],
            "name": "default-strip@kubernetescrd",
            "provider": "kubernetescrd",
            "type": "stripprefix",
        }
        service = await told(data_plane, "/api/http/services/default-app-80@kubernetescrd")
        url = f"http://127.0.0.1:{data_plane.app.port}"
        assert service["loadBalancer"]["servers"] == [{"url": url}]
        assert service["serverStatus"] == {url: "UP"}
        (disabled,) = await told(data_plane, "/api/http/routers?status=disabled")
        assert disabled["rule"] == "Host(`x.test`)"
        assert "Middleware default/missing does not exist" in disabled["error"][0]
        raw = await told(data_plane, "/api/rawdata")
        assert raw["routers"][site["name"]]["rule"] == "Host(`site.test`)"
        (entrypoint,) = [one for one in await told(data_plane, "/api/entrypoints") if one["name"] == "web"]
        assert entrypoint == {"address": f"127.0.0.1:{data_plane.port()}", "name": "web"}
        assert (await data_plane.get("/api/http/routers/nobody", entrypoint="traefik")).status == 404


async def test_pages(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, EVERYTHING) as data_plane:
        await data_plane.serve(*(route(f"r{n}", f"Host(`r{n}.test`)") for n in range(5)))

        async def page(query: str) -> tuple[int, str | None, Any]:
            answer = await data_plane.get(f"/api/http/routers?search=.test&{query}", entrypoint="traefik")
            return answer.status, answer.header("x-next-page"), json.loads(answer.body)

        status, following, items = await page("per_page=2&page=1&sortBy=rule&direction=desc")
        assert (status, following, [item["rule"] for item in items]) == (
            200,
            "2",
            ["Host(`r4.test`)", "Host(`r3.test`)"],
        )
        status, following, items = await page("per_page=2&page=3")
        assert (status, following, len(items)) == (200, "1", 1)
        status, _, items = await page("per_page=2&page=4")
        assert (status, items) == (400, {"message": "invalid request: page: 4, per_page: 2"})


async def test_secrets_never_leave(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, EVERYTHING) as data_plane:
        await data_plane.serve(
            SITE,
            secret("users", {"users": "u:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="}),
            middleware("password", {"basicAuth": {"secret": "users"}}),
            middleware("token", {"headers": {"customRequestHeaders": {"Authorization": "Bearer s3cret"}}}),
        )
        for path in ("/api/rawdata", "/api/http/middlewares", "/api/certificates", "/dashboard/"):
            answer = await data_plane.get(path, entrypoint="traefik")
            assert answer.status == 200
            for hidden in (b"s3cret", b"W6ph5", b"PRIVATE KEY"):
                assert hidden not in answer.body, path
