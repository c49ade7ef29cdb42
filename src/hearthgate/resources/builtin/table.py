"""Reads the tables of `fields`: what every message of the built-in kinds is made of.

A block is one message, its first line `Name [atomic]: description`. `= apiVersion Kind plural` says which kind it
is, if any. The other lines are its fields, `number name type [mark ...]: description`:

- number: of the field in protobuf. name: in JSON; `-` for a message whose fields stand among ours.
- type: a message or one of SCALARS; `[]` in front is a list, `{}` a map with string keys. `?` behind it: unset
  differs from zero (a pointer in Go). `!`: required, so that zero is a value. Neither: zero means unset.
- marks: `map=a,b` and `set` are the list types of server-side apply (other lists are atomic), `merge=a` and
  `merge` the strategies of strategic merge, `retain` its second one, `atomic` a map that has one owner,
  `default=x` the value of a list key that is left out.

Messages are parsed when first asked for: most programs meet few of them.
"""

from functools import cache
from typing import Final

import msgspec

from hearthgate.resources.builtin.fields import (
    access,
    containers,
    core,
    definitions,
    meta,
    networking,
    nodes,
    pods,
    services,
    volumes,
)

SCALARS: Final = frozenset(
    {
        "string", "bytes", "bool", "int32", "int64", "double", "Time", "MicroTime", "Quantity", "IntOrString",
        "FieldsV1", "JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray",
        "ExtraValue", "open",
    }
)  # fmt: skip
"""Types that no message describes. `open`: whatever it holds is kept and not looked at."""

_KIND: Final = "  = "
_TABLES: Final = (access, containers, core, definitions, meta, networking, nodes, pods, services, volumes)


class Field(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One field. `message` is empty for scalars; `default` counts where it is a list key."""

    number: int
    name: str
    type: str
    message: str
    is_list: bool
    is_map: bool
    is_pointer: bool
    is_required: bool
    is_inline: bool
    is_atomic: bool
    is_set: bool
    map_keys: tuple[str, ...]
    is_merged: bool
    merge_key: str
    retains_keys: bool
    default: str
    description: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """fields: by JSON name, those of inline messages among them. numbers: by protobuf number."""

    name: str
    description: str
    is_atomic: bool
    fields: dict[str, Field]
    numbers: dict[int, Field]


class Root(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A kind, and the message that it is."""

    api_version: str
    kind: str
    plural: str
    message: str

    @property
    def resource(self) -> str:
        """`ingresses.networking.k8s.io`; for the core group just the plural."""
        group = self.api_version.rpartition("/")[0]
        return f"{self.plural}.{group}" if group else self.plural


@cache
def message(name: str) -> Message:
    """Raises KeyError for a name that no table has."""
    head, *lines = _blocks()[name].split("\n")
    declaration, _, description = head.partition(": ")
    own = [_field(line) for line in lines if not line.startswith(_KIND)]
    fields: dict[str, Field] = {}
    for field in own:
        fields.update(message(field.message).fields if field.is_inline else {field.name: field})
    return Message(
        name=name,
        description=description,
        is_atomic=declaration.endswith(" atomic"),
        fields=fields,
        numbers={field.number: field for field in own},
    )


@cache
def roots() -> dict[tuple[str, str], Root]:
    """By apiVersion and kind."""
    found: dict[tuple[str, str], Root] = {}
    for name, block in _blocks().items():
        for line in block.split("\n")[1:2]:
            if line.startswith(_KIND):
                api_version, kind, plural = line.removeprefix(_KIND).split()
                found[api_version, kind] = Root(api_version=api_version, kind=kind, plural=plural, message=name)
    return found


@cache
def _blocks() -> dict[str, str]:
    blocks = [block for table in _TABLES for block in table.TABLE.strip().split("\n\n")]
    return {block[: block.index(":")].split()[0]: block for block in blocks}


def _field(line: str) -> Field:
    declaration, _, description = line.strip().partition(": ")
    number, name, type_, *marks = declaration.split()
    is_list, is_map = type_.startswith("[]"), type_.startswith("{}")
    bare = type_.removeprefix("[]").removeprefix("{}").rstrip("?!")
    values = dict(mark.split("=", 1) for mark in marks if "=" in mark)
    return Field(
        number=int(number),
        name=name,
        type=bare,
        message="" if bare in SCALARS else bare,
        is_list=is_list,
        is_map=is_map,
        is_pointer=type_.endswith("?"),
        is_required=type_.endswith("!"),
        is_inline="inline" in marks,
        is_atomic="atomic" in marks,
        is_set="set" in marks,
        map_keys=tuple(values.get("map", "").split(",")) if "map" in values else (),
        is_merged="merge" in marks or "merge" in values,
        merge_key=values.get("merge", ""),
        retains_keys="retain" in marks,
        default=values.get("default", ""),
        description=description,
    )
