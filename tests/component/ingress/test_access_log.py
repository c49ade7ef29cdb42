"""The access log as Envoy writes it: upstream's fields, types and lines, and what may not be in it."""

import asyncio
import base64
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.component.ingress.observed import Observed, log_entries, log_lines, log_settings, observed
from tests.component.ingress.site import Manifest, manifest, middleware, secret

Free = Callable[[], int]


def route(name: str, match: str, *middlewares: str, entrypoint: str = "web", **more: Any) -> Manifest:
    """A route to the backend; with a port it is asked at, so that two routes may differ."""
    one = {
        "match": match,
        "services": [{"name": "app", "port": 80}],
        "middlewares": [{"name": middleware} for middleware in middlewares],
        **more,
    }
    return manifest(
        "traefik.io/v1alpha1", "IngressRoute", name, spec={"routes": [one], "entryPoints": [entrypoint]}
    )


def insecure() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


SITE = route("site", "Host(`site.test`)")
TYPES = {
    "ClientAddr": str,
    "ClientHost": str,
    "ClientPort": str,
    "DownstreamContentSize": int,
    "DownstreamStatus": int,
    "Duration": int,
    "OriginDuration": int,
    "OriginStatus": int,
    "Overhead": int,
    "RequestAddr": str,
    "RequestContentSize": int,
    "RequestHost": str,
    "RequestMethod": str,
    "RequestPath": str,
    "RequestPort": str,
    "RequestProtocol": str,
    "RequestScheme": str,
    "RetryAttempts": int,
    "RouterName": str,
    "ServiceAddr": str,
    "ServiceName": str,
    "ServiceURL": str,
    "StartLocal": str,
    "StartUTC": str,
    "entryPointName": str,
    "level": str,
    "msg": str,
    "time": str,
}


