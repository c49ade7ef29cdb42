"""OpenAPI v3 and v2: what clients learn about the fields of the kinds."""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import msgspec
import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.web import gnostic, swagger
from hearthgate.apiserver.web.openapi import OpenApi
from hearthgate.apiserver.web.reviews import REVIEWS
from hearthgate.apiserver.web.schema import schema_of
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Resource, unsupported
from tests.unit.apiserver.gnostic_reader import read

KINDS = ServedKinds().kinds
JSON = "application/json"
AT_SIGN = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


@cache
def documents() -> dict[str, Any]:
    openapi = OpenApi(KINDS, "1")
    paths = msgspec.json.decode(openapi.index().content)["paths"]
    found = {path: openapi.document(path) for path in paths}
    return {path: msgspec.json.decode(document.content) for path, document in found.items() if document}


@cache
def whole() -> Any:
    return msgspec.json.decode(OpenApi(KINDS, "1").whole(JSON).content)


def test_the_index_names_every_document_with_its_hash() -> None:
    openapi = OpenApi(KINDS, "1")
    index = msgspec.json.decode(openapi.index().content)["paths"]
    assert "api/v1" in index
    for path, entry in index.items():
        document = openapi.document(path)
        assert document is not None
        assert entry["serverRelativeURL"] == f"/openapi/v3/{path}?hash={document.etag}"
    assert openapi.index() == OpenApi(KINDS, "1").index(), "the same in every process"


def test_only_what_changed_is_made_anew() -> None:
    before = OpenApi(KINDS, "1")
    before.index()
    fewer = [kind for kind in KINDS if kind.plural != "middlewares"]
    after = OpenApi(fewer, "1", before)
    assert after.document("api/v1") is before.document("api/v1")
    assert after.document("apis/traefik.io/v1alpha1") != before.document("apis/traefik.io/v1alpha1")
    assert after.index() == OpenApi(fewer, "1").index()


def _identities(schemas: dict[str, Any]) -> list[tuple[str, str, str]]:
    named = "x-kubernetes-group-version-kind"
    return [
        (one["group"], one["version"], one["kind"]) for held in schemas.values() for one in held.get(named, ())
    ]


def test_every_kind_and_its_list_have_exactly_one_schema() -> None:
    # Argo CD refuses the whole document when a kind has two.
    wanted = {(kind.group, kind.version, f"{kind.kind}{end}") for kind in KINDS for end in ("", "List")}
    asked = {(kind.group, kind.version, kind.kind) for kind in REVIEWS}
    assert sorted(_identities(whole()["definitions"])) == sorted(wanted | asked | {("", "v1", "Status")})
    for path, document in documents().items():
        found = _identities(document["components"]["schemas"])
        assert len(found) == len(set(found)), path


def test_every_reference_leads_to_a_schema() -> None:
    for document in documents().values():
        names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
        assert set(_references(document)) <= names
    assert set(_references(whole())) <= {f"#/definitions/{name}" for name in whole()["definitions"]}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)


def test_patches_say_that_fields_are_validated_and_dry_runs_known() -> None:
    for document in (*documents().values(), whole()):
        for path, operations in document["paths"].items():
            if "patch" in operations:
                names = {parameter["name"] for parameter in operations["patch"]["parameters"]}
                assert {"dryRun", "fieldValidation", "force"} <= names, path
                assert operations["patch"]["x-kubernetes-group-version-kind"]["kind"]


