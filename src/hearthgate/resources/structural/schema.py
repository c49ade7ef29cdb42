"""Structural schemas of custom resource definitions: compiled once, then obeyed for every object.

What is read: openAPIV3Schema of apiextensions.k8s.io/v1. The order of work on an object is upstream's:
prune what the schema does not know, fill its defaults, then find every mistake.
"""

from collections.abc import Mapping
from typing import Any, Final

from hearthgate.resources.listtypes import KeyedList, ListType, Path, SetList
from hearthgate.resources.structural.build import build
from hearthgate.resources.structural.evaluation import rule_mistakes
from hearthgate.resources.structural.filling import fill_node
from hearthgate.resources.structural.mistake import WHOLE, Mistake, Where, invalid, path_of
from hearthgate.resources.structural.node import ABSENT, Node
from hearthgate.resources.structural.pruning import prune_node
from hearthgate.resources.structural.rules import Compiler, field_steps
from hearthgate.resources.structural.shape import shape_mistakes

__all__ = ["Mistake", "Structural", "fill", "mistakes", "prune"]

_BLOCKING: Final = frozenset(
    {
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
"""Mistakes after which upstream does not run the rules: they rely on types and sizes."""


class Structural:
    """A compiled schema. Equal only to itself, and unchanging.

    source: openAPIV3Schema as given. unchecked: one sentence for each rule that cannot be checked here.
    """

    __slots__ = ("node", "source", "unchecked")

    source: Mapping[str, Any]
    node: Node
    unchecked: tuple[str, ...]

    @classmethod
    def compile(cls, source: Mapping[str, Any]) -> "tuple[Structural, list[Mistake]]":
        """The schema and every mistake in it, with paths inside openAPIV3Schema. With mistakes the schema
        takes any object as it is: nobody should be served by it."""
        found = shape_mistakes(source)
        structural = cls()
        structural.source = source
        structural.unchecked = ()
        if found:
            structural.node = Node(type="object", keep_unknown=True)
            return structural, found
        compiler = Compiler()
        structural.node = build(source, compiler.rules)
        structural.unchecked = tuple(compiler.unchecked)
        found = _default_mistakes(structural.node, source, None)
        return structural, found + _uncorrelated(structural.node, None, correlated=True)

    def list_type(self, path: Path) -> ListType:
        """How the list at a path of field names merges; None when it is replaced as a whole."""
        if path == ("metadata", "finalizers"):
            return SetList()
        if path == ("metadata", "ownerReferences"):
            return KeyedList(("uid",))
        node = self._at(path)
        return None if node is None else node.list_type

    def is_atomic_map(self, path: Path) -> bool:
        """Whether the mapping at a path, or each item of the list there, is replaced as a whole
        (`x-kubernetes-map-type: atomic`)."""
        node = self._at(path)
        while node is not None and node.items is not None:
            node = node.items
        return node is not None and node.atomic_map

    def scalar_type(self, path: str) -> str:
        """The type at a path such as `.spec.class`; empty when there is no such field or it is in a list."""
        node: Node | None = self.node
        for name in field_steps(path) or ():
            node = None if node is None else node.below(name)
        return "" if node is None else node.type

    def _at(self, path: Path) -> Node | None:
        node: Node | None = self.node
        for name in path:
            while node is not None and node.items is not None:
                node = node.items
            if node is None:
                return None
            node = node.below(name)
        return node


def prune(schema: Structural, obj: Any) -> list[str]:
    """Removes the fields that the schema does not know, in place, and gives their paths (`spec.a[0].b`)."""
    removed: list[str] = []
    prune_node(schema.node, obj, None, removed, whole=True)
    return removed


def fill(schema: Structural, obj: Any) -> None:
    """Fills the defaults, in place, and drops nulls where the schema does not take null."""
    fill_node(schema.node, obj)


def mistakes(schema: Structural, obj: Any, old: Any = None) -> list[Mistake]:
    """Every mistake of an object, in the order of its fields. Never raises on decoded JSON.

    old: the object before an update. What has not changed since is not checked again, as upstream does it, so
    that a stricter schema lets old objects live; rules on `oldSelf` compare with it.
    """
    found: list[Mistake] = []
    schema.node.check(obj, ABSENT if old is None else old, None, found)
    if not schema.node.ruled:
        return found
    if any(mistake.type in _BLOCKING for mistake in found):
        detail = (
            "some validation rules were not checked because the object was invalid; "
            "correct the existing errors to complete validation"
        )
        return [*found, invalid(WHOLE, None, detail)]
    return found + rule_mistakes(schema.node, obj, ABSENT if old is None else old)


def _default_mistakes(node: Node, schema: Mapping[str, Any], where: Where) -> list[Mistake]:
    """Defaults must be what the schema itself lets in."""
    found: list[Mistake] = []
    if node.default is not ABSENT:
        path = path_of((where, "default"))
        removed: list[str] = []
        prune_node(node, node.default, None, removed)
        if removed:
            found.append(invalid(path, schema["default"], f"must not have unknown fields: {', '.join(removed)}"))
        fill_node(node, node.default)
        mine: list[Mistake] = []
        node.check(node.default, ABSENT, (where, "default"), mine)
        found += mine
    for name, child in node.properties.items():
        found += _default_mistakes(child, schema["properties"][name], (where, f"properties[{name}]"))
    if isinstance(node.additional, Node):
        found += _default_mistakes(
            node.additional, schema["additionalProperties"], (where, "additionalProperties")
        )
    if node.items is not None:
        found += _default_mistakes(node.items, schema["items"], (where, "items"))
    return found


def _uncorrelated(node: Node, where: Where, *, correlated: bool) -> list[Mistake]:
    """Rules that compare with the value before, where no value before can be told."""
    found = [
        invalid(
            path_of((where, f"x-kubernetes-validations[{index}].rule")),
            rule.text,
            "oldSelf cannot be used on the uncorrelatable portion of the schema",
        )
        for index, rule in enumerate(node.rules)
        if rule.transition and not rule.optional_old and not correlated
    ]
    if not node.ruled:
        return found
    inside = correlated and not node.atomic_map
    for name, child in node.properties.items():
        found += _uncorrelated(child, (where, f"properties[{name}]"), correlated=inside)
    if isinstance(node.additional, Node):
        found += _uncorrelated(node.additional, (where, "additionalProperties"), correlated=inside)
    if node.items is not None:
        keyed = isinstance(node.list_type, KeyedList)
        found += _uncorrelated(node.items, (where, "items"), correlated=correlated and keyed)
    return found
