"""OpenAPI schemas of what every kind shares: metadata, lists, delete options, Status. Pure.

Names and fields are those of meta.k8s.io/v1; clients find them by these names.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

Schema = dict[str, Any]

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
OBJECT_META: Final = f"{_META}ObjectMeta"
LIST_META: Final = f"{_META}ListMeta"
DELETE_OPTIONS: Final = f"{_META}DeleteOptions"
STATUS: Final = f"{_META}Status"
PATCH: Final = f"{_META}Patch"
INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_REFERENCE: Final = "#/components/schemas/"

IDENTITY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "apiVersion": "The version of the schema that the object follows: group/version.",
        "kind": "The kind of the object, in CamelCase.",
    }
)


def reference(name: str, text: str = "") -> Schema:
    """A reference to a component; one with a text of its own needs the detour that OpenAPI 3.0 takes."""
    link = {"$ref": _REFERENCE + name}
    return {"description": text, "allOf": [link]} if text else link


@cache
def components() -> Mapping[str, Schema]:
    """Every shared component by its name. Not to be changed."""
    return MappingProxyType(
        {
            OBJECT_META: _object_meta(),
            LIST_META: _list_meta(),
            f"{_META}OwnerReference": _owner_reference(),
            f"{_META}ManagedFieldsEntry": _managed_fields_entry(),
            f"{_META}FieldsV1": {
                "type": "object",
                "description": "A set of fields: keys are steps into the object (f: field, k: item by its keys, "
                "v: item by its value), `.` is the step itself.",
            },
            f"{_META}Time": {
                "type": "string",
                "format": "date-time",
                "description": "A moment in RFC 3339.",
            },
            INT_OR_STRING: {
                "description": "A number, or text such as the name of a port or a duration.",
                "format": "int-or-string",
                "oneOf": [{"type": "integer"}, {"type": "string"}],
            },
            DELETE_OPTIONS: _delete_options(),
            f"{_META}Preconditions": _object(
                "What must be true of the object before it is deleted.",
                uid=_text("The uid that the object must have."),
                resourceVersion=_text("The resource version that the object must have."),
            ),
            PATCH: {
                "type": "object",
                "description": "The change that is asked for, in the form that the content type names.",
            },
            STATUS: _status(),
            f"{_META}StatusDetails": _status_details(),
            f"{_META}StatusCause": _object(
                "One reason of a failure.",
                field=_text("The field that is at fault, as a path such as spec.ports[0].name."),
                message=_text("What is wrong, for people."),
                reason=_text("What is wrong, for programs."),
            ),
        }
    )


def _object(description: str, /, *required: str, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _number(description: str, size: str = "int64") -> Schema:
    return {"type": "integer", "format": size, "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _texts(description: str) -> Schema:
    return {"type": "object", "additionalProperties": {"type": "string"}, "description": description}


def _list(description: str, items: Schema, **extensions: Any) -> Schema:
    return {"type": "array", "items": items, "description": description, **extensions}


def _object_meta() -> Schema:
    time = f"{_META}Time"
    return _object(
        "The names, labels and annotations of an object, and what the server keeps of it.",
        name=_text("The name, unique among the objects of this kind in the namespace. It cannot be changed."),
        generateName=_text("The start of a name that the server completes when name is empty."),
        namespace=_text("The namespace that the name is unique in; empty for kinds without namespaces."),
        uid=_text("Unique in time and space; the server gives it."),
        resourceVersion=_text(
            "The revision of the last change. A write that names it is refused when the object has changed since; "
            "a watch goes on from it."
        ),
        generation=_number("Counts the changes of what is asked for; the server gives it."),
        creationTimestamp=reference(time, "When the server created the object."),
        deletionTimestamp=reference(time, "When it was deleted; it goes once finalizers is empty."),
        deletionGracePeriodSeconds=_number("The seconds from the request to the end; set with deletionTimestamp."),
        labels=_texts("Short keys and values that selectors choose by."),
        annotations=_texts("Keys and values for tools and people; no selector reads them."),
        ownerReferences=_list(
            "The objects that this one belongs to. When all of them have gone, it goes too.",
            reference(f"{_META}OwnerReference"),
            **{
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["uid"],
                "x-kubernetes-patch-merge-key": "uid",
                "x-kubernetes-patch-strategy": "merge",
            },
        ),
        finalizers=_list(
            "Names of those who have something to do before the object goes; each removes its own.",
            {"type": "string"},
            **{"x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge"},
        ),
        managedFields=_list(
            "Who set which fields, for server-side apply.",
            reference(f"{_META}ManagedFieldsEntry"),
            **{"x-kubernetes-list-type": "atomic"},
        ),
        selfLink=_text("No longer set."),
    )


def _list_meta() -> Schema:
    return _object(
        "Metadata of a list.",
        **{"continue": _text("Set when there is more: ask for the next page with it.")},
        remainingItemCount=_number("How many objects come after this page."),
        resourceVersion=_text("The revision of the list, to start a watch from."),
        selfLink=_text("No longer set."),
    )


def _owner_reference() -> Schema:
    schema = _object(
        "An object that another one belongs to. It is in the same namespace or has none.",
        "apiVersion",
        "kind",
        "name",
        "uid",
        apiVersion=_text("The group and version of the owner."),
        kind=_text("The kind of the owner."),
        name=_text("The name of the owner."),
        uid=_text("The uid of the owner: another object of the same name is another owner."),
        controller=_flag("Whether this owner is the one that manages the object. At most one is."),
        blockOwnerDeletion=_flag("Whether an owner that is deleted in the foreground waits for this object."),
    )
    return {**schema, "x-kubernetes-map-type": "atomic"}


def _managed_fields_entry() -> Schema:
    return _object(
        "The fields that one writer manages.",
        manager=_text("The name of the writer."),
        operation=_text("How it wrote: Apply or Update."),
        subresource=_text("The subresource that it wrote through; empty for the object itself."),
        apiVersion=_text("The version that the fields are named in."),
        time=reference(f"{_META}Time", "When the set of fields last changed."),
        fieldsType=_text("The form of the set: FieldsV1."),
        fieldsV1=reference(f"{_META}FieldsV1", "The set of fields."),
    )


def _delete_options() -> Schema:
    strings = {"type": "string"}
    return _object(
        "How to delete.",
        **_identity(),
        dryRun=_list("All: say what would happen, do nothing.", strings, **{"x-kubernetes-list-type": "atomic"}),
        gracePeriodSeconds=_number("Accepted and without effect: nothing here needs time to end."),
        orphanDependents=_flag("The older form of propagationPolicy: true is Orphan, false is Background."),
        preconditions=reference(f"{_META}Preconditions", "What must be true of the object."),
        propagationPolicy=_text(
            "What becomes of the objects that belong to this one. Background: they go after it. Foreground: they "
            "go before it. Orphan: they stay, without it."
        ),
    )


def _status() -> Schema:
    schema = _object(
        "The answer to a request that gives no object: success, or why it failed.",
        **_identity(),
        metadata=reference(LIST_META),
        status=_text("Success or Failure."),
        message=_text("What happened, for people."),
        reason=_text("What happened, for programs: one word such as NotFound."),
        details=reference(f"{_META}StatusDetails", "What the failure is about."),
        code=_number("The HTTP status.", "int32"),
    )
    return {**schema, "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Status"}]}


def _status_details() -> Schema:
    return _object(
        "What a failure is about.",
        name=_text("The name of the object."),
        group=_text("The group of the object."),
        kind=_text("The kind or resource of the object."),
        uid=_text("The uid of the object."),
        causes=_list(
            "Every single reason.",
            reference(f"{_META}StatusCause"),
            **{"x-kubernetes-list-type": "atomic"},
        ),
        retryAfterSeconds=_number("When to try again.", "int32"),
    )


def _identity() -> dict[str, Schema]:
    return {name: _text(text) for name, text in IDENTITY.items()}
