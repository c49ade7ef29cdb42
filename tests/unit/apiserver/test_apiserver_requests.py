"""Reading requests: paths, Accept, bodies, protobuf, and who asks."""

from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.web.body import decode_object
from hearthgate.apiserver.web.negotiate import Form, wanted_form
from hearthgate.apiserver.web.protobuf import MEDIA_TYPE, decode_body
from hearthgate.apiserver.web.query import flag, watch_options, write_options
from hearthgate.apiserver.web.target import Targets

TARGETS = Targets(ServedKinds())

PATHS: dict[str, tuple[str, str | None, str, str] | None] = {
    "/api/v1/services": ("Service", None, "", ""),
    "/api/v1/namespaces/a/services": ("Service", "a", "", ""),
    "/api/v1/namespaces/a/services/b": ("Service", "a", "b", ""),
    "/api/v1/namespaces/a/services/b/status": ("Service", "a", "b", "status"),
    "/api/v1/namespaces": ("Namespace", None, "", ""),
    "/api/v1/namespaces/a": ("Namespace", None, "a", ""),
    "/api/v1/namespaces/a/status": ("Namespace", None, "a", "status"),
    "/api/v1/namespaces/a/secrets/b%2Fc": ("Secret", "a", "b/c", ""),
    "/apis/traefik.io/v1alpha1/ingressroutes": ("IngressRoute", None, "", ""),
    "/apis/traefik.io/v1alpha1/namespaces/a/ingressroutes/b": ("IngressRoute", "a", "b", ""),
    "/apis/networking.k8s.io/v1/ingressclasses/x": ("IngressClass", None, "x", ""),
    "/apis/traefik.io/v1/ingressroutes": None,
    "/apis/traefik.io/v1alpha1/namespaces/a/nope": None,
    "/api/v1/namespaces/a/nodes/b": None,
    "/api/v1/services/b": None,
    "/api/v1/namespaces/a/secrets/b/status": None,
    "/api/v1/namespaces/a/services/b/scale": None,
    "/api/v1/namespaces/a/services/b/status/c": None,
    "/api/v1/namespaces//services": None,
    "/api/v1": None,
    "/": None,
}


@pytest.mark.parametrize("path", PATHS)
def test_targets(path: str) -> None:
    found = TARGETS.find(path)
    assert (found and (found.kind.kind, found.namespace, found.name, found.subresource)) == PATHS[path]


TABLE = ",".join(
    [
        "application/json;as=Table;v=v1;g=meta.k8s.io",
        "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
        "application/json",
    ]
)

FORMS: dict[str, Form | None] = {
    "": Form.OBJECT,
    "*/*": Form.OBJECT,
    "application/json": Form.OBJECT,
    TABLE: Form.TABLE,
    "application/vnd.kubernetes.protobuf,application/json": Form.OBJECT,
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1": Form.PARTIAL_LIST,
    "application/json;as=Sculpture;g=meta.k8s.io;v=v1,application/json": Form.OBJECT,
    "application/json;q=0.1,application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9": Form.TABLE,
    "application/json;q=0": None,
    "text/html": None,
    "application/vnd.kubernetes.protobuf": None,
}


@pytest.mark.parametrize("accept", FORMS)
def test_the_wanted_form(accept: str) -> None:
    if FORMS[accept] is not None:
        assert wanted_form(accept) is FORMS[accept]
        return
    with pytest.raises(ApiError) as refused:
        wanted_form(accept)
    assert refused.value.status == 406


BODIES: dict[str, tuple[str, bytes, Any]] = {
    "json": ("application/json", b'{"a": [1]}', {"a": [1]}),
    "yaml": ("application/yaml", b"a: [1]\nb: 2026-01-01\n", {"a": [1], "b": "2026-01-01"}),
    "no type": ("application/octet-stream", b"{}", {}),
}


@pytest.mark.parametrize("case", BODIES)
def test_bodies(case: str) -> None:
    content_type, body, expected = BODIES[case]
    assert decode_object(content_type, body) == expected