def test_operations_have_names_of_their_own() -> None:
    names = [
        operation["operationId"]
        for operations in whole()["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    assert len(names) == len(set(names))
    assert {"listTraefikIoV1alpha1NamespacedIngressRoute", "readCoreV1NamespacedPodLog"} <= set(names)


def test_what_is_served_below_objects_is_described() -> None:
    paths = whole()["paths"]
    assert paths["/api/v1/namespaces/{name}/finalize"].keys() == {"put", "parameters"}
    assert paths["/api/v1/namespaces/{namespace}/pods/{name}/log"]["get"]["produces"] == ["text/plain"]
    assert "patch" in paths["/apis/traefik.io/v1alpha1/namespaces/{namespace}/ingressroutes/{name}/status"]
    review = paths["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"]
    assert review.keys() == {"post", "parameters"}


def test_a_schema_follows_its_type() -> None:
    schemas = documents()["apis/traefik.io/v1alpha1"]["components"]["schemas"]
    route = schemas["io.traefik.v1alpha1.IngressRoute"]["properties"]["spec"]["properties"]["routes"]["items"]
    assert route["required"] == ["match"]
    assert route["properties"]["kind"]["enum"]
    port = route["properties"]["services"]["items"]["properties"]["port"]
    assert port["allOf"] == [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString"}]
    assert "x-kubernetes-preserve-unknown-fields" not in route


@pytest.mark.parametrize("kind", [kind.kind for kind in KINDS if kind.group == "traefik.io"])
def test_every_field_that_users_look_up_is_described(kind: str) -> None:
    schemas = documents()["apis/traefik.io/v1alpha1"]["components"]["schemas"]
    assert [*_undescribed(schemas[f"io.traefik.v1alpha1.{kind}"], kind)] == []


def _undescribed(schema: Any, path: str) -> Iterator[str]:
    for name, held in schema.get("properties", {}).items():
        if not held.get("description"):
            yield f"{path}.{name}"
        yield from _undescribed(held, f"{path}.{name}")
    if "items" in schema:
        yield from _undescribed(schema["items"], f"{path}[]")


class Peer(Resource, frozen=True, kw_only=True):
    """Needs my_asn.

    my_asn: One's own number; see
        also peer_asn.
    peer_asn: The other number.
    hold: Short.
    """

    my_asn: int = msgspec.field(name="myASN")
    peer_asn: Annotated[int, msgspec.Meta(ge=1), unsupported("use my_asn")] = msgspec.field(
        default=0, name="peerASN"
    )
    hold: Annotated[str, msgspec.Meta(pattern="^a", max_length=3, description="From the mark.")] = "a"
    tags: Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1)], ...], msgspec.Meta(min_length=2)] = (
        "x",
        "y",
    )
    limit: int | None = None


