"""OpenAPI v3: one document for each group and version, and their index. Pure.

kubectl reads more than schemas: the query parameters of the write operations tell it that the server
validates fields and knows dry runs, so they are listed. Strategic merge is left out on purpose: kubectl then
computes those patches from its own types.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final

import msgspec

from hearthgate.apiserver.web.schema import schema_of
from hearthgate.resources.kinds import Kind

_PATCH_TYPES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
)
_WRITE_PARAMETERS: Final = ("dryRun", "fieldManager", "fieldValidation")


class OpenApi:
    """The documents for one set of kinds, made when first asked for."""

    def __init__(self, kinds: Iterable[Kind], version: str) -> None:
        self._version = version
        self._groups: dict[str, list[Kind]] = {}
        for kind in kinds:
            path = f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
            self._groups.setdefault(path, []).append(kind)

    @cached_property
    def documents(self) -> dict[str, bytes]:
        """By path below `/openapi/v3/`."""
        return {
            path: msgspec.json.encode(self._document(path, kinds)) for path, kinds in sorted(self._groups.items())
        }

    @cached_property
    def index(self) -> bytes:
        paths = {
            path: {
                "serverRelativeURL": f"/openapi/v3/{path}?hash={hashlib.sha256(document).hexdigest()[:32].upper()}"
            }
            for path, document in self.documents.items()
        }
        return msgspec.json.encode({"paths": paths})

    def _document(self, path: str, kinds: Sequence[Kind]) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        for kind in kinds:
            paths.update(_paths(f"/{path}", kind))
        return {
            "openapi": "3.0.0",
            "info": {"title": "Hearthgate", "version": self._version},
            "paths": paths,
            "components": {"schemas": {_schema_name(kind): schema_of(kind) for kind in kinds}},
        }


def _schema_name(kind: Kind) -> str:
    group = ".".join(reversed(kind.group.split("."))) if kind.group else "core"
    return f"{group}.{kind.version}.{kind.kind}"


def _paths(root: str, kind: Kind) -> dict[str, Any]:
    base = f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"
    outer = [_path_parameter("namespace")] if kind.namespaced else []
    item = [*outer, _path_parameter("name")]
    read_write = {
        "get": _operation(kind, "get"),
        "put": _operation(kind, "put", body=("application/json",)),
        "patch": _operation(kind, "patch", body=_PATCH_TYPES),
    }
    paths: dict[str, Any] = {
        base: {
            "get": _operation(kind, "list"),
            "post": _operation(kind, "post", body=("application/json",)),
            "delete": _operation(kind, "deletecollection"),
            "parameters": outer,
        },
        f"{base}/{{name}}": {**read_write, "delete": _operation(kind, "delete"), "parameters": item},
    }
    if kind.namespaced:
        paths[f"{root}/{kind.plural}"] = {"get": _operation(kind, "list")}
    if kind.status:
        paths[f"{base}/{{name}}/status"] = {**read_write, "parameters": item}
    return paths


def _operation(kind: Kind, action: str, body: Sequence[str] = ()) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{_schema_name(kind)}"}
    operation: dict[str, Any] = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
    }
    if body:
        schema = reference if action != "patch" else {"type": "object"}
        operation["requestBody"] = {"content": {media: {"schema": schema} for media in body}}
    names = [*_WRITE_PARAMETERS, *(["force"] if action == "patch" else [])] if body else []
    if action in {"delete", "deletecollection"}:
        names = ["dryRun", "gracePeriodSeconds", "propagationPolicy"]
    if names:
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in names
        ]
    return operation


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
