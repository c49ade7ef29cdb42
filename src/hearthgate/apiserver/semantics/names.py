"""Which names, labels and annotations an object may carry (RFC 1123 as upstream applies it)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from hearthgate.apiserver.errors import Cause
from hearthgate.apiserver.semantics.deletion import FOREGROUND, ORPHAN
from hearthgate.model.problems import shorten
from hearthgate.resources.kinds import Kind

_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_NAMED: Final = frozenset({"namespaces", "services"})
_ANNOTATIONS_LIMIT: Final = 256 * 1024


def is_label(text: str) -> bool:
    """Whether `text` is an RFC 1123 label: a namespace, for instance."""
    return _LABEL.fullmatch(text) is not None


def metadata_causes(kind: Kind, metadata: Mapping[str, Any]) -> Iterator[Cause]:
    """Every mistake in name, labels, annotations and finalizers. The types are already right."""
    yield from _name_causes(kind, metadata.get("name", ""))
    for key, value in (metadata.get("labels") or {}).items():
        if not _is_qualified(key):
            yield _bad("metadata.labels", key, "a label key is [prefix/]name of letters, digits, '-', '_', '.'")
        elif not _VALUE.fullmatch(value):
            yield _bad("metadata.labels", value, "a label value has at most 63 letters, digits, '-', '_', '.'")
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        if not _is_qualified(key.lower()):
            yield _bad("metadata.annotations", key, "an annotation key is [prefix/]name")
    size = sum(len(key) + len(value) for key, value in annotations.items())
    if size > _ANNOTATIONS_LIMIT:
        message = f"Too long: {size} bytes, at most {_ANNOTATIONS_LIMIT}"
        yield Cause("metadata.annotations", message, "FieldValueTooLong")
    finalizers = metadata.get("finalizers") or ()
    for finalizer in finalizers:
        if not isinstance(finalizer, str) or not _is_qualified(finalizer):
            yield _bad("metadata.finalizers", finalizer, "a finalizer is [prefix/]name")
    if ORPHAN in finalizers and FOREGROUND in finalizers:
        message = f"Invalid value: finalizer {ORPHAN} and {FOREGROUND} cannot be both set"
        yield Cause("metadata.finalizers", message)
    yield from _owner_causes(metadata.get("ownerReferences") or ())


def _owner_causes(references: Iterable[Any]) -> Iterator[Cause]:
    """Owners are complete, and at most one of them is the controller."""
    path = "metadata.ownerReferences"
    controllers: list[str] = []
    for index, reference in enumerate(references):
        if not isinstance(reference, Mapping):
            yield Cause(f"{path}[{index}]", "Invalid value: must be a mapping")
            continue
        version = str(reference.get("apiVersion") or "").rpartition("/")[2]
        if not version:
            yield Cause(f"{path}[{index}].apiVersion", 'Invalid value: "": version must not be empty')
        for name in ("kind", "name", "uid"):
            value = reference.get(name)
            if not isinstance(value, str) or not value:
                yield Cause(f"{path}[{index}].{name}", 'Invalid value: "": must not be empty')
        for name in ("controller", "blockOwnerDeletion"):
            if not isinstance(reference.get(name, False), bool):
                yield Cause(f"{path}[{index}].{name}", "Invalid value: must be true or false")
        if (reference.get("apiVersion"), reference.get("kind")) == ("v1", "Event"):
            yield Cause(f"{path}[{index}]", "Invalid value: /v1, Kind=Event is disallowed from being an owner")
        if reference.get("controller") is True:
            controllers.append(f"{reference.get('kind')}/{reference.get('name')}")
    if len(controllers) > 1:
        found = " and ".join(map(shorten, controllers[:2]))
        said = f'Only one reference can have Controller set to true. Found "true" in references for {found}'
        yield Cause(path, f"Invalid value: {said}")


def _name_causes(kind: Kind, name: str) -> Iterator[Cause]:
    if not name:
        yield Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
    elif kind.resource in _LABEL_NAMED:
        if not is_label(name):
            rule = "a lowercase RFC 1123 label: letters a-z, digits and '-', at most 63, ends are no '-'"
            yield _bad("metadata.name", name, rule)
    elif len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        rule = "a lowercase RFC 1123 subdomain: letters a-z, digits, '-' and '.', ends alphanumeric"
        yield _bad("metadata.name", name, rule)


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix)):
        return False
    return _QUALIFIED.fullmatch(name) is not None


def _bad(field: str, value: object, rule: str) -> Cause:
    return Cause(field, f"Invalid value: {shorten(value)}: {rule}", "FieldValueInvalid")
