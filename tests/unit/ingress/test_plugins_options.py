"""Options of plugins: what is read, and what is said of the rest."""

from collections.abc import Mapping
from typing import Any

import pytest

from hearthgate.ingress.middlewares.plugins.cloudflare import RealAddress
from hearthgate.ingress.middlewares.plugins.crowdsec import Bouncer, Mode
from hearthgate.ingress.middlewares.plugins.geoblock import GeoBlock
from hearthgate.ingress.middlewares.plugins.nothing import Nothing
from hearthgate.ingress.middlewares.plugins.tables import lapi_name, live_question, table_name
from hearthgate.model.problems import Reason
from tests.unit.ingress.middleware_values import attempt, secret, value

KEY = "urn:k8s:secret:users:key"
SECRETS = {"users": secret(key=b"abc-123\n", odd=b"a b", ca=b"no certificate")}
LEAST = {"enabled": True, "crowdsecLapiKey": KEY}


def bouncer(**options: Any) -> Bouncer:
    made = value("plugin", {"crowdsec-bouncer": {**LEAST, **options}}, SECRETS)
    assert isinstance(made, Bouncer)
    return made


def test_defaults_of_a_bouncer() -> None:
    made = bouncer()
    assert (made.mode, made.interval, made.keep, made.open_at_start, made.max_failures) == (
        Mode.LIVE,
        60.0,
        60.0,
        False,
        -1,
    )
    assert (made.lapi.scheme, made.lapi.host, made.lapi.port, made.lapi.path) == ("http", "crowdsec", 8080, "/")
    assert made.lapi.key.reveal() == b"abc-123"
    assert (made.client.header, made.client.proxies, made.refusal.status) == ("x-forwarded-for", (), 403)


def test_options_are_read_as_loosely_as_upstream_reads_them() -> None:
    made = bouncer(
        CROWDSECMODE="stream",
        updateIntervalSeconds="15",
        crowdsecLapiTLSInsecureVerify="true",
        crowdsecLapiScheme="https",
        crowdsecLapiHost="[2001:db8::1]",
        crowdsecLapiPath="api/",
        clientTrustedIPs="10.0.0.1, 192.168.0.0/16",
        updateMaxFailure=3,
        streamStartupBlock=False,
        remediationStatusCode=451,
    )
    assert (made.mode, made.interval, made.lapi.verify, made.lapi.path) == (Mode.STREAM, 15.0, False, "/api/")
    assert (made.lapi.host, made.lapi.port) == ("2001:db8::1", 443)
    assert made.trusted == ("10.0.0.1/32", "192.168.0.0/16")
    assert (made.max_failures, made.open_at_start, made.refusal.status) == (3, True, 451)


@pytest.mark.parametrize(
    ("options", "field", "reason"),
    [
        ({"crowdsecLapiKey": None}, "crowdsecLapiKey", Reason.MISSING_FIELD),
        ({"crowdsecLapiKey": "urn:k8s:secret:nobody:key"}, "crowdsecLapiKey", Reason.SECRET_NOT_FOUND),
        ({"crowdsecLapiKey": "urn:k8s:secret:users:nothing"}, "crowdsecLapiKey", Reason.SECRET_INVALID),
        ({"crowdsecLapiKey": "urn:k8s:secret:users:odd"}, "crowdsecLapiKey", Reason.SECRET_INVALID),
        ({"crowdsecLapiKey": "urn:k8s:secret:users"}, "crowdsecLapiKey", Reason.INVALID_VALUE),
        ({"crowdsecLapiHost": KEY}, "crowdsecLapiHost", Reason.INVALID_VALUE),
        ({"crowdsecLapiKeyFile": "/etc/key"}, "crowdsecLapiKeyFile", Reason.UNSUPPORTED),
        ({"crowdsecLapiHost": "user@host"}, "crowdsecLapiHost", Reason.INVALID_VALUE),
        ({"crowdsecLapiHost": "host:99999"}, "crowdsecLapiHost", Reason.INVALID_VALUE),
        ({"crowdsecLapiPath": "a?b"}, "crowdsecLapiPath", Reason.INVALID_VALUE),
        ({"crowdsecLapiScheme": "ftp"}, "crowdsecLapiScheme", Reason.INVALID_VALUE),
        (
            {"crowdsecLapiTlsCertificateAuthority": "urn:k8s:secret:users:ca"},
            "crowdsecLapiTlsCertificateAuthority",
            Reason.SECRET_INVALID,
        ),
        ({"crowdsecMode": "alone"}, "crowdsecMode", Reason.UNSUPPORTED),
        ({"crowdsecMode": "appsec"}, "crowdsecMode", Reason.UNSUPPORTED),
        ({"crowdsecMode": "steam"}, "crowdsecMode", Reason.INVALID_VALUE),
        ({"crowdsecAppsecEnabled": True}, "crowdsecAppsecEnabled", Reason.UNSUPPORTED),
        ({"redisCacheEnabled": True}, "redisCacheEnabled", Reason.UNSUPPORTED),
        ({"captchaProvider": "hcaptcha"}, "captchaProvider", Reason.UNSUPPORTED),
        ({"updateIntervalSeconds": 0}, "updateIntervalSeconds", Reason.INVALID_VALUE),
        ({"updateIntervalSeconds": "often"}, "updateIntervalSeconds", Reason.INVALID_VALUE),
        ({"clientTrustedIps": ["10.0.0.0/33"]}, "clientTrustedIps[0]", Reason.INVALID_VALUE),
        ({"forwardedHeadersCustomName": "no header"}, "forwardedHeadersCustomName", Reason.INVALID_VALUE),
        ({"remediationHeadersCustomName": "x-hg-a"}, "remediationHeadersCustomName", Reason.INVALID_VALUE),
        ({"remediationStatusCode": 200}, "remediationStatusCode", Reason.INVALID_VALUE),
        ({"banPage": "x" * 70_000}, "banPage", Reason.INVALID_VALUE),
        ({"crowdsecLapyHost": "a"}, "crowdsecLapyHost", Reason.UNKNOWN_FIELD),
    ],
)
def test_a_bouncer_that_cannot_guard_is_refused(options: Mapping[str, Any], field: str, reason: Reason) -> None:
    given = {name: option for name, option in {**LEAST, **options}.items() if option is not None}
    made, problems = attempt({"plugin": {"crowdsec-bouncer": given}}, SECRETS)
    assert made is None
    found = {(problem.field, problem.reason) for problem in problems if problem.is_error}
    assert found == {(f"spec.plugin.crowdsec-bouncer.{field}", reason)}
    assert not any("abc-123" in problem.message for problem in problems)


