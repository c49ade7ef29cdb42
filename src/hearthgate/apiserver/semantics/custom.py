"""Admission of objects whose kind a definition brought: pruned, defaulted and checked by its schema."""

from collections.abc import Iterable
from typing import Any

import msgspec

from hearthgate.apiserver.errors import Cause, invalid, not_strict
from hearthgate.apiserver.semantics.admission import FieldValidation
from hearthgate.apiserver.semantics.names import metadata_causes
from hearthgate.resources import walk
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import ObjectMeta
from hearthgate.resources.structural.schema import Structural, fill, mistakes, prune

Object = dict[str, Any]


def admit_custom(
    kind: Kind, schema: Structural, obj: Object, validation: FieldValidation, old: Object | None
) -> tuple[str, ...]:
    """Changes `obj` in place and gives the warnings. Raises ApiError, every cause at once.

    old: the object before, for the rules of the schema about changes.
    """
    unknown = [f'unknown field "{path}"' for path in prune(schema, obj)]
    if unknown and validation is FieldValidation.STRICT:
        raise not_strict(kind, unknown)
    fill(schema, obj)
    causes = [Cause(mistake.path, mistake.message, mistake.type) for mistake in mistakes(schema, obj, old)]
    causes += _metadata_causes(kind, obj["metadata"])
    if causes:
        raise invalid(kind, str(obj["metadata"].get("name", "")), causes)
    return tuple(unknown) if validation is FieldValidation.WARN else ()


def _metadata_causes(kind: Kind, metadata: Object) -> Iterable[Cause]:
    """Wrong types, else wrong names. Schemas say nothing of metadata, so nobody has looked at its types yet."""
    try:
        msgspec.convert(metadata, ObjectMeta)
    except msgspec.ValidationError:
        found = walk.mistakes(ObjectMeta, metadata, lambda wanted, value: value)
        return [
            Cause(f"metadata.{mistake.path}", f"Invalid value: {mistake.message}", "FieldValueTypeInvalid")
            for mistake in found
        ]
    return metadata_causes(kind, metadata)
