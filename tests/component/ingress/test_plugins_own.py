"""Hearthgate's own plugins on a real Envoy: maintenance, static answers, countries, clients behind Cloudflare."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.component.ingress.middleware_lab import Lab, Spec, lab
from tests.mmdb_file import mmdb
from tests.waiting import wait_for

CLOUDFLARE = "172.64.1.1"
COUNTRIES = {
    "203.0.113.0/24": "SE",
    "203.0.113.128/25": "DE",
    "198.51.100.0/24": {"country_code": "no"},
    "192.0.2.0/24": {"registered_country": {"iso_code": "RU"}},
    "100.64.0.0/10": {"continent": {"code": "EU"}},
    "2001:db8::/32": "SE",
    "2001:db8:1::/48": "RU",
}


def plugin(name: str, **options: Any) -> list[Spec]:
    return [("plugin", {name: options})]


def by(*addresses: str) -> Mapping[str, str]:
    return {"X-Forwarded-For": ", ".join(addresses)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plugins")


def _answers() -> dict[str, list[Spec]]:
    return {
        "maintenance": plugin("maintenance"),
        "told": plugin("maintenance", status=200, body="<b>soon</b>", contentType="text/html", retryAfter=120),
        "spared": plugin(
            "maintenance",
            sourceRange=["203.0.113.0/24", "2001:db8::/32"],
            forwardedHeadersTrustedIps=["10.0.0.0/8"],
        ),
        "spared-header": plugin("maintenance", sourceRange="203.0.113.7", forwardedHeadersCustomName="X-Client"),
        "over": plugin("maintenance", enabled=False),
        "static": plugin(
            "static-answer",
            status=418,
            body="short and stout",
            headers={"X-Kind": "pot", "Cache-Control": "max-age=60"},
        ),
        "long": plugin("static-answer", body="x" * 60_000),
        "empty": plugin("static-answer", status=204),
    }


def _countries(file: str) -> dict[str, list[Spec]]:
    return {
        "allowed": plugin("geoblock", databaseFile=file, allowedCountries=["se", "NO"], body="not there"),
        "denied": plugin("geoblock", databaseFile=file, deniedCountries=["RU"], status=451),
        "unknown-allow": plugin("geoblock", databaseFile=file, allowedCountries=["SE"], unknown="allow"),
        "unknown-deny": plugin("geoblock", databaseFile=file, deniedCountries=["SE"], unknown="deny"),
        "no-private": plugin("geoblock", databaseFile=file, allowedCountries=["SE"], allowPrivate=False),
        "trusted": plugin("geoblock", databaseFile=file, allowedCountries=["SE"], clientTrustedIps=["192.0.2.7"]),
        "proxies": plugin(
            "geoblock", databaseFile=file, allowedCountries=["SE"], forwardedHeadersTrustedIps=["cloudflare"]
        ),
        "named": plugin(
            "geoblock", databaseFile=file, allowedCountries=["SE"], forwardedHeadersCustomName="X-Client"
        ),
        "off": plugin("geoblock", enabled=False),
    }


def _cloudflare() -> dict[str, list[Spec]]:
    allow: list[Spec] = [("ipAllowList", {"sourceRange": ["203.0.113.7"], "ipStrategy": {"depth": 1}})]
    behind = {"sourceRange": ["203.0.113.7"], "ipStrategy": {"excludedIPs": ["cloudflare"]}}
    return {
        "real": plugin("cloudflare-real-ip", trustIp=["127.0.0.1"]),
        "real-default": plugin("cloudflare-real-ip"),
        "real-only": plugin("cloudflare-real-ip", onlyCloudflare=True),
        "real-then-allow": [*plugin("cloudflarewarp", trustip=["127.0.0.0/8"], disableDefault=True), *allow],
        "real-then-rate": [
            *plugin("cloudflare-real-ip", trustIp=["127.0.0.1"]),
            ("rateLimit", {"average": 1, "period": "1h", "sourceCriterion": {"ipStrategy": {"depth": 1}}}),
        ],
        "behind": [("ipAllowList", behind)],
        "behind-rate": [
            (
                "rateLimit",
                {"average": 1, "period": "1h", "sourceCriterion": {"ipStrategy": {"excludedIPs": ["cloudflare"]}}},
            )
        ],
    }


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Lab]:
    database = folder / "countries.mmdb"
    database.write_bytes(mmdb(COUNTRIES))
    cases = {**_answers(), **_countries(str(database)), **_cloudflare()}
    cases["gone"] = plugin("geoblock", databaseFile=str(folder / "gone.mmdb"), allowedCountries=["SE"])
    with lab(folder, cases) as running:
        wait_for(
            lambda: running.ask("allowed", scope="trusted", headers=by("203.0.113.7")).status == 200,
            within=10,
            what="the countries",
        )
        yield running


def test_maintenance(site: Lab) -> None:
    reply = site.ask("maintenance")
    assert (reply.status, reply.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert b"Back soon" in reply.body
    assert (reply.headers["cache-control"], reply.headers["retry-after"]) == ("no-store", None)
    told = site.ask("told")
    assert (told.status, told.body, told.headers["retry-after"]) == (200, b"<b>soon</b>", "120")
    assert told.headers["content-type"] == "text/html"
    assert site.ask("maintenance", method="HEAD").body == b""
    assert site.ask("over").status == 200


@pytest.mark.parametrize(
    ("addresses", "status"),
    [
        (("203.0.113.7",), 200),
        (("203.0.113.255",), 200),
        (("203.0.114.0",), 503),
        (("2001:db8::1",), 200),
        (("2001:db9::1",), 503),
        (("203.0.113.7", "10.1.1.1"), 200),
        (("203.0.114.7", "10.1.1.1"), 503),
        (("203.0.113.7", "192.0.2.1"), 503),
        (("nobody",), 503),
        (("10.0.0.1",), 503),
    ],
)
def test_who_works_on_a_site_sees_it(site: Lab, addresses: tuple[str, ...], status: int) -> None:
    assert site.ask("spared", scope="trusted", headers=by(*addresses)).status == status


def test_who_works_on_a_site_by_another_header(site: Lab) -> None:
    assert site.ask("spared-header", headers={"X-Client": "203.0.113.7"}).status == 200
    assert site.ask("spared-header", headers={"X-Client": "203.0.113.8"}).status == 503


def test_static_answers(site: Lab) -> None:
    reply = site.ask("static")
    assert (reply.status, reply.body) == (418, b"short and stout")
    assert (reply.headers["x-kind"], reply.headers["cache-control"]) == ("pot", "max-age=60")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert len(site.ask("long").body) == 60_000
    assert (site.ask("empty").status, site.ask("empty").body) == (204, b"")


@pytest.mark.parametrize(
    ("case", "address", "status"),
    [
        ("allowed", "203.0.113.7", 200),
        ("allowed", "203.0.113.200", 403),
        ("allowed", "198.51.100.7", 200),
        ("allowed", "192.0.2.7", 403),
        ("allowed", "100.64.0.1", 403),
        ("allowed", "8.8.8.8", 403),
        ("allowed", "192.168.1.7", 200),
        ("allowed", "fe80::1", 200),
        ("allowed", "2001:db8::1", 200),
        ("allowed", "2001:db8:1::1", 403),
        ("allowed", "2001:db9::1", 403),
        ("allowed", "::ffff:203.0.113.7", 200),
        ("denied", "192.0.2.7", 451),
        ("denied", "203.0.113.7", 200),
        ("denied", "8.8.8.8", 200),
        ("denied", "2001:db8:1::1", 451),
        ("unknown-allow", "8.8.8.8", 200),
        ("unknown-allow", "192.0.2.7", 403),
        ("unknown-deny", "8.8.8.8", 403),
        ("unknown-deny", "192.0.2.7", 200),
        ("no-private", "192.168.1.7", 403),
        ("trusted", "192.0.2.7", 200),
        ("trusted", "192.0.2.8", 403),
        ("off", "192.0.2.7", 200),
    ],
)
def test_countries(site: Lab, case: str, address: str, status: int) -> None:
    assert site.ask(case, scope="trusted", headers=by(address)).status == status


def test_countries_of_clients_behind_proxies(site: Lab) -> None:
    assert site.ask("proxies", scope="trusted", headers=by("203.0.113.7", CLOUDFLARE)).status == 200
    assert site.ask("proxies", scope="trusted", headers=by("192.0.2.7", CLOUDFLARE)).status == 403
    assert site.ask("named", headers={"X-Client": "192.0.2.7"}).status == 403
    assert site.ask("named", headers={"X-Client": "203.0.113.7"}).status == 200
    assert site.ask("allowed", scope="trusted", headers=by("192.0.2.7")).body == b"not there"


def test_without_a_database_nobody_is_judged(site: Lab) -> None:
    assert site.ask("gone", scope="trusted", headers=by("203.0.113.7")).status == 503
    assert site.ask("gone", scope="trusted", headers=by("10.0.0.7")).status == 200
    told = [problem.message for problem in site.guards.problems()]
    assert [message.partition("; ")[2] for message in told] == ["everybody else gets 503"]


def test_a_new_database_is_read(site: Lab, folder: Path) -> None:
    new = folder / "new.mmdb"
    new.write_bytes(mmdb({**COUNTRIES, "192.0.2.0/24": "SE"}, record=28))
    os.replace(new, folder / "countries.mmdb")  # noqa: PTH105 - what users' updaters do
    wait_for(
        lambda: site.ask("allowed", scope="trusted", headers=by("192.0.2.7")).status == 200,
        within=10,
        what="the new countries",
    )
    (folder / "countries.mmdb").write_bytes(b"broken")
    wait_for(
        lambda: any("what it said before" in p.message for p in site.guards.problems()),
        within=10,
        what="the problem",
    )
    assert site.ask("allowed", scope="trusted", headers=by("192.0.2.7")).status == 200
    assert site.ask("allowed", scope="trusted", headers=by("8.8.8.8")).status == 403


def test_cloudflare_tells_who_the_client_is(site: Lab) -> None:
    real = {"CF-Connecting-IP": "203.0.113.7", "X-Real-Ip": "1.2.3.4"}
    reply = site.ask("real", headers=real)
    assert (reply.sent("x-real-ip"), reply.sent("cf-connecting-ip")) == ("203.0.113.7", "203.0.113.7")
    assert reply.sent("x-forwarded-for") == "203.0.113.7,127.0.0.1"
    assert site.ask("real", headers={"CF-Connecting-IP": "nonsense"}).sent("x-real-ip") is None
    liar = site.ask("real-default", headers=real)
    assert (liar.sent("x-real-ip"), liar.sent("cf-connecting-ip")) == ("1.2.3.4", None)
    assert liar.sent("x-forwarded-for") == "127.0.0.1"
    assert site.ask("real-only", headers=real).status == 403


def test_middlewares_after_it_see_the_client(site: Lab) -> None:
    assert site.ask("real-then-allow", headers={"CF-Connecting-IP": "203.0.113.7"}).status == 200
    assert site.ask("real-then-allow", headers={"CF-Connecting-IP": "203.0.113.8"}).status == 403
    first = [site.ask("real-then-rate", headers={"CF-Connecting-IP": "203.0.113.7"}).status for _ in range(2)]
    assert first == [200, 429]
    assert site.ask("real-then-rate", headers={"CF-Connecting-IP": "203.0.113.8"}).status == 200


def test_cloudflare_among_excluded_addresses(site: Lab) -> None:
    assert site.ask("behind", scope="trusted", headers=by("203.0.113.7", CLOUDFLARE)).status == 200
    assert site.ask("behind", scope="trusted", headers=by("203.0.113.8", CLOUDFLARE)).status == 403
    assert site.ask("behind", scope="trusted", headers=by("203.0.113.7", "192.0.2.1")).status == 403
    statuses = [
        site.ask("behind-rate", scope="trusted", headers=by(client, CLOUDFLARE)).status
        for client in ("203.0.113.7", "203.0.113.7", "203.0.113.8")
    ]
    assert statuses == [200, 429, 200]
