"""What is recorded and shown, without a proxy: keys, counts, text format, lists, settings, routers of our own."""

import json
from typing import Any

import pytest

from hearthgate.app.recording import counted, recording
from hearthgate.app.settings import Settings, SettingsError, decode_settings
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.envoy.observability.counters import Key, parse_key
from hearthgate.ingress.observability import catalogue
from hearthgate.ingress.observability.api.answers import answer_api
from hearthgate.ingress.observability.api.masked import masked
from hearthgate.ingress.observability.api.query import QueryError, chosen
from hearthgate.ingress.observability.counts import parse_counts
from hearthgate.ingress.observability.exposition import exposition
from hearthgate.ingress.observability.facts import Facts, News, after
from hearthgate.ingress.observability.settings import Metrics, Prometheus
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import LoadBalancer, RoutingModel
from tests.component.ingress.gateway import router


def settings(**data: Any) -> Settings:
    return decode_settings(data, SETTINGS_REF, privileged=True)


KEYS = {
    "served": ("web|r@x|s@x|200|GET|http|1", Key("web", "r@x", "s@x", "200", "GET", "http", 1)),
    "answered": ("web|-|-|404|GET|sse|0", Key("web", "", "", "404", "GET", "sse", 0)),
    "a client that did not wait": ("web|r|s|0|GET|http|1", Key("web", "r", "s", "499", "GET", "http", 1)),
    "no request at all": ("web|-|-|400|-|0", Key("web", "", "", "400", "EXTENSION_METHOD", "http", 0)),
    "over TLS": (
        "web|r|s|200|GET|http|2|TLSv1.3|TLS_AES_128_GCM_SHA256",
        Key("web", "r", "s", "200", "GET", "http", 2, "TLSv1.3", "TLS_AES_128_GCM_SHA256"),
    ),
    "with headers": (
        "web|r|s|200|GET|http|1|-|-|a|-",
        Key("web", "r", "s", "200", "GET", "http", 1, headers=("a", "")),
    ),
    "cut off": ("web|r", Key("web", "r", "", "", "EXTENSION_METHOD", "http", 0)),
    "empty": ("", Key("", "", "", "", "EXTENSION_METHOD", "http", 0)),
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_are_taken_apart(case: str) -> None:
    text, expected = KEYS[case]
    assert parse_key(text) == expected


TEXT = """\
# TYPE envoy_hearthgate_requests_total counter
envoy_hearthgate_requests_total{key="web|r@x|s@x|200|GET|http|3|TLSv1.2|ECDHE-RSA-AES128-GCM-SHA256"} 2
envoy_hearthgate_requests_total{key="web|r@x|s@x|200|GET|http|1|-|-"} 5
envoy_hearthgate_requests_total{key="web|gone@x|s@x|200|GET|http|1|-|-"} 1
# TYPE envoy_hearthgate_requests_sent_bytes counter
envoy_hearthgate_requests_sent_bytes{key="web|r@x|s@x|200|GET|http|1"} 70
# TYPE envoy_hearthgate_requests_duration_ms histogram
envoy_hearthgate_requests_duration_ms_bucket{key="web|r@x|s@x|200|GET|http|1",le="100"} 4
envoy_hearthgate_requests_duration_ms_bucket{key="web|r@x|s@x|200|GET|http|1",le="+Inf"} 5
envoy_hearthgate_requests_duration_ms_sum{key="web|r@x|s@x|200|GET|http|1"} 412.5
envoy_hearthgate_requests_duration_ms_count{key="web|r@x|s@x|200|GET|http|1"} 5
envoy_listener_downstream_cx_active{envoy_listener_address="[__]_80"} 3
envoy_listener_downstream_cx_active{envoy_worker_id="worker_0",envoy_listener_address="[__]_80"} 3
envoy_listener_downstream_pre_cx_active{envoy_listener_address="[__]_80"} 1
envoy_something_else{a="b"} 1
not a line
"""


def facts(**more: Any) -> Facts:
    entrypoints = settings(entryPoints={"web": {"address": ":80"}})
    built = RoutingBuilder(entrypoints).build(Snapshot.of([]))
    one = router("Host(`a`)", LoadBalancer(name="s@x"), name="r@x")
    model = RoutingModel(entrypoints=built.model.entrypoints, routers=(one,))
    return Facts(model=model, confirmed=True, reloads=1, **more)


def test_counts_become_upstreams_series() -> None:
    wanted = Metrics(prometheus=Prometheus(add_routers_labels=True))
    lines = "".join(exposition(facts(), parse_counts(TEXT), wanted)).splitlines()
    tls = 'tls_version="1.2",tls_cipher="TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"'
    base = 'code="200",method="GET",protocol="http"'
    for line in (
        f'traefik_entrypoint_requests_total{{{base},entrypoint="web"}} 8',
        f'traefik_entrypoint_requests_tls_total{{{tls},entrypoint="web"}} 2',
        f'traefik_router_requests_total{{{base},router="r@x",service="s@x"}} 7',
        f'traefik_service_requests_total{{{base},service="s@x"}} 8',
        'traefik_service_retries_total{service="s@x"} 4',
        f'traefik_service_responses_bytes_total{{{base},service="s@x"}} 70',
        f'traefik_entrypoint_request_duration_seconds_bucket{{{base},entrypoint="web",le="0.1"}} 4',
        f'traefik_entrypoint_request_duration_seconds_bucket{{{base},entrypoint="web",le="+Inf"}} 5',
        f'traefik_entrypoint_request_duration_seconds_sum{{{base},entrypoint="web"}} 0.4125',
        'traefik_open_connections{entrypoint="web",protocol="TCP"} 4',
    ):
        assert line in lines
    assert len(lines) == len(set(lines)), "no series twice"


def test_every_metric_of_the_catalogue_has_its_head() -> None:
    wanted = Metrics(prometheus=Prometheus(add_routers_labels=True))
    text = "".join(exposition(facts(), parse_counts(TEXT), wanted))
    for metric in catalogue.ALL:
        assert f"# TYPE {metric.name} {metric.type}\n" in text
    assert text.count("# TYPE") == len(catalogue.ALL)


def test_labels_are_escaped() -> None:
    wanted = Metrics(prometheus=Prometheus(header_labels={"who": "X-Who"}))
    text = TEXT.replace("GET|http|1|-|-", r"GET|http|1|-|-|a\"b\\")
    lines = "".join(exposition(facts(), parse_counts(text), wanted))
    assert r'entrypoint="web",who="a\"b\\"} 6' in lines


def test_a_configuration_counts_once_however_often_it_is_told() -> None:
    empty = Snapshot.of([])
    model = facts().model
    first = after(Facts(), News(empty, model, {}, (), confirmed=False), now=1.0)
    again = after(first, News(empty, model, {}, (), confirmed=True), now=2.0)
    third = after(again, News(empty, RoutingModel(), {}, (), confirmed=True), now=3.0)
    assert [(one.reloads, one.confirmed_at) for one in (first, again, third)] == [(1, 0.0), (1, 2.0), (2, 3.0)]


ITEMS = [
    {"name": "b@x", "rule": "Host(`one`)", "priority": 2, "status": "enabled", "service": "s"},
    {"name": "a@x", "rule": "Host(`two`)", "priority": 10, "status": "disabled", "middlewares": ["m"]},
    {"name": "c@x", "rule": "Host(`three`)", "priority": 3, "status": "enabled"},
]
QUERIES: dict[str, tuple[dict[str, str], list[str]]] = {
    "by name": ({}, ["a@x", "b@x", "c@x"]),
    "descending": ({"direction": "desc"}, ["c@x", "b@x", "a@x"]),
    "by number": ({"sortBy": "priority"}, ["b@x", "c@x", "a@x"]),
    "search in rules": ({"search": "TWO"}, ["a@x"]),
    "status": ({"status": "Disabled"}, ["a@x"]),
    "service": ({"serviceName": "s"}, ["b@x"]),
    "middleware": ({"middlewareName": "m"}, ["a@x"]),
    "second page": ({"page": "2", "per_page": "2"}, ["c@x"]),
    "nothing found": ({"search": "nobody"}, []),
}


@pytest.mark.parametrize("case", QUERIES)
def test_lists_are_searched_and_sorted(case: str) -> None:
    query, names = QUERIES[case]
    assert [item["name"] for item in chosen(ITEMS, query).items] == names


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"per_page": "-1"}, {"page": "9"}])
def test_pages_that_are_not_there_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(QueryError, match="invalid request"):
        chosen(ITEMS, query)


