"""Ingresses, routes below others and rules of Traefik 2 on a whole data plane: what a user writes, on the wire."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hearthgate.ingress.xds.resources import LISTENER
from tests.component.ingress.certificates import Pair, self_signed
from tests.component.ingress.gateway import ask
from tests.component.ingress.site import Manifest, Site, manifest, middleware, script, secret, service, site

ROUTER = "traefik.ingress.kubernetes.io/router"
SERVICE = "traefik.ingress.kubernetes.io/service"


@pytest.fixture
async def running(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    async with site(tmp_path, free_port) as served:
        yield served


def backend(name: str = "app", port: int = 80) -> dict[str, Any]:
    return {"service": {"name": name, "port": {"number": port}}}


def path(text: str, kind: str = "Prefix", name: str = "app") -> dict[str, Any]:
    return {"path": text, "pathType": kind, "backend": backend(name)}


def ingress(name: str, spec: dict[str, Any], **annotations: str) -> Manifest:
    made = manifest("networking.k8s.io/v1", "Ingress", name, spec={"ingressClassName": "traefik", **spec})
    made["metadata"]["annotations"] = annotations
    return made


def rules(host: str, *paths: dict[str, Any]) -> dict[str, Any]:
    return {"rules": [{"host": host, "http": {"paths": list(paths)}}]}


def annotated(manifests: list[Manifest], **annotations: str) -> list[Manifest]:
    manifests[0]["metadata"]["annotations"] = {f"{SERVICE}.{key}": value for key, value in annotations.items()}
    return manifests


def route(name: str, match: str, *, parents: tuple[str, ...] = (), app: str = "app", **more: Any) -> Manifest:
    services = [{"name": app, "port": 80}] if app else []
    spec: dict[str, Any] = {"routes": [{"match": match, "services": services, **more}]}
    spec |= {"parentRefs": [{"name": parent} for parent in parents]} if parents else {"entryPoints": ["web"]}
    return manifest("traefik.io/v1alpha1", "IngressRoute", name, spec=spec)


def tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def server_context(pair: Pair, folder: Path) -> ssl.SSLContext:
    chain, key = folder / "backend.crt", folder / "backend.key"
    chain.write_bytes(pair.chain)
    key.write_bytes(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


async def certificate_names(running: Site, name: str) -> bytes:
    """The certificate that a client gets which asks for `name`, DER."""
    _, writer = await asyncio.open_connection("127.0.0.1", running.secure, ssl=tls(), server_hostname=name)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert isinstance(found, bytes)
    return found


async def test_path_types_and_precedence(running: Site) -> None:
    async with script() as other, script() as exact:
        spec = rules(
            "a.test",
            path("/x", "Exact", "exact"),
            path("/x", "Prefix", "other"),
            path("/", "Prefix"),
            path("/free", "ImplementationSpecific", "other"),
        )
        documents = [
            ingress("a", spec),
            ingress("wild", rules("*.a.test", path("/", name="other"))),
            ingress("named", rules("named.a.test", path("/"))),
        ]
        documents += [*service("other", other.port), *service("exact", exact.port)]
        assert await running.apply([*documents, *service("app", running.app.port)]) == []
        for asked, expected in (("/x", exact), ("/x/y", other), ("/xyz", other), ("/free/1", other)):
            before = len(expected.asked)
            assert (await running.get("a", asked)).status == 200
            assert len(expected.asked) == before + 1, asked
        assert (await running.get("a", "/else")).json["backend"] == "app"
        # The exact name wins over the wildcard, which upstream lets win by the length of its rule.
        assert (await running.get("named.a")).json["backend"] == "app"
        before = len(other.asked)
        assert (await running.get("any.a")).status == 200
        assert len(other.asked) == before + 1
        assert (await running.get("b")).status == 404


async def test_default_backend_gets_what_nobody_wants(running: Site) -> None:
    async with script() as other:
        documents = [
            ingress("a", {"defaultBackend": backend("other"), **rules("a.test", path("/x"))}),
            *service("other", other.port),
            *service("app", running.app.port),
        ]
        assert await running.apply(documents) == []
        assert (await running.get("a", "/x")).json["backend"] == "app"
        assert (await running.get("a", "/y")).status == 200
        assert (await running.get("anything")).status == 200
        assert [asked.path for asked in other.asked] == ["/y", "/"]


async def test_annotations_of_the_ingress(running: Site) -> None:
    documents = [
        middleware("strip", {"stripPrefix": {"prefixes": ["/api"]}}),
        middleware("mark", {"headers": {"customRequestHeaders": {"X-Mark": "1"}}}),
        ingress(
            "a",
            rules("a.test", path("/api")),
            **{f"{ROUTER}.middlewares": "default-strip@kubernetescrd,default-mark@kubernetescrd"},
        ),
        ingress("plain", rules("plain.test", path("/")), **{f"{ROUTER}.entrypoints": "web"}),
        ingress(
            "secure", rules("secure.test", path("/")), **{f"{ROUTER}.entrypoints": "web", f"{ROUTER}.tls": "true"}
        ),
        ingress("low", rules("p.test", path("/long/path")), **{f"{ROUTER}.priority": "1"}),
        ingress("high", rules("p.test", path("/", name="none")), **{f"{ROUTER}.priority": "2"}),
        ingress(
            "regexp",
            rules("r.test", path("^/v[0-9]+$", "ImplementationSpecific")),
            **{f"{ROUTER}.pathmatcher": "PathRegexp"},
        ),
        ingress(
            "old",
            rules("*.old.test", path("/{part:[a-z]+}/end", "Exact")),
            **{f"{ROUTER}.rulesyntax": "v2"},
        ),
        *service("none"),
        *service("app", running.app.port),
    ]
    problems = await running.apply(documents)
    assert all("NoEndpoints" in problem or "has no endpoint" in problem for problem in problems), problems
    answer = await running.get("a", "/api/x")
    assert answer.json["path"] == "/x"
    assert answer.sent("x-mark") == "1"
    assert (await running.get("plain")).status == 200
    assert (await running.get("plain", tls=tls())).status == 404
    assert (await running.get("secure")).status == 404
    assert (await ask(running.plain, host="secure.test", tls=tls(), sni="secure.test")).status == 200
    assert (await running.get("p", "/long/path")).status == 503
    assert (await running.get("r", "/v12")).status == 200
    assert (await running.get("r", "/v12/x")).status == 404
    assert (await running.get("x.old", "/abc/end")).status == 200
    assert (await running.get("x.old", "/1/end")).status == 404
    assert (await running.get("x.y.old", "/abc/end")).status == 404


async def test_annotations_of_the_service(running: Site) -> None:
    async with script() as host, script() as marked:
        documents = [
            middleware("mark", {"headers": {"customRequestHeaders": {"X-Mark": "1"}}}),
            ingress("sticky", rules("sticky.test", path("/", name="sticky"))),
            ingress("host", rules("host.test", path("/", name="host"))),
            ingress("marked", rules("marked.test", path("/", name="marked"))),
            *annotated(
                service("sticky", running.app.port),
                **{"sticky.cookie": "true", "sticky.cookie.name": "here", "sticky.cookie.samesite": "lax"},
            ),
            *annotated(service("host", host.port), passhostheader="false"),
            *annotated(service("marked", marked.port), middlewares="default-mark@kubernetescrd"),
        ]
        assert await running.apply(documents) == []
        cookie = (await running.get("sticky")).header("set-cookie") or ""
        assert cookie.startswith("here=")
        assert "samesite=lax" in cookie.lower()
        assert (await running.get("host")).status == 200
        assert host.last.header("host") == f"127.0.0.1:{host.port}"
        assert (await running.get("marked")).status == 200
        assert marked.last.header("x-mark") == "1"


async def test_how_backends_and_clients_are_spoken_to(running: Site, tmp_path: Path) -> None:
    async with script(server_context(self_signed("backend.test"), tmp_path)) as secure:
        documents = [
            manifest("traefik.io/v1alpha1", "ServersTransport", "loose", spec={"insecureSkipVerify": True}),
            manifest("traefik.io/v1alpha1", "TLSOption", "modern", spec={"minVersion": "VersionTLS13"}),
            ingress("https", rules("https.test", path("/", name="secure"))),
            ingress(
                "modern",
                rules("modern.test", path("/")),
                **{f"{ROUTER}.tls.options": "default-modern@kubernetescrd", f"{ROUTER}.entrypoints": "websecure"},
            ),
            ingress("lax", rules("lax.test", path("/"))),
            *annotated(
                service("secure", secure.port),
                serversscheme="https",
                serverstransport="default-loose@kubernetescrd",
            ),
            *service("app", running.app.port),
        ]
        assert await running.apply(documents) == []
        assert (await running.get("https")).status == 200
        assert len(secure.asked) == 1
        older = tls()
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await running.get("lax", tls=older)).status == 200
        assert (await running.get("modern", tls=tls())).status == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await running.get("modern", tls=older)


async def test_certificates_of_ingresses_and_of_the_store(running: Site) -> None:
    pairs = {name: self_signed(f"{name}.test") for name in ("a", "extra", "fallback")}
    secrets = [
        secret(name, {"tls.crt": pair.chain.decode(), "tls.key": pair.key.decode()}, "kubernetes.io/tls")
        for name, pair in pairs.items()
    ]
    store = {"defaultCertificate": {"secretName": "fallback"}, "certificates": [{"secretName": "extra"}]}
    documents = [
        *secrets,
        ingress("a", {"tls": [{"hosts": ["a.test"], "secretName": "a"}], **rules("a.test", path("/"))}),
        ingress("b", rules("b.test", path("/"))),
        manifest("traefik.io/v1alpha1", "TLSStore", "default", spec=store),
        *service("app", running.app.port),
    ]
    assert await running.apply(documents) == []
    for asked, pair in (("a.test", "a"), ("extra.test", "extra"), ("b.test", "fallback"), ("c.test", "fallback")):
        expected = ssl.PEM_cert_to_DER_cert(pairs[pair].chain.decode())
        assert await certificate_names(running, asked) == expected, asked
    assert (await running.get("a", tls=tls())).status == 200


async def test_a_change_of_ingresses_changes_no_listener(running: Site) -> None:
    first = [ingress("a", rules("a.test", path("/"))), *service("app", running.app.port)]
    assert await running.apply(first) == []
    before = running.resources[LISTENER]
    assert await running.apply([*first, ingress("b", rules("b.test", path("/")))]) == []
    assert running.resources[LISTENER] == before
    assert (await running.get("b")).status == 200


async def test_routes_below_others(running: Site) -> None:
    async with script() as other:
        documents = [
            middleware("mark", {"headers": {"customRequestHeaders": {"X-Parent": "1"}}}),
            middleware("own", {"headers": {"customRequestHeaders": {"X-Child": "1"}}}),
            route("top", "Host(`a.test`)", app="", middlewares=[{"name": "mark"}]),
            route("api", "PathPrefix(`/api`)", parents=("top",), middlewares=[{"name": "own"}]),
            route("get", "Path(`/both`)", parents=("top",), app="other", priority=5),
            route("both", "Path(`/both`)", parents=("top",), priority=9),
            # Above every child by its number, but below the parent: children stand in the place of their parent.
            route("beside", "Host(`a.test`) && PathPrefix(`/`)", app="other", priority=12),
            route("lower", "PathPrefix(`/`)", app="other", priority=1),
            *service("other", other.port),
            *service("app", running.app.port),
        ]
        assert await running.apply(documents) == []
        answer = await running.get("a", "/api/x")
        assert answer.json["backend"] == "app"
        assert (answer.sent("x-parent"), answer.sent("x-child")) == ("1", "1")
        assert (await running.get("a", "/both")).json["backend"] == "app"
        # What the parent matches and no child wants is nobody's, though another router would take it.
        assert (await running.get("a", "/else")).status == 404
        assert (await running.get("b", "/else")).status == 200
        assert [asked.path for asked in other.asked] == ["/else"]


async def test_guards_of_parents_come_first_for_every_child(running: Site) -> None:
    documents = [
        middleware("deny", {"ipAllowList": {"sourceRange": ["192.0.2.0/24"]}}),
        middleware("once", {"rateLimit": {"average": 1, "period": "1h", "burst": 2}}),
        route("shut", "Host(`shut.test`)", app="", middlewares=[{"name": "deny"}]),
        route("open", "PathPrefix(`/`)", parents=("shut",)),
        route("few", "Host(`few.test`)", app="", middlewares=[{"name": "once"}]),
        route("one", "Path(`/one`)", parents=("few",)),
        route("two", "Path(`/two`)", parents=("few",)),
        *service("app", running.app.port),
    ]
    assert await running.apply(documents) == []
    assert (await running.get("shut")).status == 403
    # The parent's bucket is one for all its children.
    assert [(await running.get("few", asked)).status for asked in ("/one", "/two", "/one", "/two")] == [
        200,
        200,
        429,
        429,
    ]


async def test_rules_of_traefik_2(running: Site) -> None:
    documents = [
        route("hosts", "Host(`a.test`, `b.test`) && !Path(`/no`, `/never`)", syntax="v2"),
        route("pattern", "HostRegexp(`{sub:[a-z]+}.c.test`) && PathPrefix(`/{lang}/docs`)", syntax="v2"),
        route("query", "Host(`q.test`) && Query(`k=v`, `l=`)", syntax="v2"),
        route("headers", "Host(`h.test`) && Headers(`X-One`, `1`) && HeadersRegexp(`X-Two`, `^b`)", syntax="v2"),
        *service("app", running.app.port),
    ]
    assert await running.apply(documents) == []
    asked: list[tuple[str, str, dict[str, str]]] = [("a", "/", {}), ("b", "/", {}), ("a", "/never", {})]
    asked += [("x.c", "/de/docs/1", {}), ("x1.c", "/de/docs", {}), ("x.c", "/docs", {})]
    asked += [("q", "/?k=v&l=x", {}), ("q", "/?k=v", {})]
    asked += [("h", "/", {"X-One": "1", "X-Two": "bc"}), ("h", "/", {"X-One": "1"})]
    statuses = [(await running.get(host, target, headers=headers)).status for host, target, headers in asked]
    assert statuses == [200, 200, 404, 200, 404, 404, 200, 404, 200, 404]
