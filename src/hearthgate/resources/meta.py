"""Metadata that every Kubernetes object carries (meta.k8s.io/v1), as far as Hearthgate reads it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hearthgate.model.refs import ObjectRef


class Strict(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, gc=False):
    """A mapping whose every key is known: anything else is an `UnknownField`."""


class Lenient(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """A mapping of which Hearthgate reads a part: other keys are none of its business."""


def unsupported(way_out: str = "") -> msgspec.Meta:
    """Marks a field of upstream that Hearthgate reads but cannot honour yet: setting it is an `Unsupported`."""
    return msgspec.Meta(extra={"unsupported": way_out})


def ignored(way_out: str) -> msgspec.Meta:
    """Marks a field that upstream itself ignores or deprecates: setting it is a warning, `Deprecated`."""
    return msgspec.Meta(extra={"deprecated": way_out})


def differs(how: str) -> msgspec.Meta:
    """Marks a field that is honoured otherwise than upstream does it: the pages of the documentation say so."""
    return msgspec.Meta(extra={"differs": how})


def idle(why: str) -> msgspec.Meta:
    """Marks a field that counts only beside another one, which is refused: for the pages of the documentation."""
    return msgspec.Meta(extra={"idle": why})


class OwnerReference(Lenient, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class ObjectMeta(Lenient, frozen=True, kw_only=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class Condition(Lenient, frozen=True, kw_only=True):
    """meta.k8s.io/v1 Condition. `last_transition_time` is RFC 3339.

    type: What it says something about, such as Ready.
    status: True, False or Unknown.
    reason: Why, for programs: one word in CamelCase.
    message: Why, for people.
    observed_generation: The generation of the object that it was said of.
    last_transition_time: When its status last changed.
    """

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""


class ConditionsStatus(Lenient, frozen=True, kw_only=True):
    """The status that Hearthgate writes where upstream has none.

    conditions: What is true of the object now.
    observed_generation: The generation of the object that it was said of.
    """

    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0


class Resource(Strict, frozen=True, kw_only=True):
    """Base of all kinds. Unknown keys beside metadata, spec and status are refused."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    status: Any = None

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(type(self).__name__, self.metadata.namespace, self.metadata.name)

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name): the identity within its kind."""
        return (self.metadata.namespace, self.metadata.name)