def test_options_that_may_hold_secrets_are_hidden() -> None:
    plugin = {"bouncer": {"enabled": True, "key": "s3cret", "more": ["s3cret", {"deep": "s3cret"}]}}
    assert masked("plugin", plugin) == {
        "bouncer": {"enabled": True, "key": "xxxx", "more": ["xxxx", {"deep": "xxxx"}]}
    }
    assert masked("addPrefix", {"prefix": "/a"}) == {"prefix": "/a"}


def test_unknown_paths_of_the_api() -> None:
    for path in ("/api", "/api/nothing", "/api/http", "/api/http/routers/x/y"):
        answer = answer_api(path, {}, Facts(), settings(), version="1", now=0.0)
        assert answer.status == 404
        assert json.loads(answer.body)["message"]


def test_our_own_entrypoint_is_made_where_it_is_needed() -> None:
    assert "traefik" not in settings().entry_points
    assert "traefik" not in settings(ping={"entryPoint": "web"}).entry_points
    assert "traefik" not in settings(ping={"manualRouting": True}).entry_points
    assert settings(ping={}).entry_points["traefik"].address == "127.0.0.1:8080"
    taken = settings(ping={}, entryPoints={"web": {"address": ":8080"}, "other": {"address": ":8081"}})
    assert taken.entry_points["traefik"].address == "127.0.0.1:8082"
    own = settings(ping={}, entryPoints={"traefik": {"address": ":9000"}})
    assert own.entry_points["traefik"].address == ":9000"


