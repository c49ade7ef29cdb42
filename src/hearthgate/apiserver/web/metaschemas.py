"""OpenAPI components that every document shares: metadata, lists, delete options, Status. Pure.

Clients find them by their names, which are those of upstream's packages.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.builtin import message_schema

Schema = dict[str, Any]

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
OBJECT_META: Final = f"{_META}ObjectMeta"
LIST_META: Final = f"{_META}ListMeta"
DELETE_OPTIONS: Final = f"{_META}DeleteOptions"
STATUS: Final = f"{_META}Status"
PATCH: Final = f"{_META}Patch"
INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_REFERENCE: Final = "#/components/schemas/"
_MESSAGES: Final = (OBJECT_META, LIST_META, DELETE_OPTIONS, STATUS)


def reference(name: str, text: str = "") -> Schema:
    """A reference to a component; one with a text of its own needs the detour that OpenAPI 3.0 takes."""
    link = {"$ref": _REFERENCE + name}
    return {"description": text, "allOf": [link]} if text else link


@cache
def components() -> Mapping[str, Schema]:
    """Every shared component by its name. Not to be changed."""
    made = {name: message_schema(name.removeprefix(_META)) for name in _MESSAGES}
    for name in (DELETE_OPTIONS, STATUS):
        made[name]["properties"] = {**envelope(), **made[name]["properties"]}
    # The kind of an answer. DeleteOptions names none: upstream's belongs to every group.
    made[STATUS]["x-kubernetes-group-version-kind"] = [{"group": "", "version": "v1", "kind": "Status"}]
    made[PATCH] = {
        "type": "object",
        "description": "The change that is asked for, in the form that the content type names.",
    }
    made[INT_OR_STRING] = {
        "description": "A number, or text such as the name of a port or a duration.",
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    }
    return MappingProxyType(made)


def envelope() -> dict[str, Schema]:
    """The two fields that say what an object is."""
    version = "The version of the schema that the object follows: group/version."
    kind = "The kind of the object, in CamelCase."
    return {
        "apiVersion": {"type": "string", "description": version},
        "kind": {"type": "string", "description": kind},
    }
