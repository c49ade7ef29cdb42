"""Admission and lifecycle: what may be stored, what the server keeps, what it fills in."""

import copy
from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.semantics import lifecycle
from hearthgate.apiserver.semantics.admission import FieldValidation, admit
from hearthgate.apiserver.semantics.defaults import fill, without_nulls
from hearthgate.apiserver.semantics.validation import check_values
from hearthgate.resources.registry import KINDS

Object = dict[str, Any]
KIND = {kind.kind: kind for kind in KINDS}
NOW = "2026-01-01T00:00:00Z"


def route(**spec: Any) -> Object:
    return {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": "blog", "namespace": "web"},
        "spec": {"routes": [{"match": "Host(`a`)", "services": [{"name": "x", "port": 80}]}], **spec},
    }


UNSUPPORTED = [{"match": "Host(`a`)", "services": [], "observability": {"tracing": True}}]


def refusal(kind: str, obj: Object, validation: FieldValidation = FieldValidation.STRICT) -> ApiError:
    with pytest.raises(ApiError) as refused:
        admit(KIND[kind], obj, validation)
    return refused.value


def test_a_good_object_passes_unchanged() -> None:
    obj = route()
    before = copy.deepcopy(obj)
    assert admit(KIND["IngressRoute"], obj, FieldValidation.STRICT) == ()
    assert obj == before


def test_strict_refuses_every_unknown_field_at_once() -> None:
    error = refusal("IngressRoute", route(rootes=[], entrypoints=[]))
    assert (error.status, error.reason) == (400, "BadRequest")
    handled = 'IngressRoute in version "v1alpha1" cannot be handled as a IngressRoute'
    assert error.message.startswith(f"{handled}: strict decoding error: ")
    assert 'unknown field "spec.rootes"' in error.message
    assert "unknown field \"spec.entrypoints\" (did you mean 'entryPoints'?)" in error.message


def test_warn_prunes_and_says_so() -> None:
    obj = route(rootes=[])
    obj["spec"]["routes"][0]["mach"] = 1
    warnings = admit(KIND["IngressRoute"], obj, FieldValidation.WARN)
    assert [warning.split(" (")[0] for warning in warnings] == [
        'unknown field "spec.routes[0].mach"',
        'unknown field "spec.rootes"',
    ]
    assert obj == route()


def test_ignore_prunes_in_silence() -> None:
    obj = route(rootes=[])
    obj["spec"]["a.b/c"] = {"d": 1}
    assert admit(KIND["IngressRoute"], obj, FieldValidation.IGNORE) == ()
    assert obj == route()


def test_a_wrong_type_is_invalid_with_every_cause() -> None:
    error = refusal("IngressRoute", route(entryPoints="web", routes=[{"services": [{"name": 5}]}]))
    assert (error.status, error.reason) == (422, "Invalid")
    assert {(cause.field, cause.reason) for cause in error.causes} == {
        ("spec.entryPoints", "FieldValueInvalid"),
        ("spec.routes[0].match", "FieldValueRequired"),
        ("spec.routes[0].services[0].name", "FieldValueInvalid"),
    }
    assert error.body()["details"] == {
        "name": "blog",
        "group": "traefik.io",
        "kind": "IngressRoute",
        "causes": [cause._asdict() for cause in error.causes],
    }


def test_what_is_not_supported_is_a_warning_not_a_refusal() -> None:
    obj = route(routes=UNSUPPORTED)
    (warning,) = admit(KIND["IngressRoute"], obj, FieldValidation.STRICT)
    assert warning.startswith("spec.routes[0].observability.tracing: ")
    assert obj == route(routes=UNSUPPORTED)


def test_what_is_not_supported_is_found_beside_an_unknown_field() -> None:
    obj = route(routes=UNSUPPORTED, rootes=[])
    warnings = admit(KIND["IngressRoute"], obj, FieldValidation.WARN)
    assert ["tracing" in warning for warning in warnings] == [False, True]


@pytest.mark.parametrize("part", ["spec", "status"])
@pytest.mark.parametrize("kind", ["Namespace", "Pod", "Service", "Node", "Event"])
def test_spec_and_status_are_mappings_also_where_nothing_is_read(kind: str, part: str) -> None:
    error = refusal(kind, {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, part: []})
    assert [cause.field for cause in error.causes if cause.reason == "FieldValueInvalid"] == [part]