async def test_json_has_upstreams_fields_in_its_order_and_with_its_types(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json")) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get("/a/b?x=1&y=2", host="site.test:81", headers={"User-Agent": "curl"})
        (entry,) = await log_entries(tmp_path, 1)
        assert {name: type(value) for name, value in entry.items()} == TYPES
        assert list(entry) == sorted(entry)
        backend = f"127.0.0.1:{data_plane.app.port}"
        assert (
            entry.items()
            >= {
                "ClientHost": "127.0.0.1",
                "DownstreamStatus": 200,
                "OriginStatus": 200,
                "RequestAddr": "site.test:81",
                "RequestHost": "site.test",
                "RequestPort": "81",
                "RequestMethod": "GET",
                "RequestPath": "/a/b?x=1&y=2",
                "RequestProtocol": "HTTP/1.1",
                "RequestScheme": "http",
                "RetryAttempts": 0,
                "ServiceAddr": backend,
                "ServiceName": "default-app-80@kubernetescrd",
                "ServiceURL": f"http://{backend}",
                "entryPointName": "web",
                "level": "info",
                "msg": "",
            }.items()
        )
        assert entry["ClientAddr"] == f"127.0.0.1:{entry['ClientPort']}"
        assert re.fullmatch(r"default-site-[0-9a-f]{20}@kubernetescrd", entry["RouterName"])
        assert entry["Duration"] >= entry["OriginDuration"] > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", entry["StartUTC"])


async def test_what_middlewares_change_is_logged_as_it_came(tmp_path: Path, free_port: Free) -> None:
    rewriting = (
        middleware("strip", {"stripPrefix": {"prefixes": ["/api"]}}),
        middleware("host", {"headers": {"customRequestHeaders": {"Host": "other.test"}}}),
    )
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json")) as data_plane:
        problems = await data_plane.serve(route("site", "Host(`site.test`)", "strip", "host"), *rewriting)
        assert problems == []
        answer = await data_plane.get("/api/x?q=1")
        assert answer.json["path"] == "/x?q=1"
        (entry,) = await log_entries(tmp_path, 1)
        assert (entry["RequestPath"], entry["RequestHost"]) == ("/api/x?q=1", "site.test")


async def test_what_nobody_was_asked_for_names_no_service(tmp_path: Path, free_port: Free) -> None:
    password = (
        secret("users", {"users": "u:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="}),
        middleware("password", {"basicAuth": {"secret": "users"}}),
    )
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json")) as data_plane:
        await data_plane.serve(route("site", "Host(`site.test`)", "password"), *password)
        assert (await data_plane.get()).status == 401
        assert (await data_plane.get(host="nowhere.test")).status == 404
        refused, unknown = await log_entries(tmp_path, 2)
        assert refused["DownstreamStatus"] == 401
        assert refused["RouterName"].startswith("default-site-")
        assert unknown["DownstreamStatus"] == 404
        assert "RouterName" not in unknown
        for entry in (refused, unknown):
            assert not {"ServiceName", "ServiceURL", "ServiceAddr", "OriginStatus"} & entry.keys()
            assert entry["RetryAttempts"] == 0


HASHES = {
    "asked of the service": "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0",
    "checked by the proxy": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
}


@pytest.mark.parametrize("kind", HASHES)
async def test_users_are_named_once_their_password_is_right(tmp_path: Path, free_port: Free, kind: str) -> None:
    password = (
        secret("users", {"users": f"anna:{HASHES[kind]}"}),
        middleware("password", {"basicAuth": {"secret": "users"}}),
    )
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json")) as data_plane:
        assert await data_plane.serve(route("site", "Host(`site.test`)", "password"), *password) == []
        for word in ("wrong", "secret"):
            credentials = base64.b64encode(f"anna:{word}".encode()).decode()
            await data_plane.get(headers={"Authorization": f"Basic {credentials}"})
        wrong, right = await log_entries(tmp_path, 2)
        assert (wrong["DownstreamStatus"], right["DownstreamStatus"]) == (401, 200)
        assert "ClientUsername" not in wrong
        assert right["ClientUsername"] == "anna"


CLF = re.compile(
    r"(?P<host>\S+) - (?P<user>\S+) \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "
    r'"(?P<method>[A-Z]+) (?P<path>.*) (?P<protocol>HTTP/[\d.]+)" (?P<status>\d{3}) (?P<size>\d+) '
    r'"(?P<referer>.*)" "(?P<agent>.*)"'
    r'(?: (?P<count>\d+) "(?P<router>[^"]*)" "(?P<url>[^"]*)" (?P<ms>\d+)ms)?'
)


@pytest.mark.parametrize("name", ["common", "genericCLF"])
async def test_text_formats_cannot_be_forged(tmp_path: Path, free_port: Free, name: str) -> None:
    settings = log_settings(tmp_path, format=name, fields={"headers": {"names": {"User-Agent": "keep"}}})
    async with observed(tmp_path, free_port, settings) as data_plane:
        await data_plane.serve(SITE)
        forged = '" 1 "admin@file" "http://10.0.0.1" 0ms'
        await data_plane.get("/x?y=%22", headers={"User-Agent": f"evil{forged}", "Referer": "http://a/"})
        (line,) = await log_lines(tmp_path, 1)
        parsed = CLF.fullmatch(line)
        assert parsed is not None, line
        assert parsed["agent"] == "evil" + forged.replace('"', r"\"")
        assert (parsed["host"], parsed["user"], parsed["method"], parsed["path"]) == (
            "127.0.0.1",
            "-",
            "GET",
            "/x?y=%22",
        )
        assert parsed["referer"] == "-", "not kept"
        if name == "common":
            assert parsed["router"].startswith("default-site-")
            assert parsed["url"] == f"http://127.0.0.1:{data_plane.app.port}"
        else:
            assert parsed["router"] is None


IPORHOST = r"(?:[0-9A-Fa-f:.]+|[\w.-]+)"
CROWDSEC = re.compile(
    rf"{IPORHOST} - [a-zA-Z0-9.@\-+_%]+ "
    r"\[\d\d/\w+/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
    r'"\w+ .*? HTTP/[\d.]+" [0-9-]+ [0-9-]+ "[^"]*" "[^"]*" '
    rf'\d+ "([a-zA-Z0-9._-]+@{IPORHOST}|-)" "([A-Za-z][\w+.-]*://\S+|-)" [\d.]+ms'
)
"""CrowdSec's grok expression for upstream's common format, its parts written out."""


async def test_crowdsec_reads_the_common_format(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, log_settings(tmp_path)) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get("/.env")
        await data_plane.get("/wp-login.php", host="nowhere.test")
        found, missing = await log_lines(tmp_path, 2)
        for line in (found, missing):
            assert CROWDSEC.fullmatch(line), line
        assert '"-" "-" ' in missing


async def test_crowdsec_reads_json(tmp_path: Path, free_port: Free) -> None:
    fields = {"headers": {"names": {"User-Agent": "keep"}}}
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json", fields=fields)) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get("/.env", headers={"User-Agent": "nikto"})
        (entry,) = await log_entries(tmp_path, 1)
        # What its parser takes from each line, as it takes it.
        assert entry["ClientAddr"].split(":")[0] == "127.0.0.1"
        assert entry["ServiceAddr"].split(":")[0] == "127.0.0.1"
        assert entry["request_User-Agent"] == "nikto"
        assert int(entry["DownstreamContentSize"]) > 0
        assert int(entry["Duration"]) > 0
        assert entry["RequestProtocol"].split("/")[1] == "1.1"
        assert int(entry["DownstreamStatus"]) == 200
        assert entry["RouterName"]
        assert entry["time"]
        assert entry["RequestMethod"] == "GET"


async def test_secrets_in_headers_and_queries_stay_out(tmp_path: Path, free_port: Free) -> None:
    fields = {
        "headers": {"names": {"Authorization": "redact", "Cookie": "drop", "X-Kept": "keep", "X-Backend": "keep"}},
        "queryParameters": {"defaultMode": "redact"},
        "names": {"clientport": "drop", "RequestHost": "redact"},
    }
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json", fields=fields)) as data_plane:
        await data_plane.serve(SITE)
        hidden = {"Authorization": "Bearer s3cret", "Cookie": "session=s3cret"}
        await data_plane.get("/x?token=s3cret", headers={**hidden, "X-Kept": "seen"})
        await data_plane.get("/y")
        first, second = await log_entries(tmp_path, 2)
        assert "s3cret" not in (tmp_path / "access.log").read_text()
        assert first["RequestPath"] == "/x?REDACTED"
        assert first["request_Authorization"] == "REDACTED"
        assert first["request_X-Kept"] == "seen"
        assert first["downstream_X-Backend"] == "app"
        assert first["RequestHost"] == "REDACTED"
        assert "request_Cookie" not in first
        assert "ClientPort" not in first
        assert second["RequestPath"] == "/y"
        assert "request_Authorization" not in second


@pytest.mark.parametrize(("mode", "path"), [("drop", "/x"), ("redact", "/x?REDACTED")])
async def test_queries_stay_out_of_text_too(tmp_path: Path, free_port: Free, mode: str, path: str) -> None:
    settings = log_settings(tmp_path, fields={"queryParameters": {"defaultMode": mode}})
    async with observed(tmp_path, free_port, settings) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get("/x?token=s3cret")
        (line,) = await log_lines(tmp_path, 1)
        assert f'"GET {path} HTTP/1.1"' in line


async def test_only_fields_that_are_wanted(tmp_path: Path, free_port: Free) -> None:
    fields = {"defaultMode": "drop", "names": {"DownstreamStatus": "keep", "RequestPath": "redact"}}
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json", fields=fields)) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get("/x")
        (entry,) = await log_entries(tmp_path, 1)
        assert entry.keys() == {"DownstreamStatus", "RequestPath", "level", "msg", "time"}
        assert entry["RequestPath"] == "REDACTED"


FILTERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "codes": ({"statusCodes": ["300-399", "404"]}, ["/missing"]),
    "duration": ({"minDuration": "150ms"}, ["/gated"]),
    "either": ({"statusCodes": ["404"], "minDuration": "150ms"}, ["/missing", "/gated"]),
    "retries": ({"retryAttempts": True}, []),
}


