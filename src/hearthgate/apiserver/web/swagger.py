"""OpenAPI v2 (Swagger) out of OpenAPI v3 documents. Pure.

v2 has fewer words: alternatives (anyOf, oneOf, not), nullable and defaults of custom kinds are left out as
upstream leaves them out, and what may be null or preserves unknown fields loses its type, since clients of
v2 would take it too strictly.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Schema = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/"
_DROPPED: Final = frozenset({"anyOf", "oneOf", "not", "allOf", "nullable", "default", "example"})
_OF_TYPE: Final = frozenset({"type", "properties", "items", "additionalProperties", "required", "format", "enum"})


def document(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One document of all `parts`. A component that several of them have is the same in each."""
    paths: dict[str, Any] = {}
    definitions: dict[str, Schema] = {}
    info: Mapping[str, Any] = {"title": "", "version": ""}
    for part in parts:
        info = part["info"]
        paths |= {path: _path(item) for path, item in part["paths"].items()}
        schemas = part["components"]["schemas"]
        definitions |= {name: schema(held) for name, held in schemas.items() if name not in definitions}
    return {"swagger": "2.0", "info": dict(info), "paths": paths, "definitions": definitions}


def schema(given: Mapping[str, Any]) -> Schema:
    """One schema in the words of v2."""
    if "$ref" in given:
        return {"$ref": _moved(given["$ref"])}
    all_of: Sequence[Mapping[str, Any]] = given.get("allOf") or ()
    if len(all_of) == 1 and "$ref" in all_of[0]:
        # A reference with a text of its own: readers of v2 take both side by side.
        text = {"description": given["description"]} if "description" in given else {}
        return {**text, "$ref": _moved(all_of[0]["$ref"])}
    if given.get("format") == "int-or-string":
        # The word of v2 for it, which its readers know.
        return {**{key: value for key, value in given.items() if key not in _DROPPED}, "type": "string"}
    dropped = set(_DROPPED)
    if given.get("nullable"):
        dropped |= _OF_TYPE
    if given.get("x-kubernetes-int-or-string"):
        dropped |= {"type"}
    if given.get("x-kubernetes-preserve-unknown-fields"):
        # The root keeps what makes it an object of its kind.
        held = ("apiVersion", "kind", "metadata") if "x-kubernetes-group-version-kind" in given else ()
        properties = {name: given["properties"][name] for name in held}
        given = {**given, "properties": properties}
        dropped |= {"items", "required", *(() if properties else ("properties",))}
    return {key: _value(key, value) for key, value in given.items() if key not in dropped}


def _value(key: str, value: Any) -> Any:
    match key:
        case "properties":
            return {name: schema(held) for name, held in value.items()}
        case "items" | "additionalProperties" if isinstance(value, Mapping):
            return schema(value)
        case _:
            return value


def _moved(link: str) -> str:
    return f"#/definitions/{link.removeprefix(_REFERENCE)}"


def _path(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: [_parameter(held) for held in value] if key == "parameters" else _operation(value)
        for key, value in item.items()
    }


def _operation(given: Mapping[str, Any]) -> dict[str, Any]:
    operation = {key: value for key, value in given.items() if key not in {"requestBody", "responses"}}
    parameters = [_parameter(held) for held in given.get("parameters", ())]
    if body := given.get("requestBody"):
        operation["consumes"] = list(body["content"])
        held = next(iter(body["content"].values()))["schema"]
        required = {"required": True} if body.get("required") else {}
        parameters.insert(0, {"name": "body", "in": "body", **required, "schema": schema(held)})
    if parameters:
        operation["parameters"] = parameters
    operation["responses"] = {}
    for code, response in given["responses"].items():
        media, held = next(iter(response["content"].items()))
        operation["produces"] = [media]
        operation["responses"][code] = {"description": response["description"], "schema": schema(held["schema"])}
    return operation


def _parameter(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in given.items() if key != "schema"}, **given["schema"]}
