"""What an API server serves, by its own word (APIGroupList, APIResourceList)."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from hearthgate.cluster.client import Client
from hearthgate.model.errors import WireError
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Lenient

T = TypeVar("T", bound=msgspec.Struct)


class _Version(Lenient, frozen=True, kw_only=True):
    group_version: str
    version: str


class _Group(Lenient, frozen=True, kw_only=True):
    name: str
    versions: tuple[_Version, ...]
    preferred_version: _Version | None = None


class _Groups(Lenient, frozen=True, kw_only=True):
    groups: tuple[_Group, ...] = ()


class _Resource(Lenient, frozen=True, kw_only=True):
    name: str
    kind: str
    namespaced: bool = False
    verbs: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()


class _Resources(Lenient, frozen=True, kw_only=True):
    resources: tuple[_Resource, ...] = ()


async def served_kinds(client: Client) -> tuple[Kind, ...]:
    """Every kind that can be listed, in the version that its group prefers among those that have it."""
    found: dict[tuple[str, str], Kind] = {}
    _add(found, "", "v1", await client.read("/api/v1"))
    groups = _as(_Groups, await client.read("/apis"))
    for group in groups.groups:
        preferred = group.preferred_version
        for version in sorted(group.versions, key=lambda one: one != preferred):
            _add(found, group.name, version.version, await client.read(f"/apis/{version.group_version}"))
    return tuple(found.values())


def _add(found: dict[tuple[str, str], Kind], group: str, version: str, answer: Any) -> None:
    for resource in _as(_Resources, answer).resources:
        if "/" not in resource.name and "list" in resource.verbs:
            kind = Kind(
                group,
                version,
                resource.kind,
                resource.name,
                namespaced=resource.namespaced,
                short_names=resource.short_names,
            )
            found.setdefault((group, resource.name), kind)


def _as(wanted: type[T], answer: Mapping[str, Any]) -> T:
    try:
        return msgspec.convert(answer, wanted)
    except msgspec.ValidationError as error:
        raise WireError(f"the answer of discovery cannot be read: {error}") from error