def test_routers_of_settings_have_upstreams_names_and_rules() -> None:
    wanted = settings(ping={}, api={"insecure": True}, metrics={"prometheus": {}})
    model = RoutingBuilder(wanted).build(Snapshot.of([])).model
    own = {one.name: (one.rule.text, one.service.name if one.service else "") for one in model.routers}
    assert (
        own.items()
        >= {
            "ping@internal": ("PathPrefix(`/ping`)", "ping@internal"),
            "prometheus@internal": ("PathPrefix(`/metrics`)", "prometheus@internal"),
            "api@internal": ("PathPrefix(`/api`)", "api@internal"),
            "dashboard@internal": ("PathPrefix(`/`)", "dashboard@internal"),
        }.items()
    )
    assert {one.entrypoint for one in model.routers if one.service} == {"traefik"}


def test_an_entrypoint_that_is_not_there_is_told() -> None:
    built = RoutingBuilder(settings(ping={"entryPoint": "nowhere"})).build(Snapshot.of([]))
    (problem,) = built.problems
    assert (problem.field, problem.reason) == ("ping.entryPoint", "EntryPointNotFound")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "codes": ({"accessLog": {"filters": {"statusCodes": ["2xx"]}}}, "accessLog.filters.statusCodes[0]"),
    "codes backwards": (
        {"accessLog": {"filters": {"statusCodes": ["400-300"]}}},
        "accessLog.filters.statusCodes[0]",
    ),
    "duration": ({"accessLog": {"filters": {"minDuration": "soon"}}}, "accessLog.filters.minDuration"),
    "header": (
        {"accessLog": {"format": "json", "fields": {"headers": {"names": {"a b": "keep"}}}}},
        "accessLog.fields.headers.names",
    ),
    "nowhere to send": ({"tracing": {}}, "tracing.otlp"),
    "no URL": ({"tracing": {"otlp": {"http": {"endpoint": "collector"}}}}, "tracing.otlp.http.endpoint"),
    "no port": ({"tracing": {"otlp": {"grpc": {"endpoint": "collector"}}}}, "tracing.otlp.grpc.endpoint"),
    "percent": (
        {"tracing": {"otlp": {"grpc": {"insecure": True, "headers": {"X-Key": "5%"}}}}},
        "tracing.otlp.grpc.headers.X-Key",
    ),
    "no authorities": ({"tracing": {"otlp": {"http": {}}}}, "tracing.otlp"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_proxy_would_refuse_is_found_before(case: str) -> None:
    data, field = REFUSED[case]
    with pytest.raises(SettingsError) as found:
        recording(settings(**data), "")
    assert [problem.field for problem in found.value.problems] == [field]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"accessLog": {"fields": {"headers": {"defaultMode": "keep"}}}}, "accessLog.fields.headers.defaultMode"),
        ({"metrics": {"statsD": {}}}, "metrics.statsD"),
        ({"tracing": {"safeQueryParams": ["q"]}}, "tracing.safeQueryParams"),
        ({"api": {"debug": True}}, "api.debug"),
    ],
)
def test_what_cannot_be_done_is_refused(data: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as found:
        settings(**data)
    assert [(problem.field, problem.reason) for problem in found.value.problems] == [(field, "Unsupported")]


def test_buckets_reach_the_proxy_in_milliseconds() -> None:
    assert counted(settings()) == ((), ())
    wanted = settings(metrics={"prometheus": {"buckets": [0.3, 0.1, 5]}})
    assert counted(wanted) == (("hearthgate_requests.",), (("hearthgate_requests.", (100.0, 300.0, 5000.0)),))
