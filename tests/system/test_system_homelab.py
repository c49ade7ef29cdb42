"""Every site of the example through the whole program: certificate, headers, redirects, statuses."""

import base64
import ssl
import time
from collections import Counter
from collections.abc import Iterator

import aiohttp
import httpx
import msgspec
import pytest

from hearthgate.app.box.facts import host_name, read_facts
from tests.system.running import Hearthgate, homelab, seen, seen_header
from tests.waiting import wait_for

DEMO = ("demo", "hearthgate")
OPEN = (
    "jellyfin", "prowlarr", "sonarr", "radarr", "qbittorrent", "flaresolverr", "autobrr", "argocd", "grafana",
    "jaeger", "loki", "alloy", "nextcloud", "recipes", "immich", "whoami",
)  # fmt: skip
LOCKED = ("prometheus", "alertmanager", "node-exporter", "home")
BACKENDS = {"argocd": "argocd-server", "immich": "immich-server", "home": "homepage"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearthgate]:
    with homelab(tmp_path_factory.mktemp("homelab"), "--set", "log.level=DEBUG") as running:
        yield running


@pytest.mark.parametrize("name", OPEN)
def test_site_answers(site: Hearthgate, name: str) -> None:
    response = site.request(name, "/some/path?q=1")
    assert response.status_code == 200
    assert seen(response)["site"] == BACKENDS.get(name, name)
    assert seen(response)["path"] == "/some/path?q=1"
    assert seen_header(response, "X-Forwarded-Proto") == "https"
    assert seen_header(response, "X-Forwarded-For") == "127.0.0.1"
    assert seen_header(response, "X-Forwarded-Host") == f"{name}.my-homelab.party"


@pytest.mark.parametrize("name", LOCKED)
def test_site_asks_for_the_password(site: Hearthgate, name: str) -> None:
    refused = site.request(name)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="homelab"'
    assert site.request(name, auth=("demo", "wrong")).status_code == 401
    answered = site.request(name, auth=DEMO)
    assert answered.status_code == 200
    assert seen_header(answered, "X-Forwarded-User") == "demo"
    assert seen_header(answered, "Authorization") is None


def test_plain_http_redirects(site: Hearthgate) -> None:
    response = site.request("jellyfin", "/web?a=b", tls=False)
    assert response.status_code == 301
    assert response.headers["Location"] == f"https://jellyfin.my-homelab.party:{site.https}/web?a=b"
    assert site.request("jellyfin", "/web", method="POST", tls=False).status_code == 308


def test_unknown_site(site: Hearthgate) -> None:
    response = site.request("nobody")
    assert (response.status_code, response.text) == (404, "404 page not found\n")


def test_http2(site: Hearthgate) -> None:
    response = site.request("whoami", http2=True)
    assert (response.status_code, response.http_version) == (200, "HTTP/2")


def test_spoofed_headers_do_not_pass(site: Hearthgate) -> None:
    spoofed = {"X-Forwarded-For": "8.8.8.8", "X-Real-Ip": "8.8.8.8", "X-Forwarded-User": "root"}
    response = site.request("whoami", headers=spoofed)
    assert seen_header(response, "X-Forwarded-For") == "127.0.0.1"
    assert seen_header(response, "X-Real-Ip") == "127.0.0.1"


def test_security_headers(site: Hearthgate) -> None:
    headers = site.request("whoami").headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["X-XSS-Protection"] == "1; mode=block"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "X-Powered-By" not in headers


def test_empty_value_removes_a_header(site: Hearthgate) -> None:
    headers = site.request("jellyfin").headers
    assert "X-Frame-Options" not in headers
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["X-Powered-By"] == "echo"


def test_preflight(site: Hearthgate) -> None:
    asked = {"Origin": "https://home.my-homelab.party", "Access-Control-Request-Method": "PUT"}
    response = site.request("jellyfin", method="OPTIONS", headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://home.my-homelab.party"
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    foreign = site.request("jellyfin", headers={"Origin": "https://elsewhere.example"})
    assert "Access-Control-Allow-Origin" not in foreign.headers


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/.well-known/caldav", "/remote.php/dav/"),
        ("/.well-known/carddav", "/remote.php/dav/"),
        ("/.well-known/webfinger?resource=x", "/index.php/.well-known/webfinger?resource=x"),
    ],
)
def test_nextcloud_redirects(site: Hearthgate, path: str, target: str) -> None:
    response = site.request("nextcloud", path)
    assert response.status_code == 301
    assert response.headers["Location"] == f"https://nextcloud.my-homelab.party{target}"


