"""The built-in kinds by their tables of fields: schemas, strictness, merging, protobuf. Pure."""

from hearthgate.resources.builtin.schema import message_schema, schema_of
from hearthgate.resources.builtin.table import Root, roots

__all__ = ["Root", "is_builtin", "message_schema", "roots", "schema_of"]


def is_builtin(api_version: str, kind: str) -> bool:
    """Whether the tables describe the kind."""
    return (api_version, kind) in roots()
