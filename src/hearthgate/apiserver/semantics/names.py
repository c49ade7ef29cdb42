"""Which names, labels and annotations an object may carry (RFC 1123 as upstream applies it)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hearthgate.apiserver.errors import Cause
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
    for finalizer in metadata.get("finalizers") or ():
        if not isinstance(finalizer, str) or not _is_qualified(finalizer):
            yield _bad("metadata.finalizers", finalizer, "a finalizer is [prefix/]name")


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
