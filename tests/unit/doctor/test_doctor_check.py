"""Bad input: each mistake is one Problem at its place, and every other object stays in service."""

import base64
from typing import Any

import msgspec
import pytest
import yaml

from hearthgate.doctor.check import check
from hearthgate.doctor.report import Report, as_json, line, summary
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.model.problems import Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.manifests import Document, Located, parse_manifests

SETTINGS = IngressSettings(
    entry_points={
        "websecure": msgspec.convert({"address": ":8443", "asDefault": True, "http": {"tls": {}}}, EntryPoint)
    }
)

GOOD = """\
apiVersion: v1
kind: Service
metadata:
  name: good
  annotations:
    hearthgate.dev/endpoints: 10.0.0.1:8080
spec:
  ports:
    - name: http
      port: 80
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata:
  name: good
spec:
  routes:
    - match: Host(`good.test`)
      services:
        - name: good
          port: http
"""


@pytest.fixture(scope="module", autouse=True)
def _schema() -> None:
    ensure_schema()


def run(text: str, *more: str) -> Report:
    documents: list[Document] = []
    found: list[Located] = []
    for number, part in enumerate((GOOD, text, *more)):
        parsed = parse_manifests(part.encode(), f"{'abcdef'[number]}.yaml")
        documents += parsed.documents
        found += parsed.problems
    return check(documents, SETTINGS, found=found)


def traefik(kind: str, name: str, spec: dict[str, Any]) -> str:
    obj = {"apiVersion": "traefik.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    return yaml.safe_dump(obj, sort_keys=False, width=1_000_000)


def route(match: str = "Host(`bad.test`)", **more: Any) -> str:
    one = {"match": match, "services": [{"name": "good", "port": 80}], **more}
    return traefik("IngressRoute", "bad", {"routes": [one]})


def guarded(spec: dict[str, Any]) -> str:
    """A Middleware that nothing uses: it must be told all the same."""
    return traefik("Middleware", "bad", spec)


def secret(**data: str) -> str:
    encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bad"}, "data": encoded}
    return yaml.safe_dump(obj, sort_keys=False)


def service(text: str = "", **spec: Any) -> str:
    metadata = {"name": "bad", "annotations": {"hearthgate.dev/endpoints": text} if text else {}}
    obj = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}], **spec}}
    return yaml.safe_dump(obj, sort_keys=False)


MIDDLE = "spec.routes[0].middlewares[0]"
SERVED = "spec.routes[0].services[0]"
CASES: dict[str, tuple[str, Reason, str, int]] = {
    "bad rule": (route("Hosts(`bad.test`)"), Reason.INVALID_RULE, "spec.routes[0].match", 7),
    "rule of 64 KB": (
        route(" || ".join(f"Host(`h{number}.test`)" for number in range(4000))),
        Reason.RULE_TOO_COMPLEX,
        "spec.routes[0].match",
        7,
    ),
    "rule nested 1,000 deep": (
        route("(" * 1000 + "Host(`bad.test`)" + ")" * 1000),
        Reason.RULE_TOO_COMPLEX,
        "spec.routes[0].match",
        7,
    ),
    "missing middleware": (route(middlewares=[{"name": "gone"}]), Reason.MIDDLEWARE_NOT_FOUND, MIDDLE, 12),
    "missing service": (
        route(services=[{"name": "gone", "port": 80}]),
        Reason.SERVICE_NOT_FOUND,
        f"{SERVED}.name",
        9,
    ),
    "missing port": (
        route(services=[{"name": "good", "port": 81}]),
        Reason.SERVICE_PORT_NOT_FOUND,
        f"{SERVED}.port",
        10,
    ),
    "missing secret of basicAuth": (
        guarded({"basicAuth": {"secret": "gone"}}),
        Reason.SECRET_NOT_FOUND,
        "spec.basicAuth.secret",
        7,
    ),
    "two types in one middleware": (
        guarded({"compress": {}, "addPrefix": {"prefix": "/x"}}),
        Reason.MIDDLEWARE_INVALID,
        "spec",
        5,
    ),
    "chain in a circle": (
        guarded({"chain": {"middlewares": [{"name": "bad"}]}}),
        Reason.MIDDLEWARE_CYCLE,
        "spec.chain.middlewares[0]",
        8,
    ),
    "unknown field": (
        traefik("IngressRoute", "bad", {"routes": [{"match": "Host(`a.test`)", "service": []}]}),
        Reason.UNKNOWN_FIELD,
        "spec.routes[0].service",
        8,
    ),
    "unsupported middleware": (
        guarded({"rateLimit": {"average": 1, "redis": {"endpoints": ["a:1"]}}}),
        Reason.UNSUPPORTED,
        "spec.rateLimit.redis",
        8,
    ),
    "wrong version": (route().replace("v1alpha1", "v1beta7"), Reason.UNKNOWN_KIND, "apiVersion", 1),
    "no name": (route().replace("name: bad", "labels: {}"), Reason.MISSING_FIELD, "metadata.name", 3),
    "bad name": (route().replace("name: bad", "name: Bad_"), Reason.INVALID_NAME, "metadata.name", 4),
    "same object twice": (GOOD.partition("---")[0], Reason.DUPLICATE_OBJECT, "", 1),
    "bad endpoint": (
        service("10.0.0.1:x,10.0.0.2:80"),
        Reason.INVALID_VALUE,
        "metadata.annotations.hearthgate.dev/endpoints",
        6,
    ),
    "selector without pods": (service(selector={"app": "x"}), Reason.NO_ENDPOINTS, "spec.selector", 9),
    "syntax error": ("apiVersion: v1\nkind: [\n", Reason.SYNTAX_ERROR, "", 3),
    "binary junk": ("\0\1\2", Reason.SYNTAX_ERROR, "", 1),
    "10 MB object": (f"kind: ConfigMap\ndata: {{x: {'y' * 10_000_000}}}", Reason.TOO_LARGE, "", 1),
    "unknown kind": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n",
        Reason.UNKNOWN_KIND,
        "kind",
        2,
    ),
    "not Kubernetes": ("a: 1\n", Reason.MISSING_FIELD, "", 1),
}
ONLY_WARN = {"selector without pods", "unknown kind"}