@pytest.mark.parametrize("case", FILTERS)
async def test_filters_are_alternatives(tmp_path: Path, free_port: Free, case: str) -> None:
    filters, wanted = FILTERS[case]
    settings = log_settings(tmp_path, format="json", filters=filters)
    async with observed(tmp_path, free_port, settings) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get("/fast")
        await data_plane.get("/missing", host="nowhere.test")
        await slow(data_plane)
        entries = await log_entries(tmp_path, len(wanted))
        assert [entry["RequestPath"] for entry in entries] == wanted


async def slow(data_plane: Observed) -> None:
    """A request whose answer takes at least 200 ms."""
    loop = asyncio.get_running_loop()
    loop.call_later(0.2, data_plane.app.release.set)
    await data_plane.get("/gated")


async def test_routes_and_entrypoints_switch_it(tmp_path: Path, free_port: Free) -> None:
    off: dict[str, Any] = {"observability": {"accessLogs": False}}
    on: dict[str, Any] = {"observability": {"accessLogs": True}}
    settings = log_settings(tmp_path, format="json")
    quiet = route("quiet", "Host(`quiet.test`)", **off)
    async with observed(tmp_path, free_port, settings) as data_plane:
        await data_plane.serve(SITE, quiet)
        await data_plane.get("/1", host="quiet.test")
        await data_plane.get("/2")
        (entry,) = await log_entries(tmp_path, 1)
        assert entry["RequestPath"] == "/2"
    (tmp_path / "access.log").unlink()
    loud = route("loud", "Host(`loud.test`)", **on)
    async with observed(tmp_path, free_port, settings, **off) as data_plane:
        await data_plane.serve(SITE, loud)
        for host in ("site.test", "nowhere.test", "loud.test"):
            await data_plane.get(f"/{host}", host=host)
        (entry,) = await log_entries(tmp_path, 1)
        assert entry["RequestPath"] == "/loud.test"


