"""reflector's annotations: which namespaces a source may and shall be copied to, and what marks a copy. Pure."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import re2

from hearthgate.cluster.snapshot import Key
from hearthgate.model.selectors import LabelSelector, parse_label_selector
from hearthgate.resources.core import ConfigMap, Namespace, Secret

PREFIX: Final = "reflector.v1.k8s.emberstack.com/"
ALLOWED: Final = f"{PREFIX}reflection-allowed"
AUTO: Final = f"{PREFIX}reflection-auto-enabled"
REFLECTS: Final = f"{PREFIX}reflects"
AUTO_REFLECTS: Final = f"{PREFIX}auto-reflects"
VERSION: Final = f"{PREFIX}reflected-version"
AT: Final = f"{PREFIX}reflected-at"

Mirrored = Secret | ConfigMap
Matches = Callable[[Namespace], bool]


class Rules(NamedTuple):
    """may, shall: namespaces that may have a copy, and those that get one. mistakes: annotations that cannot be
    read; such a one matches nothing."""

    may: Matches
    shall: Matches
    mistakes: tuple[str, ...] = ()


def source_of(mirror: Mirrored) -> Key | None:
    """(namespace, name) of what the object is a copy of; None when it is none. Without a namespace: its own."""
    text = mirror.metadata.annotations.get(REFLECTS, "").strip()
    if not text:
        return None
    namespace, slash, name = text.partition("/")
    return (namespace, name) if slash else (mirror.metadata.namespace, namespace)


def is_automatic(mirror: Mirrored) -> bool:
    """Whether the copy was made by rule, and so goes with the rule."""
    return _true(mirror.metadata.annotations, AUTO_REFLECTS)


def copies_by_rule(source: Mirrored) -> bool:
    """Whether the source asks for copies. Copies of copies are never made by rule."""
    annotations = source.metadata.annotations
    return _true(annotations, ALLOWED) and _true(annotations, AUTO) and not is_automatic(source)


def rules_of(source: Mirrored) -> Rules:
    """What the annotations of a source say."""
    annotations = source.metadata.annotations
    mistakes: list[str] = []
    may = _namespaces(annotations, "reflection-allowed-namespaces", mistakes)
    shall = _namespaces(annotations, "reflection-auto-namespaces", mistakes)
    if not _true(annotations, ALLOWED):
        return Rules(_nowhere, _nowhere)
    if not copies_by_rule(source):
        return Rules(may, _nowhere, tuple(mistakes))
    return Rules(may, lambda namespace: may(namespace) and shall(namespace), tuple(mistakes))


def _nowhere(_namespace: Namespace) -> bool:
    return False


def _true(annotations: Mapping[str, str], name: str) -> bool:
    return annotations.get(name, "").strip().lower() == "true"


def _namespaces(annotations: Mapping[str, str], name: str, mistakes: list[str]) -> Matches:
    """By the list `name`, or by the selector beside it; neither means every namespace."""
    items = [item.strip() for item in annotations.get(f"{PREFIX}{name}", "").split(",") if item.strip()]
    text = annotations.get(f"{PREFIX}{name}-selector", "").strip()
    if not items and not text:
        return lambda namespace: True
    patterns = [pattern for item in items if (pattern := _pattern(item, name, mistakes)) is not None]
    selector = _selector(text, name, mistakes) if text else None

    def matches(namespace: Namespace) -> bool:
        if selector is not None and selector.matches(namespace.metadata.labels):
            return True
        return any(pattern.fullmatch(namespace.metadata.name) is not None for pattern in patterns)

    return matches


def _pattern(text: str, name: str, mistakes: list[str]) -> "re2._Regexp[str] | None":
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error:
        mistakes.append(f"{PREFIX}{name}: {text!r} is no name of a namespace, and no regular expression (RE2)")
        return None


def _selector(text: str, name: str, mistakes: list[str]) -> LabelSelector | None:
    try:
        return parse_label_selector(text)
    except ValueError as error:
        mistakes.append(f"{PREFIX}{name}-selector: {error}")
        return None