def test_good_is_clean() -> None:
    report = check(parse_manifests(GOOD.encode(), "a.yaml").documents, SETTINGS)
    assert report.problems == ()
    assert summary(report) == "2 objects in 1 file: 0 errors, 0 warnings"
    assert report.counts.kinds == (("IngressRoute", 1), ("Service", 1))


@pytest.mark.parametrize("name", CASES)
def test_one_problem_at_its_place(name: str) -> None:
    text, reason, field, number = CASES[name]
    report = run(text)
    (found,) = report.problems
    assert (found.problem.reason, found.problem.field, found.source) == (reason, field, ("b.yaml", number))
    assert found.problem.severity is (Severity.WARNING if name in ONLY_WARN else Severity.ERROR)
    assert report.errors == int(name not in ONLY_WARN)


def test_all_at_once_are_as_many_problems() -> None:
    """Nothing hides behind another mistake, and the good route stays good."""
    names = [
        name for name in CASES if name not in ("same object twice", "syntax error", "binary junk", "10 MB object")
    ]
    texts = [CASES[name][0].replace("name: bad", f"name: bad-{number}") for number, name in enumerate(names)]
    texts = [text.replace("default/bad", f"default/bad-{number}") for number, text in enumerate(texts)]
    report = run("---\n".join(texts))
    assert len(report.problems) >= len(names) - 1  # a chain in a circle is none after renaming
    assert not any(found.problem.ref.name == "good" for found in report.problems)


def test_a_service_without_endpoints_is_told_as_that() -> None:
    report = run(service(), route(services=[{"name": "bad", "port": 80}]))
    (found,) = report.problems
    assert (found.problem.reason, found.problem.severity) == (Reason.NO_ENDPOINTS, Severity.WARNING)
    assert found.source.path == "c.yaml"
    assert "default/bad" in found.problem.message


@pytest.mark.parametrize("key", ["gone", "tls.key is junk"])
def test_a_route_without_its_certificate_is_told_as_that(key: str) -> None:
    tls = traefik(
        "IngressRoute",
        "bad",
        {
            "routes": [{"match": "Host(`bad.test`)", "services": [{"name": "good", "port": 80}]}],
            "tls": {"secretName": "bad"},
        },
    )
    texts = [tls] if key == "gone" else [tls, secret(tls_crt="junk", tls_key="hunter2")]
    report = run(*texts)
    reasons = {found.problem.reason for found in report.problems}
    assert reasons <= {Reason.SECRET_NOT_FOUND, Reason.SECRET_INVALID}
    assert report.problems
    assert "hunter2" not in repr(report) + str(as_json(report))


def test_references_to_what_is_refused_say_invalid() -> None:
    middleware = traefik("Middleware", "mine", {"compres": {}})
    report = run(middleware, route(middlewares=[{"name": "mine"}]))
    reasons = [(found.source.path, found.problem.reason) for found in report.problems]
    assert reasons == [("b.yaml", Reason.UNKNOWN_FIELD), ("c.yaml", Reason.MIDDLEWARE_INVALID)]


def test_lines_and_json() -> None:
    report = run(route(middlewares=[{"name": "gone"}]))
    (found,) = report.problems
    assert line(found).startswith(f"b.yaml:12: error: IngressRoute default/bad: {MIDDLE}")
    assert line(found).endswith(" [MiddlewareNotFound]")
    found_json = as_json(report)
    assert {key: value for key, value in found_json["problems"][0].items() if key != "message"} == {
        "file": "b.yaml",
        "line": 12,
        "severity": "error",
        "kind": "IngressRoute",
        "namespace": "default",
        "name": "bad",
        "field": MIDDLE,
        "reason": "MiddlewareNotFound",
    }
    kinds = {"IngressRoute": 2, "Service": 1}
    assert found_json["summary"] == {"files": 2, "objects": 3, "kinds": kinds, "errors": 1, "warnings": 0}


def test_the_order_of_documents_does_not_matter() -> None:
    texts = [
        CASES[name][0] for name in ("bad rule", "missing secret of basicAuth", "bad endpoint", "unknown kind")
    ]
    parsed = [parse_manifests(text.encode(), f"{number}.yaml").documents for number, text in enumerate(texts)]
    documents = [document for part in parsed for document in part]
    assert check(documents, SETTINGS) == check(documents[::-1], SETTINGS)


def test_settings_have_no_line() -> None:
    entry_point = msgspec.convert({"address": "nonsense"}, EntryPoint)
    report = check((), IngressSettings(entry_points={"web": entry_point}))
    assert {found.source for found in report.problems} == {("", 0)}
    assert report.problems[0].problem.ref.kind == "Settings"
    assert line(report.problems[0]).startswith("error: Settings")


def test_ref_of_a_file() -> None:
    (found,) = run("[").problems
    assert found.problem.ref == ObjectRef("File", "", "b.yaml")