async def test_the_client_is_whom_a_trusted_peer_names(tmp_path: Path, free_port: Free) -> None:
    trusted = {"forwardedHeaders": {"trustedIPs": ["127.0.0.9"]}}
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json"), **trusted) as data_plane:
        await data_plane.serve(SITE)
        sent = {"X-Forwarded-For": "203.0.113.7, 10.0.0.1"}
        await data_plane.get(headers=sent, source="127.0.0.9")
        await data_plane.get(headers=sent)
        believed, stranger = await log_entries(tmp_path, 2)
        assert believed["ClientHost"] == "203.0.113.7, 10.0.0.1"
        assert believed["ClientAddr"].startswith("127.0.0.9:")
        assert stranger["ClientHost"] == "127.0.0.1"


async def test_tls_is_told(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json")) as data_plane:
        await data_plane.serve(route("site", "Host(`site.test`)", entrypoint="websecure"))
        await data_plane.get(entrypoint="websecure", tls=insecure(), sni="site.test")
        (entry,) = await log_entries(tmp_path, 1)
        assert (entry["TLSVersion"], entry["RequestScheme"], entry["entryPointName"]) == (
            "1.3",
            "https",
            "websecure",
        )
        assert entry["TLSCipher"].startswith("TLS_")


async def test_a_file_that_was_moved_is_opened_anew(tmp_path: Path, free_port: Free) -> None:
    async with observed(tmp_path, free_port, log_settings(tmp_path, format="json")) as data_plane:
        await data_plane.serve(SITE)
        await data_plane.get("/1")
        await log_lines(tmp_path, 1)
        (tmp_path / "access.log").rename(tmp_path / "access.log.1")
        (tmp_path / "access.log").touch()
        await data_plane.admin.reopen_logs()
        await data_plane.get("/2")
        (entry,) = await log_entries(tmp_path, 1)
        assert entry["RequestPath"] == "/2"
        # As logrotate's copytruncate leaves it: what comes goes to the start, not to where the old end was.
        with (tmp_path / "access.log").open("r+") as file:
            file.truncate(0)
        await data_plane.get("/3")
        (entry,) = await log_entries(tmp_path, 1)
        assert entry["RequestPath"] == "/3"