def test_compression(site: Hearthgate) -> None:
    long = "/" + "a" * 3000
    assert (
        site.request("nextcloud", long, headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
    )
    assert "Content-Encoding" not in site.request("nextcloud", "/", headers={"Accept-Encoding": "gzip"}).headers
    assert "Content-Encoding" not in site.request("whoami", long, headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize(
    ("name", "path", "backend", "arrives"),
    [
        ("home", "/photos/2026/1.jpg", "immich-server", "/2026/1.jpg"),
        ("home", "/photos", "immich-server", "/"),
        ("loki", "/push?x=1", "loki", "/loki/api/v1/push?x=1"),
        ("immich", "/s/0af9", "immich-server", "/share/0af9"),
        ("whoami", "/healthz", "whoami", "/health"),
    ],
)
def test_paths_are_rewritten(site: Hearthgate, name: str, path: str, backend: str, arrives: str) -> None:
    answer = seen(site.request(name, path))
    assert (answer["site"], answer["path"]) == (backend, arrives)


def test_weights_and_sticky_cookie(site: Hearthgate) -> None:
    fresh = [site.request("home", auth=DEMO) for _ in range(60)]
    counts = Counter(seen(answer)["site"] for answer in fresh)
    assert set(counts) == {"homepage", "homepage-next"}
    assert counts["homepage"] > counts["homepage-next"]
    cookie = fresh[0].headers["Set-Cookie"]
    assert {part.strip().lower() for part in cookie.split(";")[1:]} >= {"secure", "httponly", "samesite=lax"}
    pair = cookie.partition(";")[0]
    assert pair.startswith("homepage=")
    again = [site.request("home", auth=DEMO, headers={"Cookie": pair}) for _ in range(20)]
    assert {seen(answer)["site"] for answer in again} == {seen(fresh[0])["site"]}


def test_sticky_server(site: Hearthgate) -> None:
    first = site.request("recipes")
    name, _, value = first.headers["Set-Cookie"].partition(";")[0].partition("=")
    assert name == "recipes"
    again = [site.request("recipes", headers={"Cookie": f"{name}={value}"}) for _ in range(20)]
    assert {answer.headers["X-Served-By"] for answer in again} == {first.headers["X-Served-By"]}


def test_connection_made_for_another_name_is_refused(site: Hearthgate) -> None:
    """argocd has TLS options of its own: a connection negotiated for another host must not reach it."""
    response = site.request("whoami", headers={"Host": "argocd.my-homelab.party"})
    assert response.status_code == 421


def test_backend_with_its_own_certificate(site: Hearthgate) -> None:
    assert seen(site.request("argocd"))["site"] == "argocd-server"


def test_upload_of_64_megabytes(site: Hearthgate) -> None:
    assert seen(site.request("immich", "/upload", method="POST", content=bytes(64 << 20)))["body"] == 64 << 20


def test_events_arrive_at_once(site: Hearthgate) -> None:
    start = time.monotonic()
    with site.stream("jellyfin", "/sse") as response:
        assert next(response.iter_lines()) == "id: 0"
    assert time.monotonic() - start < 3


async def test_websocket(site: Hearthgate) -> None:
    context = ssl.create_default_context(cafile=str(site.authority))
    host = "jellyfin.my-homelab.party"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"https://127.0.0.1:{site.https}/ws", headers={"Host": host}, ssl=context, server_hostname=host
        ) as socket,
    ):
        await socket.send_str("hello")
        assert await socket.receive_str() == "hello"


def test_statuses_of_the_backend_pass(site: Hearthgate) -> None:
    for status in (204, 304, 404, 418, 503):
        assert site.request("whoami", f"/status/{status}").status_code == status


def test_certificate_is_the_wildcard(site: Hearthgate) -> None:
    """`request` verifies name and chain; a foreign authority must not do."""
    with pytest.raises(httpx.ConnectError), httpx.Client() as stranger:
        stranger.get(f"https://127.0.0.1:{site.https}/", extensions={"sni_hostname": "jellyfin.my-homelab.party"})


def test_kubectl_shows_where_an_ingress_is_reached(site: Hearthgate) -> None:
    addresses = read_facts().addresses
    told = ("get", "ingress", "-n", "utils", "recipes", "-o", "jsonpath={.status.loadBalancer.ingress[*].ip}")
    wait_for(lambda: site.kubectl(*told).split() == list(addresses), within=30)
    line = site.kubectl("get", "ingress", "-n", "utils").splitlines()[1].split()
    assert line[:3] == ["recipes", "traefik", "recipes.my-homelab.party"]
    assert addresses[0] in line[3]


def test_kubectl_shows_the_routes(site: Hearthgate) -> None:
    table = site.kubectl("get", "ingressroutes", "-A")
    assert len(table.splitlines()) == 7
    assert table.split()[:3] == ["NAMESPACE", "NAME", "READY"]


def test_secrets_stay_out_of_the_log(site: Hearthgate) -> None:
    site.request("home", auth=DEMO)
    log = site.log.read_text(errors="replace")
    for secret in ("$2b$10$", "PRIVATE KEY", "demo:hearthgate", base64.b64encode(b"demo:hearthgate").decode()):
        assert secret not in log


def test_the_parts_are_pods(site: Hearthgate) -> None:
    """The commands that an owner of a cluster types first when something is wrong."""
    site.kubectl("wait", "--for=condition=Ready", "--timeout=20s", "-n", "infra", "pods", "--all")
    traefik = ("-n", "infra", "-l", "app.kubernetes.io/name=traefik")
    (line,) = site.kubectl("get", "pods", *traefik, "--no-headers").splitlines()
    assert line.split()[:4] == [f"proxy-{host_name()}", "1/1", "Running", "0"]
    assert "envoy started" in site.kubectl("logs", *traefik)
    assert "envoy started" in site.kubectl("logs", *traefik, "--since=1h", "--all-containers", "--prefix")
    assert "ready" in site.kubectl("logs", "-n", "infra", f"controller-{host_name()}")
    (node,) = site.kubectl("get", "nodes", "-o", "wide", "--no-headers").splitlines()
    assert node.split()[:2] == [host_name(), "Ready"]
    described = site.kubectl("describe", "pod", *traefik)
    assert "Started container proxy" in described
    assert "hearthgate/proxy:" in described


def test_no_secret_is_in_a_log(site: Hearthgate) -> None:
    """Also not below the level that is asked for: this site logs everything."""
    logs = "".join(path.read_text() for path in (site.state / "logs").iterdir()) + site.log.read_text()
    secrets = msgspec.json.decode(site.kubectl("get", "secrets", "-A", "-o", "json"))["items"]
    values = {value for secret in secrets for value in (secret.get("data") or {}).values()}
    assert values
    assert "[debug" in logs or '"debug"' in logs
    for value in values:
        plain = base64.b64decode(value).decode(errors="replace")
        assert value not in logs
        for text in plain.splitlines():
            assert len(text) < 8 or text not in logs
