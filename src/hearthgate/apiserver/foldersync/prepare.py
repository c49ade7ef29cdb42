"""From documents to the objects that the API would store, and everything that is wrong with them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.apiserver.semantics.defaults import fill as default_fields
from hearthgate.apiserver.semantics.defaults import without_nulls
from hearthgate.apiserver.semantics.names import metadata_causes
from hearthgate.apiserver.semantics.validation import value_causes
from hearthgate.apiserver.served import ServedKinds
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.resources import builtin
from hearthgate.resources.decode import Decoded, decode_mapping, find_kind, ref_of
from hearthgate.resources.kinds import Kind
from hearthgate.resources.manifests import Document, Located
from hearthgate.resources.meta import Resource
from hearthgate.resources.structural.definitions import Definition, read_definition
from hearthgate.resources.structural.mistake import WHOLE
from hearthgate.resources.structural.schema import Mistake, Structural, fill, mistakes, prune

DEFAULT_NAMESPACE: Final = "default"

_SET_BY_SERVER: Final = frozenset(
    {"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "selfLink"}
)
_STORED_ALL_THE_SAME: Final = frozenset({Reason.UNSUPPORTED, Reason.DEPRECATED})


class Prepared(NamedTuple):
    """One object of a manifest with its namespace filled in and without what only a server sets.

    kind: None when it is none that is served. resource: None when Hearthgate cannot serve it.
    """

    document: Document
    ref: ObjectRef
    kind: Kind | None
    resource: Resource | None
    problems: tuple[Problem, ...]

    @property
    def is_storable(self) -> bool:
        """Whether the API takes it. What is only unsupported is stored, and its controller reports it."""
        return self.kind is not None and not any(
            found.is_error and found.reason not in _STORED_ALL_THE_SAME for found in self.problems
        )

    @property
    def located(self) -> tuple[Located, ...]:
        return tuple(Located(self.document.source_of(found.field), found) for found in self.problems)


def is_definition(document: Document) -> bool:
    kind = (document.data.get("apiVersion"), document.data.get("kind"))
    return kind == ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def known_kinds(documents: Iterable[Document], served: ServedKinds) -> ServedKinds:
    """What will be served once these documents have been applied."""
    read = [read_definition(document.data) for document in documents if is_definition(document)]
    return served.extended(found for found in read if isinstance(found, Definition))


def prepare(document: Document, served: ServedKinds) -> Prepared:
    view = served.of(str(document.data.get("apiVersion")), str(document.data.get("kind")))
    if view is None:
        kind = find_kind(document.data)
        assert isinstance(kind, Problem), "whatever the registry has is served"  # noqa: S101
        return Prepared(document, kind.ref, None, None, (kind,))
    kind = view.storage
    metadata = document.data.get("metadata")
    if isinstance(metadata, Mapping):
        document = document.replace(_cleaned(document.data, metadata, kind))
    ref = ref_of(document.data)._replace(kind=kind.title)
    if kind.schema is None:
        decoded = decode_mapping(document.data)
    else:
        decoded = Decoded(None, custom_problems(kind.schema, document.data, ref))
    problems = decoded.problems
    if is_definition(document):
        problems = (*problems, *_definition_problems(document, ref))
    if decoded.resource is not None or all(found.reason is not Reason.INVALID_VALUE for found in problems):
        problems = (*problems, *_metadata_problems(kind, document.data.get("metadata") or {}, ref))
    if not any(found.is_error for found in problems):
        problems = (*problems, *_value_problems(kind, document.data, ref))
    resource = None if any(found.is_error for found in problems) else decoded.resource
    return Prepared(document, ref, kind, resource, problems)


def _value_problems(kind: Kind, data: Mapping[str, Any], ref: ObjectRef) -> Iterable[Problem]:
    """What the API would refuse of an object whose types are right."""
    if not builtin.is_builtin(kind.api_version, kind.kind):
        return ()
    obj = without_nulls(kind, dict(data))
    default_fields(kind.resource, obj)
    return [
        Problem(
            ref=ref,
            field=cause.field,
            reason=Reason.MISSING_FIELD if cause.reason == "FieldValueRequired" else Reason.INVALID_VALUE,
            message=cause.message,
        )
        for cause in value_causes(kind, obj, None)
    ]


def custom_problems(schema: Structural, data: Mapping[str, Any], ref: ObjectRef) -> tuple[Problem, ...]:
    """Every mistake in an object whose kind a definition brought. `data` stays as it is."""
    try:
        obj = msgspec.json.decode(msgspec.json.encode(data))
    except (TypeError, msgspec.MsgspecError) as error:
        return (Problem(ref=ref, reason=Reason.INVALID_VALUE, message=str(error)),)
    found = [
        Problem(ref=ref, field=path, reason=Reason.UNKNOWN_FIELD, message="unknown field")
        for path in prune(schema, obj)
    ]
    fill(schema, obj)
    return (*found, *(_problem(ref, mistake) for mistake in mistakes(schema, obj)))


def _definition_problems(document: Document, ref: ObjectRef) -> Iterable[Problem]:
    read = read_definition(document.data)
    return () if isinstance(read, Definition) else [_problem(ref, mistake) for mistake in read]


def _problem(ref: ObjectRef, mistake: Mistake) -> Problem:
    reason = Reason.MISSING_FIELD if mistake.type == "FieldValueRequired" else Reason.INVALID_VALUE
    return Problem(
        ref=ref, field="" if mistake.path == WHOLE else mistake.path, reason=reason, message=mistake.message
    )


def unique(prepared: Iterable[Prepared]) -> tuple[tuple[Prepared, ...], tuple[Located, ...]]:
    """The first of several objects with one name, and a Problem for each other, at its place.

    Objects that are not served pass: nobody stores them."""
    first: dict[ObjectRef, Prepared] = {}
    kept, problems = [], []
    for one in prepared:
        if one.kind is None or one.ref not in first:
            kept.append(one)
            if one.kind is not None:
                first[one.ref] = one
        else:
            problems.append(_duplicate(one, first[one.ref].document.source))
    return tuple(kept), tuple(problems)


def _duplicate(one: Prepared, first: Source) -> Located:
    second = one.document.source
    message = f"defined twice: {first} counts, {second} does not: remove one of them"
    return Located(second, Problem(ref=one.ref, reason=Reason.DUPLICATE_OBJECT, message=message))


def _cleaned(data: Mapping[str, Any], metadata: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """As an exported object would be written by hand."""
    kept = {key: value for key, value in metadata.items() if key not in _SET_BY_SERVER}
    if kind.namespaced and not kept.get("namespace"):
        kept["namespace"] = DEFAULT_NAMESPACE
    return {**{key: value for key, value in data.items() if key != "status"}, "metadata": kept}


def _metadata_problems(kind: Kind, metadata: Mapping[str, Any], ref: ObjectRef) -> Iterable[Problem]:
    if not kind.namespaced and metadata.get("namespace"):
        message = f"{kind.kind} belongs to no namespace: remove the field"
        yield Problem(ref=ref, field="metadata.namespace", reason=Reason.INVALID_VALUE, message=message)
    if not metadata.get("name"):
        message = "a manifest names its object (generateName would make another one each time)"
        yield Problem(ref=ref, field="metadata.name", reason=Reason.MISSING_FIELD, message=message)
        return
    for cause in metadata_causes(kind, metadata):
        reason = Reason.INVALID_NAME if cause.field == "metadata.name" else Reason.INVALID_VALUE
        yield Problem(ref=ref, field=cause.field, reason=reason, message=cause.message)
