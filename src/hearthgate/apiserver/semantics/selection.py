"""Which objects a list or watch asks for: namespace, label selector, field selector."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

import msgspec

from hearthgate.apiserver.errors import bad_request
from hearthgate.model.selectors import LabelSelector, parse_label_selector
from hearthgate.resources.kinds import Kind

_TERM: Final = re.compile(r"\s*([^\s!=,]+)\s*(==|=|!=)\s*((?:[^,\\]|\\.)*)")

_INVOLVED: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "events": {
            **{f"involvedObject.{field}": ("involvedObject", field) for field in _INVOLVED},
            "reason": ("reason",),
            "reportingComponent": ("reportingComponent",),
            "source": ("source", "component"),
            "type": ("type",),
        },
        # The same objects as another version names their fields: terms are compared with what is stored.
        "events.events.k8s.io": {
            **{f"regarding.{field}": ("involvedObject", field) for field in _INVOLVED},
            "reason": ("reason",),
            "reportingController": ("reportingComponent",),
            "type": ("type",),
        },
        "secrets": {"type": ("type",)},
        "namespaces": {"status.phase": ("status", "phase")},
        "nodes": {"spec.unschedulable": ("spec", "unschedulable")},
        "pods": {
            field: tuple(field.split("."))
            for field in (
                "spec.hostNetwork",
                "spec.nodeName",
                "spec.restartPolicy",
                "spec.schedulerName",
                "spec.serviceAccountName",
                "status.nominatedNodeName",
                "status.phase",
                "status.podIP",
            )
        },
        "services": {
            "spec.clusterIP": ("spec", "clusterIP"),
            "spec.type": ("spec", "type"),
        },
    }
)


class _Metadata(msgspec.Struct, gc=False):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct, gc=False):
    metadata: _Metadata


_labels: Final = msgspec.json.Decoder(_Labelled)


class FieldTerm(NamedTuple):
    path: tuple[str, ...]
    value: str
    equal: bool


class Selection(NamedTuple):
    """`namespace` None: all of them. Name and namespace terms are kept apart: they need no decoding."""

    namespace: str | None = None
    labels: LabelSelector = LabelSelector()
    keys: tuple[FieldTerm, ...] = ()
    fields: tuple[FieldTerm, ...] = ()

    @classmethod
    def parse(cls, kind: Kind, namespace: str | None, labels: str, fields: str) -> Self:
        """Raises ApiError 400 for a selector that cannot be read, or a field that cannot be selected by."""
        try:
            selector = parse_label_selector(labels)
        except ValueError as error:
            raise bad_request(f"unable to parse requirement: {error}") from error
        terms = _parse_fields(kind, fields)
        keys = tuple(term for term in terms if term.path[0] == "metadata")
        return cls(namespace, selector, keys, tuple(term for term in terms if term.path[0] != "metadata"))

    @property
    def is_everything(self) -> bool:
        return self.namespace is None and not (self.labels.requirements or self.keys or self.fields)

    def matches(self, namespace: str, name: str, raw: bytes) -> bool:
        if self.namespace is not None and namespace != self.namespace:
            return False
        for term in self.keys:
            if ((name if term.path[1] == "name" else namespace) == term.value) is not term.equal:
                return False
        if self.labels.requirements and not self.labels.matches(_labels.decode(raw).metadata.labels or {}):
            return False
        if self.fields:
            obj = msgspec.json.decode(raw)
            return all((_text(obj, term.path) == term.value) is term.equal for term in self.fields)
        return True


def _parse_fields(kind: Kind, text: str) -> list[FieldTerm]:
    known = {"metadata.name": ("metadata", "name"), **_FIELDS.get(kind.resource, {})}
    known |= {path.removeprefix("."): tuple(path.removeprefix(".").split(".")) for path in kind.selectable_fields}
    if kind.namespaced:
        known["metadata.namespace"] = ("metadata", "namespace")
    terms = []
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise bad_request(f"invalid selector: {text!r}: cannot read {text[position:]!r}")
        if match[1] not in known:
            raise bad_request(f"field label not supported: {match[1]} (known: {', '.join(sorted(known))})")
        value = re.sub(r"\\(.)", r"\1", match[3].strip())
        terms.append(FieldTerm(known[match[1]], value, match[2] != "!="))
        position = match.end() + 1
    return terms


def _text(obj: Any, path: tuple[str, ...]) -> str:
    for step in path:
        obj = obj.get(step) if isinstance(obj, dict) else None
    match obj:
        case None:
            return ""
        case bool():
            return str(obj).lower()
        case _:
            return str(obj)
