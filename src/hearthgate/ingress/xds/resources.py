"""What Envoy shall hold: serialised resources under versions that are hashes of their content.

Equal content has equal versions in every process and after every restart, so an Envoy that reconnects is
sent nothing that it has.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Final, NamedTuple

CLUSTER: Final = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINT: Final = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTE: Final = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type

_NOTHING: Final[Mapping[str, "Versioned"]] = MappingProxyType({})


class Versioned(NamedTuple):
    """A serialised resource. Its `repr` shows no content: a Secret's body holds a private key."""

    version: str
    body: bytes

    def __repr__(self) -> str:
        return f"Versioned({self.version}, {len(self.body)} bytes)"


def versioned(body: bytes) -> Versioned:
    """`body` under the hash of its content."""
    return Versioned(blake2b(body, digest_size=12).hexdigest(), body)


class Resources(Mapping[str, Mapping[str, Versioned]]):
    """Immutable: type URL -> name -> resource. A type that is absent has no resources."""

    __slots__ = ("_types",)

    def __init__(self, types: Mapping[str, Mapping[str, Versioned]] = MappingProxyType({})) -> None:
        # Not wrapped to be read only: a wrapped dictionary is copied ten times slower.
        self._types: dict[str, Mapping[str, Versioned]] = {
            url: dict(named) for url, named in types.items() if named
        }

    def __getitem__(self, type_url: str) -> Mapping[str, Versioned]:
        return self._types.get(type_url, _NOTHING)

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def updated(self, type_url: str, changes: Mapping[str, Versioned]) -> "Resources":
        """These resources with `changes` added or put in their place."""
        if not changes:
            return self
        updated = Resources()
        updated._types = {**self._types, type_url: {**self[type_url], **changes}}
        return updated

    def __contains__(self, type_url: object) -> bool:
        return type_url in self._types

    def __repr__(self) -> str:
        counts = (f"{len(named)} {url.rpartition('.')[2]}" for url, named in sorted(self._types.items()))
        return f"Resources({', '.join(counts)})"


class Difference(NamedTuple):
    """Names of one type, sorted: new or with another version, and gone."""

    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def diff(old: Resources, new: Resources) -> dict[str, Difference]:
    """What leads from `old` to `new`, per type URL; a type without difference is absent."""
    found: dict[str, Difference] = {}
    for type_url in sorted({*old, *new}):
        difference = diff_names(old[type_url], new[type_url])
        if any(difference):
            found[type_url] = difference
    return found


def diff_names(old: Mapping[str, Versioned], new: Mapping[str, Versioned]) -> Difference:
    """What leads from `old` to `new` of one type."""
    if old is new:
        return Difference()
    changed = (name for name, resource in new.items() if name not in old or old[name].version != resource.version)
    return Difference(tuple(sorted(changed)), tuple(sorted(old.keys() - new.keys())))