BAD_METADATA: dict[str, tuple[str, Object, str]] = {
    "no name": ("ConfigMap", {}, "metadata.name"),
    "upper case": ("ConfigMap", {"name": "Blog"}, "metadata.name"),
    "an underscore": ("ConfigMap", {"name": "a_b"}, "metadata.name"),
    "too long": ("ConfigMap", {"name": "a" * 254}, "metadata.name"),
    "a slash": ("ConfigMap", {"name": "a/b"}, "metadata.name"),
    "a newline": ("ConfigMap", {"name": "a\n"}, "metadata.name"),
    "a service with a dot": ("Service", {"name": "a.b"}, "metadata.name"),
    "a long service": ("Service", {"name": "a" * 64}, "metadata.name"),
    "a label key": ("ConfigMap", {"name": "a", "labels": {"a b": "c"}}, "metadata.labels"),
    "a label prefix": ("ConfigMap", {"name": "a", "labels": {"A_/b": "c"}}, "metadata.labels"),
    "a label value": ("ConfigMap", {"name": "a", "labels": {"a": "c d"}}, "metadata.labels"),
    "a long label value": ("ConfigMap", {"name": "a", "labels": {"a": "c" * 64}}, "metadata.labels"),
    "a label that is no text": ("ConfigMap", {"name": "a", "labels": {"a": 1}}, "metadata.labels.a"),
    "an annotation key": ("ConfigMap", {"name": "a", "annotations": {"a b": "c"}}, "metadata.annotations"),
    "huge annotations": ("ConfigMap", {"name": "a", "annotations": {"a": "c" * 262_145}}, "metadata.annotations"),
    "a finalizer": ("ConfigMap", {"name": "a", "finalizers": ["a b"]}, "metadata.finalizers"),
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_bad_metadata_is_refused(case: str) -> None:
    kind, metadata, field = BAD_METADATA[case]
    error = refusal(kind, {"apiVersion": "v1", "kind": kind, "metadata": metadata})
    assert error.status == 422
    assert [cause.field for cause in error.causes] == [field]


@pytest.mark.parametrize("name", ["a", "a.b.c", "1", "a" * 253, "kube-root-ca.crt"])
def test_good_names_pass(name: str) -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"a/b": ""}}}
    assert admit(KIND["ConfigMap"], obj, FieldValidation.STRICT) == ()


SECRET_MISTAKES: list[tuple[str, object]] = [
    ("data", "hunter2"),
    ("data", ["hunter2"]),
    ("data", {"a": "hunter2!"}),
    ("data", {"a": ["hunter2"]}),
    ("stringData", "hunter2"),
    ("stringData", {"a": {"hunter2": 1}}),
]


@pytest.mark.parametrize(("field", "data"), SECRET_MISTAKES)
def test_a_refusal_does_not_quote_a_secret(field: str, data: object) -> None:
    obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, field: data}
    error = refusal("Secret", obj)
    assert error.status == 422
    assert "hunter2" not in repr(error.body())