def test_what_is_only_for_show_does_not_take_a_guard_away() -> None:
    made, problems = attempt(
        {"plugin": {"b": {**LEAST, "banHTMLFilePath": "/ban.html", "logLevel": "DEBUG"}}}, SECRETS
    )
    assert isinstance(made, Bouncer)
    assert {problem.reason for problem in problems} == {Reason.DEPRECATED}


def test_a_bouncer_that_is_not_switched_on_says_so() -> None:
    made, problems = attempt({"plugin": {"b": {"crowdsecLapiKeyFile": "/key"}}})
    assert isinstance(made, Nothing)
    assert [problem.field for problem in problems] == ["spec.plugin.b.enabled"]


def test_names_cover_what_they_stand_for() -> None:
    one, other = bouncer(crowdsecMode="stream"), bouncer(crowdsecMode="stream", clientTrustedIps=["10.0.0.1"])
    assert lapi_name(one.lapi) == lapi_name(other.lapi)
    assert table_name(one) != table_name(other)
    assert lapi_name(one.lapi) != lapi_name(bouncer(crowdsecLapiHost="other:8080").lapi)
    assert live_question(bouncer()) != live_question(bouncer(defaultDecisionSeconds=1))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "databaseFile"),
        ({"databaseFile": "a.mmdb", "allowedCountries": ["SE"]}, "databaseFile"),
        ({"databaseFile": "/a.mmdb"}, "allowedCountries"),
        ({"databaseFile": "/a.mmdb", "allowedCountries": ["SE"], "deniedCountries": ["NO"]}, "allowedCountries"),
        ({"databaseFile": "/a.mmdb", "allowedCountries": ["Sweden"]}, "allowedCountries[0]"),
        ({"databaseFile": "/a.mmdb", "deniedCountries": ["SE"], "unknown": "maybe"}, "unknown"),
        ({"databaseFile": "/a.mmdb", "deniedCountries": ["SE"], "status": 200}, "status"),
        ({"databaseFile": "/a.mmdb", "deniedCountries": ["SE"], "cities": ["Oslo"]}, "cities"),
    ],
)
def test_a_geoblock_that_cannot_guard_is_refused(options: Mapping[str, Any], field: str) -> None:
    made, problems = attempt({"plugin": {"geoblock": options}})
    assert made is None
    assert f"spec.plugin.geoblock.{field}" in {problem.field for problem in problems}


def test_what_unknown_countries_mean() -> None:
    allowing = value("plugin", {"geoblock": {"databaseFile": "/a.mmdb", "allowedCountries": ["se"]}})
    denying = value("plugin", {"geoblock": {"databaseFile": "/a.mmdb", "deniedCountries": ["se"]}})
    assert isinstance(allowing, GeoBlock)
    assert isinstance(denying, GeoBlock)
    assert [allowing.refuses(code) for code in ("SE", "NO", "")] == [False, True, True]
    assert [denying.refuses(code) for code in ("SE", "NO", "")] == [True, False, False]


@pytest.mark.parametrize(
    ("name", "options", "field"),
    [
        ("maintenance", {"status": 99}, "status"),
        ("maintenance", {"status": 204}, "body"),
        ("maintenance", {"contentType": "html"}, "contentType"),
        ("maintenance", {"file": "/page.html"}, "file"),
        ("maintenance", {"retryAfter": -1}, "retryAfter"),
        ("static-answer", {"headers": {"Content-Length": "1"}}, "headers.Content-Length"),
        ("static-answer", {"headers": {"X-A": "a\nb"}}, "headers.X-A"),
        ("cloudflare-real-ip", {"disableDefault": True}, "trustIp"),
        ("cloudflare-real-ip", {"trustip": ["cloudflair"]}, "trustIp[0]"),
    ],
)
def test_own_plugins_name_mistakes(name: str, options: Mapping[str, Any], field: str) -> None:
    made, problems = attempt({"plugin": {name: options}})
    assert made is None
    assert [problem.field for problem in problems] == [f"spec.plugin.{name}.{field}"]


def test_cloudflare_stands_for_its_networks() -> None:
    made = value("plugin", {"cloudflare-real-ip": {}})
    assert isinstance(made, RealAddress)
    assert len(made.proxies) == 22
    assert "104.16.0.0/13" in made.proxies
    assert "2a06:98c0::/29" in made.proxies


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("traefik-oidc-auth", "forwardAuth with oauth2-proxy"),
        ("simplecache", "Cache-Control"),
        ("maintenence", "did you mean 'maintenance'"),
        ("rewrite-body", "built in are"),
    ],
)
def test_other_plugins_are_refused_with_a_way_out(name: str, words: str) -> None:
    made, problems = attempt({"plugin": {name: {}}})
    assert made is None
    assert problems[0].reason is Reason.UNSUPPORTED
    assert words in problems[0].message