def test_texts_and_bounds_of_a_type() -> None:
    schema = schema_of(Kind("x.io", "v1", "Peer", "peers", resource_type=Peer))
    properties = schema["properties"]
    assert schema["description"] == "Needs myASN."
    assert schema["required"] == ["myASN"]
    assert properties["myASN"]["description"] == "One's own number; see also peerASN."
    assert properties["peerASN"]["minimum"] == 1
    assert properties["peerASN"]["description"] == "The other number. Not supported by Hearthgate yet: use my_asn."
    assert properties["hold"] == {
        "type": "string",
        "pattern": "^a",
        "maxLength": 3,
        "default": "a",
        "description": "Short.",
    }
    assert properties["tags"]["minItems"] == 2
    assert properties["tags"]["items"] == {"type": "string", "minLength": 1}
    assert properties["limit"] == {"type": "integer", "format": "int64"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param(
            {"type": "string", "nullable": True, "description": "a"}, {"description": "a"}, id="nullable"
        ),
        pytest.param(
            {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]},
            {"type": "object", "properties": {"a": {"type": "string"}}},
            id="alternatives",
        ),
        pytest.param(
            {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            {"x-kubernetes-int-or-string": True},
            id="int or string",
        ),
        pytest.param(
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"a": {}}},
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            id="open",
        ),
        pytest.param(
            {"description": "a", "allOf": [{"$ref": "#/components/schemas/x"}]},
            {"description": "a", "$ref": "#/definitions/x"},
            id="a described reference",
        ),
        pytest.param(
            {"type": "array", "items": {"$ref": "#/components/schemas/x"}},
            {"type": "array", "items": {"$ref": "#/definitions/x"}},
            id="below items",
        ),
        pytest.param(
            {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
            {"format": "int-or-string", "type": "string"},
            id="a number or text",
        ),
        pytest.param(
            {"type": "object", "properties": {"default": {"type": "string", "default": "x"}}},
            {"type": "object", "properties": {"default": {"type": "string"}}},
            id="a field called default",
        ),
    ],
)
def test_a_schema_in_the_words_of_version_2(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert swagger.schema(given) == wanted


def test_version_2_comes_in_the_form_that_is_preferred() -> None:
    openapi = OpenApi(KINDS, "1")
    for accept in (AT_SIGN, gnostic.MEDIA_TYPE, f"{gnostic.MEDIA_TYPE},{JSON};q=0.5"):
        assert openapi.whole(accept).media == gnostic.MEDIA_TYPE
    for accept in ("", "*/*", JSON, f"{JSON},{AT_SIGN}", f"{AT_SIGN};q=0.1,*/*"):
        assert openapi.whole(accept).media == JSON
    with pytest.raises(ApiError) as refused:
        openapi.whole("text/html")
    assert refused.value.status == 406


def test_the_protobuf_says_what_the_json_says() -> None:
    found = read(OpenApi(KINDS, "1").whole(AT_SIGN).content)
    wanted = whole()
    assert found["info"] == wanted["info"]
    assert [path["name"] for path in found["paths"]["path"]] == list(wanted["paths"])
    held = {entry["name"]: _schema(entry["value"]) for entry in found["definitions"]["additional_properties"]}
    assert held.keys() == wanted["definitions"].keys()
    for name, schema in wanted["definitions"].items():
        assert held[name] == _sayable(schema), name


def test_the_operations_survive_as_protobuf() -> None:
    found = read(OpenApi(KINDS, "1").whole(AT_SIGN).content)
    paths = {entry["name"]: entry["value"] for entry in found["paths"]["path"]}
    for path, wanted in whole()["paths"].items():
        for method, operation in wanted.items():
            held = paths[path][method]
            if method == "parameters":
                assert [_parameter(item)["name"] for item in held] == [item["name"] for item in operation]
                continue
            assert held["operation_id"] == operation["operationId"]
            names = [_parameter(item)["name"] for item in held.get("parameters", ())]
            assert names == [item["name"] for item in operation.get("parameters", ())]
            extensions = {
                one["name"]: msgspec.json.decode(one["value"]["yaml"]) for one in held["vendor_extension"]
            }
            assert extensions == {key: value for key, value in operation.items() if key.startswith("x-")}
            codes = [entry["name"] for entry in held["responses"]["response_code"]]
            assert codes == list(operation["responses"])


def _parameter(item: Any) -> Any:
    parameter = item["parameter"]
    if "body_parameter" in parameter:
        return parameter["body_parameter"]
    (held,) = parameter["non_body_parameter"].values()
    assert held["type"] in {"string", "integer", "boolean"}
    return held


def _schema(given: Any) -> Any:
    """A schema as it was before it became protobuf."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        match name:
            case "properties":
                found[name] = {
                    entry["name"]: _schema(entry["value"]) for entry in value.get("additional_properties", ())
                }
            case "items":
                (found[name],) = map(_schema, value["schema"])
            case "additional_properties":
                found["additionalProperties"] = (
                    value["boolean"] if "boolean" in value else _schema(value["schema"])
                )
            case "type":
                (found[name],) = value["value"]
            case "enum":
                found[name] = [msgspec.json.decode(item["yaml"]) for item in value]
            case "vendor_extension":
                found |= {one["name"]: msgspec.json.decode(one["value"]["yaml"]) for one in value}
            case "_ref":
                found["$ref"] = value
            case "max_length" | "min_length" | "max_items" | "min_items" | "max_properties" | "min_properties":
                found[_camel(name)] = int(value)
            case _:
                found[_camel(name)] = value
    return found


def _sayable(schema: Any) -> Any:
    """As protobuf can say it: a bound is a double, and zero is the same as none."""
    if isinstance(schema, list):
        return [_sayable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    bounds = {name: schema[name] for name in ("minimum", "maximum") if isinstance(schema.get(name), int)}
    held = {key: _sayable(value) for key, value in schema.items() if key not in bounds}
    return held | {name: float(value) for name, value in bounds.items() if value}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