DEFAULTS: dict[str, tuple[str, Object, Object]] = {
    "a service": (
        "services",
        {"spec": {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP", "targetPort": "dns"}]}},
        {
            "spec": {
                "type": "ClusterIP",
                "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster",
                "ports": [
                    {"port": 80, "protocol": "TCP", "targetPort": 80},
                    {"port": 53, "protocol": "UDP", "targetPort": "dns"},
                ],
            },
            "status": {"loadBalancer": {}},
        },
    ),
    "a secret in plain text": (
        "secrets",
        {"data": {"a": "eA==", "b": "eQ=="}, "stringData": {"b": "é"}},
        {"data": {"a": "eA==", "b": "w6k="}, "type": "Opaque"},
    ),
    "a namespace": (
        "namespaces",
        {"metadata": {"name": "web"}},
        {
            "metadata": {"name": "web", "labels": {"kubernetes.io/metadata.name": "web"}},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        },
    ),
    "a slice": (
        "endpointslices.discovery.k8s.io",
        {"ports": [{"port": 80}], "endpoints": None},
        {"ports": [{"port": 80, "name": "", "protocol": "TCP"}], "endpoints": None},
    ),
}


@pytest.mark.parametrize("case", DEFAULTS)
def test_defaults(case: str) -> None:
    resource, obj, expected = DEFAULTS[case]
    fill(resource, obj)
    assert obj == expected
    fill(resource, obj)
    assert obj == expected, "filling twice is filling once"


def test_null_is_left_out_of_built_in_kinds_only() -> None:
    built_in = {"metadata": {"labels": None, "name": "a"}, "data": None, "x": [{"y": None}]}
    assert without_nulls(KIND["ConfigMap"], built_in) == {"metadata": {"name": "a"}, "x": [{}]}
    custom = {"metadata": {"labels": None}, "spec": None}
    assert without_nulls(KIND["IngressRoute"], custom) == {"metadata": {}, "spec": None}


def stored(**parts: Any) -> Object:
    obj = lifecycle.created(KIND["IngressRoute"], route(), now=NOW, uid="u1")
    obj["metadata"]["resourceVersion"] = "5"
    return {**obj, **parts}


def changed(new: Object, *, old: Object | None = None, status: bool = False) -> Object:
    return lifecycle.updated(KIND["IngressRoute"], old or stored(), new, status=status)


def test_the_server_gives_the_metadata() -> None:
    asked = route()
    asked["metadata"] |= {"uid": "mine", "resourceVersion": "9", "generation": 7, "creationTimestamp": "x"}
    obj = lifecycle.created(KIND["IngressRoute"], {**asked, "status": {"a": 1}}, now=NOW, uid="u1")
    assert obj["metadata"] == {
        "name": "blog",
        "namespace": "web",
        "uid": "u1",
        "creationTimestamp": NOW,
        "generation": 1,
    }
    assert "status" not in obj


def test_empty_metadata_is_left_out() -> None:
    asked = {"metadata": {"name": "a", "labels": {}, "annotations": {}, "finalizers": [], "ownerReferences": []}}
    assert lifecycle.envelope(KIND["ConfigMap"], asked, "web")["metadata"] == {"name": "a", "namespace": "web"}


def test_generation_grows_with_the_spec_only() -> None:
    assert changed(route(entryPoints=["web"]))["metadata"]["generation"] == 2
    labelled = route()
    labelled["metadata"]["labels"] = {"a": "b"}
    assert changed(labelled)["metadata"]["generation"] == 1


def test_the_main_door_keeps_the_status_and_the_other_one_changes_nothing_else() -> None:
    old = stored(status={"a": 1})
    assert changed({**route(), "status": {"a": 2}}, old=old)["status"] == {"a": 1}
    through_status = changed({**route(entryPoints=["x"]), "status": {"a": 2}}, old=old, status=True)
    assert through_status == {**old, "status": {"a": 2}}


def test_an_update_of_nothing_is_equal() -> None:
    assert changed(route()) == stored()


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_another_version_or_object_is_a_conflict(field: str) -> None:
    new = route()
    new["metadata"][field] = "4"
    with pytest.raises(ApiError) as refused:
        changed(new)
    assert (refused.value.status, refused.value.reason) == (409, "Conflict")


def test_clients_cannot_change_what_the_server_keeps() -> None:
    new = route()
    new["metadata"] |= {"creationTimestamp": "x", "generation": 9, "deletionTimestamp": "y"}
    assert changed(new)["metadata"] == stored()["metadata"]


def test_a_deleted_object_takes_no_new_finalizers_and_is_released_by_the_last() -> None:
    old = stored()
    old["metadata"]["finalizers"] = ["a/b"]
    marked = lifecycle.deleted(KIND["IngressRoute"], old, None, now=NOW)
    assert marked["metadata"]["generation"] == 2
    assert not lifecycle.is_released(KIND["IngressRoute"], marked)
    more = route()
    more["metadata"]["finalizers"] = ["a/b", "c/d"]
    with pytest.raises(ApiError) as refused:
        changed(more, old=marked)
    assert refused.value.status == 422
    assert lifecycle.is_released(KIND["IngressRoute"], changed(route(), old=marked))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Middleware"},
        {"apiVersion": "v1"},
        {"metadata": {"name": "other"}},
        {"metadata": {"name": "blog", "namespace": "other"}},
    ],
)
def test_an_object_at_the_wrong_address_is_refused(change: Object) -> None:
    with pytest.raises(ApiError) as refused:
        lifecycle.envelope(KIND["IngressRoute"], {**route(), **change}, "web", "blog")
    assert refused.value.status == 400


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(ApiError) as refused:
        lifecycle.envelope(KIND["IngressRoute"], body, "web")
    assert refused.value.status == 400


def test_an_object_that_patches_made_too_deep_is_refused() -> None:
    deep: Object = {}
    for _ in range(99):
        deep = {"a": deep}
    assert lifecycle.envelope(KIND["IngressRoute"], {**route(), "spec": deep}, "web")["spec"] == deep
    with pytest.raises(ApiError) as refused:
        lifecycle.envelope(KIND["IngressRoute"], {**route(), "spec": {"a": deep}}, "web")
    assert refused.value.status == 400


IMMUTABLE: dict[str, tuple[str, Object, Object, bool]] = {
    "the type of a secret": ("Secret", {"type": "a"}, {"type": "b"}, True),
    "data of a secret": ("Secret", {"data": {}}, {"data": {"a": ""}}, False),
    "frozen data": ("ConfigMap", {"immutable": True, "data": {}}, {"immutable": True, "data": {"a": ""}}, True),
    "thawing": ("ConfigMap", {"immutable": True}, {"immutable": False}, True),
}


@pytest.mark.parametrize("case", IMMUTABLE)
def test_immutable_fields(case: str) -> None:
    kind, old, new, refused = IMMUTABLE[case]
    metadata = {"metadata": {"name": "a"}}
    if not refused:
        check_values(KIND[kind], {**metadata, **new}, {**metadata, **old})
        return
    with pytest.raises(ApiError, match="field is immutable"):
        check_values(KIND[kind], {**metadata, **new}, {**metadata, **old})
