"""What must happen to the copies of one source. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, assert_never

from hearthgate.certificates.mirrors.rules import Mirrored, Rules, is_automatic, rules_of, source_of
from hearthgate.cluster.snapshot import Key
from hearthgate.resources.core import ConfigMap, Namespace, Secret


class Create(NamedTuple):
    """A copy that is missing in a namespace."""

    namespace: str


class Update(NamedTuple):
    """A copy that is not what the source is."""

    mirror: Mirrored


class Delete(NamedTuple):
    """A copy that nothing asks for any more, or that cannot be changed and is made anew."""

    mirror: Mirrored


class Blocked(NamedTuple):
    """A copy that cannot be. why: in words."""

    namespace: str
    why: str


Step = Create | Update | Delete | Blocked


class Around(NamedTuple):
    """What the plan looks at beside the source: all namespaces, known copies, and every object of the kind."""

    namespaces: Iterable[Namespace]
    mirrors: Iterable[Mirrored]
    objects: Mapping[Key, Mirrored]


def plan(source: Mirrored | None, around: Around) -> tuple[Step, ...]:
    """source: None when it is gone; its copies by rule go with it, those that people made stay."""
    if source is None:
        return tuple(Delete(mirror) for mirror in around.mirrors if is_automatic(mirror))
    rules = rules_of(source)
    by_name = {namespace.metadata.name: namespace for namespace in around.namespaces}
    wanted = _wanted(source, rules, by_name.values())
    known = (_known(source, mirror, rules, by_name, wanted) for mirror in around.mirrors)
    steps: list[Step] = [step for step in known if step is not None]
    for namespace in sorted(wanted):
        found = around.objects.get((namespace, source.metadata.name))
        if found is None:
            steps.append(Create(namespace))
        elif source_of(found) != source.key:
            steps.append(Blocked(namespace, "another object has the name already and is left alone"))
    return tuple(steps)


def _wanted(source: Mirrored, rules: Rules, namespaces: Iterable[Namespace]) -> set[str]:
    return {
        namespace.metadata.name
        for namespace in namespaces
        if namespace.metadata.name != source.metadata.namespace
        and namespace.metadata.deletion_timestamp is None
        and rules.shall(namespace)
    }


def _known(
    source: Mirrored, mirror: Mirrored, rules: Rules, namespaces: Mapping[str, Namespace], wanted: set[str]
) -> Step | None:
    namespace = namespaces.get(mirror.metadata.namespace)
    if is_automatic(mirror):
        if mirror.metadata.namespace not in wanted or mirror.metadata.name != source.metadata.name:
            return Delete(mirror)
    elif namespace is None or not rules.may(namespace):
        return Blocked(mirror.metadata.namespace, f"{mirror.metadata.name} asks for a copy that is not allowed")
    if is_copy(source, mirror):
        return None
    if _is_fixed(source, mirror):
        if is_automatic(mirror):
            return Delete(mirror)
        return Blocked(mirror.metadata.namespace, f"{mirror.metadata.name} is immutable or of another type")
    return Update(mirror)


def is_copy(source: Mirrored, mirror: Mirrored) -> bool:
    """Whether the mirror holds just what the source holds."""
    match source, mirror:
        case Secret(), Secret():
            return source.type == mirror.type and source.data == mirror.data
        case ConfigMap(), ConfigMap():
            return source.data == mirror.data and source.binary_data == mirror.binary_data
        case _:
            return False


def _is_fixed(source: Mirrored, mirror: Mirrored) -> bool:
    match mirror:
        case Secret():
            return mirror.immutable or not isinstance(source, Secret) or source.type != mirror.type
        case ConfigMap():
            return False
        case _:
            assert_never(mirror)
