"""The built-in kinds by their tables of fields: schemas, strictness, merging, protobuf. Pure."""

from hearthgate.resources.builtin.merging import is_atomic, is_builtin_resource, list_type, merge_key
from hearthgate.resources.builtin.schema import message_schema, schema_of
from hearthgate.resources.builtin.strict import Mistake, message_mistakes, mistakes
from hearthgate.resources.builtin.table import Root, roots

__all__ = [
    "Mistake",
    "Root",
    "is_atomic",
    "is_builtin",
    "is_builtin_resource",
    "list_type",
    "merge_key",
    "message_mistakes",
    "message_schema",
    "mistakes",
    "roots",
    "schema_of",
]


def is_builtin(api_version: str, kind: str) -> bool:
    """Whether the tables describe the kind."""
    return (api_version, kind) in roots()
