"""References to objects: who, in the words of Kubernetes."""

from typing import NamedTuple


class ObjectRef(NamedTuple):
    """Names one object. `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {path}"


class Source(NamedTuple):
    """A place in a manifest file. `line` counts from 1; 0 means the whole file."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path
