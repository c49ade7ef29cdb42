"""Decoding: complete, with paths, without raising; marks of what is not honoured."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.model.problems import Reason, Severity
from hearthgate.resources.core import Secret, Service
from hearthgate.resources.decode import decode, decode_mapping
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import BY_API_VERSION, KINDS
from hearthgate.resources.traefik import IngressRoute

ROUTE = BY_API_VERSION["traefik.io/v1alpha1", "IngressRoute"]


def manifest(kind: str, spec: Any, **more: Any) -> dict[str, Any]:
    meta = {"name": "blog", "namespace": "default"}
    return {"apiVersion": "traefik.io/v1alpha1", "kind": kind, "metadata": meta, "spec": spec, **more}


def route(**fields: Any) -> dict[str, Any]:
    return manifest("IngressRoute", {"routes": [{"match": "Host(`a`)", **fields}]})


MISTAKES = [
    ("unknown field with a suggestion", route(middleware=[]), Reason.UNKNOWN_FIELD, "spec.routes[0].middleware",
     "unknown field 'middleware' (did you mean 'middlewares'?)"),
    ("wrong type", route(priority="x"), Reason.INVALID_VALUE, "spec.routes[0].priority",
     "must be an integer, not 'x'"),
    ("a number where a string belongs", route(match=5), Reason.INVALID_VALUE, "spec.routes[0].match",
     "must be a string, not 5 (put it in quotes)"),
    ("a boolean is no integer", route(priority=True), Reason.INVALID_VALUE, "spec.routes[0].priority",
     "must be an integer, not True"),
    ("not one of the words", route(kind="Rules"), Reason.INVALID_VALUE, "spec.routes[0].kind",
     "'Rules' is not one of Rule (did you mean 'Rule'?)"),
    ("too small", route(services=[{"name": "x", "weight": -1}]), Reason.INVALID_VALUE,
     "spec.routes[0].services[0].weight", "-1 is too small: the least is 0"),
    ("too large", route(priority=9223372036854775807), Reason.INVALID_VALUE, "spec.routes[0].priority",
     "9223372036854775807 is too large: the most is 9223372036854774807"),
    ("required", manifest("IngressRoute", {}), Reason.MISSING_FIELD, "spec.routes", "is required"),
    ("not a list", manifest("IngressRoute", {"routes": {}}), Reason.INVALID_VALUE, "spec.routes",
     "must be a list, not a mapping"),
    ("not a mapping", manifest("IngressRoute", []), Reason.INVALID_VALUE, "spec", "must be a mapping, not a list"),
    ("port neither number nor name", route(services=[{"name": "x", "port": [1]}]), Reason.INVALID_VALUE,
     "spec.routes[0].services[0].port", "must be an integer or a string, not a list"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason", "field", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_mistake_names_field_value_and_way_out(data: Any, reason: Reason, field: str, message: str) -> None:
    for decoded in (decode_mapping(data), decode(ROUTE, json.dumps(data).encode())):
        assert decoded.resource is None
        assert [(p.reason, p.field, p.message) for p in decoded.problems] == [(reason, field, message)]
        assert str(decoded.problems[0]).startswith("IngressRoute default/blog: ")


def test_all_mistakes_are_found_at_once() -> None:
    data = manifest("IngressRoute", {"routes": [{"match": 1, "priority": "a"}, {"services": 3, "x": 1}], "y": 2})
    fields = [p.field for p in decode_mapping(data).problems]
    assert fields == [
        "spec.routes[0].match",
        "spec.routes[0].priority",
        "spec.routes[1].match",
        "spec.routes[1].services",
        "spec.routes[1].x",
        "spec.y",
    ]


def test_good_object() -> None:
    decoded = decode_mapping(route(services=[{"name": "blog", "port": "http"}]))
    assert decoded.problems == ()
    assert isinstance(decoded.resource, IngressRoute)
    assert decoded.resource.spec.routes[0].services[0].port == "http"


def test_unsupported_field_of_a_route_is_a_warning() -> None:
    decoded = decode_mapping(route(observability={"traceVerbosity": "detailed"}))
    assert decoded.resource is not None
    (problem,) = decoded.problems
    assert (problem.reason, problem.severity) == (Reason.UNSUPPORTED, Severity.WARNING)
    assert problem.field == "spec.routes[0].observability.traceVerbosity"


def test_unsupported_middleware_fails_closed() -> None:
    decoded = decode_mapping(manifest("Middleware", {"rateLimit": {"redis": {"db": 1}}}))
    assert decoded.resource is None
    assert [p.reason for p in decoded.problems] == [Reason.UNSUPPORTED]


def test_deprecated_field_is_a_warning() -> None:
    decoded = decode_mapping(manifest("Middleware", {"headers": {"sslRedirect": True, "frameDeny": True}}))
    assert decoded.resource is not None
    assert [(p.reason, p.severity) for p in decoded.problems] == [(Reason.DEPRECATED, Severity.WARNING)]


def test_unknown_kind_suggests_the_known_one() -> None:
    (problem,) = decode_mapping({"apiVersion": "traefik.io/v1alpha1", "kind": "IngresRoute"}).problems
    assert problem.reason is Reason.UNKNOWN_KIND
    assert "did you mean 'IngressRoute'" in problem.message


def test_old_group_names_the_new_one() -> None:
    (problem,) = decode_mapping({"apiVersion": "traefik.containo.us/v1alpha1", "kind": "Middleware"}).problems
    assert problem.is_error
    assert "use traefik.io/v1alpha1" in problem.message


def test_secret_values_stay_hidden() -> None:
    data = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "n"},
        "data": {"a": "aHVudGVyMg=="},
        "stringData": {"b": "hunter3"},
    }
    secret = decode_mapping(data).resource
    assert isinstance(secret, Secret)
    assert "hunter" not in repr(secret)
    assert "aHVu" not in repr(secret)
    a, b = secret.value("a"), secret.value("b")
    assert a is not None
    assert b is not None
    assert (a.reveal(), b.reveal()) == (b"hunter2", b"hunter3")


def test_secret_that_is_not_base64_does_not_show_its_value() -> None:
    data = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "hunter2!"}}
    decoded = decode_mapping(data)
    assert [p.field for p in decoded.problems] == ["data.a"]
    assert "hunter" not in str(decoded)


def test_service_port_by_number_name_and_digits() -> None:
    data = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]},
    }
    service = decode_mapping(data).resource
    assert isinstance(service, Service)
    found = [service.port(wanted) for wanted in (80, "80", "http", "admin", 82, "x")]
    assert [port and port.port for port in found] == [80, 80, 80, 81, None, None]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(
            st.sampled_from(["spec", "metadata", "name", "routes", "match", "data", "x"]), below, max_size=4
        )
    ),
    max_leaves=20,
)


@given(st.sampled_from(KINDS), JSON)
def test_no_input_raises(kind: Kind, data: Any) -> None:
    decoded = decode(kind, json.dumps(data).encode())
    assert (decoded.resource is None) == any(problem.is_error for problem in decoded.problems)


@given(st.sampled_from(KINDS), st.binary(max_size=50))
def test_no_bytes_raise(kind: Kind, raw: bytes) -> None:
    decode(kind, raw)
