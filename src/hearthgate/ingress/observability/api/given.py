"""A value of our types as its owner wrote it: without what was left at its default. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import fields


def given(value: Any) -> Any:
    """Plain data for JSON, keys as manifests and settings have them."""
    if isinstance(value, msgspec.Struct):
        found = {}
        for field in fields(value):
            said = getattr(value, field.name)
            if field.default is msgspec.NODEFAULT or said != field.default:
                found[field.encode_name] = given(said)
        return found
    if isinstance(value, Mapping):
        return {key: given(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [given(item) for item in value]
    return value
