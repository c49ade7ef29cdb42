"""Which objects are exported: those of the kinds and namespaces that were asked for, as others take them. Pure."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from hearthgate.app.export.portable import Object, group_of, is_made, order, portable
from hearthgate.model.errors import Permanent
from hearthgate.resources.kinds import Kind

_BUILT_IN: Final = frozenset(
    {
        "",
        "apps",
        "autoscaling",
        "batch",
        "policy",
        *(
            f"{name}.k8s.io"
            for name in (
                "admissionregistration",
                "apiextensions",
                "apiregistration",
                "coordination",
                "discovery",
                "events",
                "networking",
                "rbac.authorization",
                "scheduling",
                "storage",
            )
        ),
    }
)
"""The groups that every cluster knows."""


class Wish(NamedTuple):
    """Empty means all. With namespaces, cluster-scoped objects only of kinds that are named, and the Namespaces
    themselves."""

    namespaces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    include_secrets: bool = False


class Export(NamedTuple):
    """secrets: those that were left out, as namespace/name. undefined: custom kinds whose definition is not among
    the objects."""

    objects: tuple[Object, ...]
    secrets: tuple[str, ...]
    undefined: tuple[str, ...]


def chosen_kinds(kinds: Sequence[Kind], wish: Wish) -> tuple[Kind, ...]:
    """The kinds that the wish names by kind, plural, short name or `plural.group`. Raises Permanent for others."""
    if not wish.kinds:
        return tuple(kinds)
    names = {kind: _names(kind) for kind in kinds}
    found = []
    for asked in wish.kinds:
        matching = [kind for kind in kinds if asked.lower() in names[kind]]
        if not matching:
            known = sorted({kind.kind for kind in kinds})
            close = get_close_matches(asked, known, 1)
            hint = f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(known)})"
            raise Permanent(f"--kind {asked}: the API serves no such kind{hint}")
        found += matching
    return tuple(dict.fromkeys(found))


def select(objects: Iterable[Object], wish: Wish, chosen: Sequence[Kind]) -> Export:
    """From all objects of the API: those to export, in order."""
    everything = list(objects)
    services = {_place(obj): obj for obj in everything if obj["apiVersion"] == "v1" and obj["kind"] == "Service"}
    wanted_kinds = {(kind.group, kind.kind) for kind in chosen}
    taken, secrets = [], []
    for obj in everything:
        is_wanted = (group_of(obj), obj["kind"]) in wanted_kinds and _is_inside(obj, wish)
        if not is_wanted or is_made(obj, services):
            continue
        if _is_secret(obj) and not wish.include_secrets:
            secrets.append("/".join(_place(obj)))
        else:
            taken.append(portable(obj))
    taken.sort(key=order)
    return Export(tuple(taken), tuple(sorted(secrets)), _undefined(taken))


def _is_inside(obj: Object, wish: Wish) -> bool:
    if not wish.namespaces:
        return True
    namespace, name = _place(obj)
    if not namespace:
        is_named = (group_of(obj), obj["kind"]) == ("", "Namespace")
        return name in wish.namespaces if is_named else bool(wish.kinds)
    return namespace in wish.namespaces


def _is_secret(obj: Object) -> bool:
    return (obj["apiVersion"], obj["kind"]) == ("v1", "Secret")


def _undefined(objects: Iterable[Object]) -> tuple[str, ...]:
    defined, used = set(), set()
    for obj in objects:
        group = group_of(obj)
        if (group, obj["kind"]) == ("apiextensions.k8s.io", "CustomResourceDefinition"):
            defined.add((obj["spec"]["group"], obj["spec"]["names"]["kind"]))
        elif group not in _BUILT_IN:
            used.add((group, obj["kind"]))
    return tuple(f"{kind}.{group}" for group, kind in sorted(used - defined))


def _names(kind: Kind) -> set[str]:
    short = {name.lower() for name in kind.short_names}
    return {
        kind.kind.lower(),
        kind.plural,
        kind.singular,
        kind.resource,
        f"{kind.kind}.{kind.group}".lower(),
    } | short


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