BAD_BODIES: dict[str, tuple[str, bytes, int]] = {
    "broken json": ("application/json", b'{"a"', 400),
    "deep json": ("application/json", b"[" * 100_000, 400),
    "binary": ("application/json", b"\xff\xfe\x00", 400),
    "broken yaml": ("application/yaml", b"a: [", 400),
    "a yaml bomb": ("application/yaml", b"a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]\n", 400),
    "json of 500 levels": ("application/json", b"[" * 500 + b"]" * 500, 400),
    "deep json under the name of yaml": ("application/yaml", b"[" * 500 + b"]" * 500, 400),
    "deep yaml": ("application/yaml", b"[" * 20_000, 400),
    "a yaml key that is no text": ("application/yaml", b"1: x", 400),
    "cbor": ("application/cbor", b"", 415),
    "protobuf without its magic": (MEDIA_TYPE, b"{}", 400),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bad_bodies(case: str) -> None:
    content_type, body, status = BAD_BODIES[case]
    with pytest.raises(ApiError) as refused:
        decode_object(content_type, body)
    assert refused.value.status == status


def field(number: int, content: bytes | int) -> bytes:
    """One protobuf field; short values only."""
    if isinstance(content, int):
        return bytes([number << 3, *_varint(content)])
    return bytes([*_varint(number << 3 | 2), *_varint(len(content))]) + content


def _varint(value: int) -> list[int]:
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return [*digits, value]


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    named = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\0" + field(1, named) + field(2, raw) + field(3, b"") + field(4, b"")


def test_a_service_in_protobuf() -> None:
    port = field(1, b"http") + field(3, 80) + field(4, field(1, 1) + field(2, 0) + field(3, b"web")) + field(5, 0)
    pair = field(1, b"app") + field(2, b"x")
    spec = field(1, port) + field(2, pair) + field(3, b"") + field(4, b"LoadBalancer") + field(13, 0)
    metadata = field(1, b"blog") + field(5, b"") + field(8, b"") + field(11, pair)
    body = envelope("v1", "Service", field(1, metadata) + field(2, spec) + field(3, field(1, b"")))
    assert decode_body(body) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "blog", "labels": {"app": "x"}},
        "spec": {
            "ports": [{"name": "http", "port": 80, "targetPort": "web"}],
            "selector": {"app": "x"},
            "type": "LoadBalancer",
        },
        "status": {"loadBalancer": {}},
    }


def test_a_secret_in_protobuf() -> None:
    data = field(1, b"key") + field(2, b"\x00\xff")
    body = envelope("v1", "Secret", field(1, field(1, b"s")) + field(2, data) + field(3, b"Opaque"))
    assert decode_body(body)["data"] == {"key": "AP8="}


def test_delete_options_come_with_any_version() -> None:
    for version in ("v1", "apps/v1", "meta.k8s.io/v1"):
        options = field(2, field(1, b"u")) + field(4, b"Foreground") + field(5, b"All")
        decoded = decode_body(envelope(version, "DeleteOptions", options))
        assert decoded["preconditions"] == {"uid": "u"}
        assert (decoded["propagationPolicy"], decoded["dryRun"]) == ("Foreground", ["All"])


def test_a_message_that_is_not_known_is_refused_as_such() -> None:
    with pytest.raises(ApiError) as refused:
        decode_body(envelope("apps/v1", "Deployment", b""))
    assert refused.value.status == 415


def test_parameters_are_read_as_upstream_reads_them() -> None:
    assert [flag({"watch": text}, "watch") for text in ("True", "1", "", "false", "0")] == [True] * 3 + [False] * 2
    options = write_options({}, "kubectl/v1.32 (linux)", "")
    assert (options.manager, options.validation.value, options.dry_run) == ("kubectl", "Warn", False)
    assert write_options({"dryRun": "All", "fieldManager": "me"}, "x", "").manager == "me"


@pytest.mark.parametrize(
    "query",
    [{"fieldValidation": "Loose"}, {"dryRun": "Some"}, {"fieldManager": "x" * 129}, {"fieldManager": "\n"}],
)
def test_bad_write_parameters(query: dict[str, str]) -> None:
    with pytest.raises(ApiError) as refused:
        write_options(query, "", "")
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "query", [{"resourceVersion": "x"}, {"timeoutSeconds": "-1"}, {"sendInitialEvents": "true"}]
)
def test_bad_watch_parameters(query: dict[str, str]) -> None:
    with pytest.raises(ApiError) as refused:
        watch_options(query, Form.OBJECT)
    assert refused.value.status == 400
