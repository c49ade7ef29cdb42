"""Admission of objects whose kind a definition brought: pruned, defaulted and checked by its schema."""

from typing import Any

from hearthgate.apiserver.errors import Cause, invalid, not_strict
from hearthgate.apiserver.semantics.admission import FieldValidation
from hearthgate.apiserver.semantics.names import metadata_causes
from hearthgate.resources.kinds import Kind
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
    causes += metadata_causes(kind, obj["metadata"])
    if causes:
        raise invalid(kind, str(obj["metadata"].get("name", "")), causes)
    return tuple(unknown) if validation is FieldValidation.WARN else ()
