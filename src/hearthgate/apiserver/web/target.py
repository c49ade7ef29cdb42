"""What a request path names: a kind, a namespace, an object, a subresource. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import unquote

from hearthgate.apiserver.served import Served, ServedKinds
from hearthgate.resources.kinds import Kind

STATUS: Final = "status"
LOG: Final = "log"
"""The subresource of Pods that is text and can only be read."""
FINALIZE: Final = "finalize"
"""The subresource of Namespaces by which the finalizers of the spec are replaced."""
_MORE: Final[Mapping[str, Mapping[str, Sequence[str]]]] = MappingProxyType(
    {"namespaces": {FINALIZE: ("update",)}, "pods": {LOG: ("get",)}}
)


def subresources(kind: Kind) -> Mapping[str, Sequence[str]]:
    """The verbs of each."""
    status = {STATUS: ("get", "patch", "update")} if kind.status else {}
    return {**status, **_MORE.get(kind.resource, {})}


class Target(NamedTuple):
    """`name` is empty for a collection; `namespace` is None for all namespaces and cluster-scoped kinds."""

    served: Served
    namespace: str | None = None
    name: str = ""
    subresource: str = ""

    @property
    def kind(self) -> Kind:
        """As the client addresses it."""
        return self.served.kind

    @property
    def storage(self) -> Kind:
        """As it is stored."""
        return self.served.storage

    @property
    def scope(self) -> str:
        """The namespace as the store has it."""
        return self.namespace or ""


class ApiPath(NamedTuple):
    """A path below `/api` or `/apis`. `rest`: its decoded parts from the resource (or `namespaces`) on, at least
    one; a part is empty where the path has two slashes."""

    group: str
    version: str
    rest: list[str]


def split_path(raw_path: str) -> ApiPath | None:
    """None for a path that names no resource. `raw_path` is still percent-encoded."""
    parts = [unquote(part) for part in raw_path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) >= 3:
        return ApiPath("", parts[1], parts[2:])
    if parts[0] == "apis" and len(parts) >= 4:
        return ApiPath(parts[1], parts[2], parts[3:])
    return None


class Targets:
    """Finds the target of a path among the served kinds."""

    def __init__(self, served: ServedKinds) -> None:
        self._served = served

    def find(self, raw_path: str) -> Target | None:
        """None when nothing is served there. `raw_path` is still percent-encoded."""
        found = split_path(raw_path)
        if found is None or not all(found.rest):
            return None
        group, version, rest = found
        if rest[0] == "namespaces" and len(rest) >= 3 and (group, rest[2]) not in {("", STATUS), ("", FINALIZE)}:
            return self._below(group, version, rest[1], rest[2:])
        return self._below(group, version, None, rest)

    def _below(self, group: str, version: str, namespace: str | None, rest: list[str]) -> Target | None:
        served = self._served.at(group, version, rest[0])
        if served is None or len(rest) > 3 or (namespace is not None) > served.kind.namespaced:
            return None
        kind = served.kind
        if kind.namespaced and namespace is None and len(rest) > 1:
            return None
        subresource = rest[2] if len(rest) == 3 else ""
        if subresource and subresource not in subresources(kind):
            return None
        return Target(served, namespace, rest[1] if len(rest) > 1 else "", subresource)
