"""Which pods a selector selects, by an index of their labels. Pure.

A policy costs what it selects, not what there is: 500 policies over 5,000 pods are read in well under a second.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from hearthgate.cluster.snapshot import Key
from hearthgate.policy.ends import NAME_LABEL, PodEnd
from hearthgate.resources.scalars import Selector

Keys = frozenset[Key]
_NOBODY: Final[Keys] = frozenset()


class Selection:
    """Equal selectors give one and the same set. Pods of the host's network are never selected."""

    def __init__(self, pods: Iterable[PodEnd], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        """namespaces: labels of those that are known; others have their name alone."""
        self._pods: dict[str, dict[Key, PodEnd]] = {}
        self._labelled: dict[tuple[str, str, str], set[Key]] = {}
        for pod in pods:
            if pod.host_network:
                continue
            self._pods.setdefault(pod.namespace, {})[pod.key] = pod
            for label, value in pod.labels.items():
                self._labelled.setdefault((pod.namespace, label, value), set()).add(pod.key)
        self.namespaces = {name: {NAME_LABEL: name} for name in self._pods} | {
            name: {**labels, NAME_LABEL: name} for name, labels in namespaces.items()
        }
        self._known: dict[tuple[str, object], Keys] = {}
        self._across: dict[tuple[object, object], Keys] = {}

    def within(self, namespace: str, selector: Selector) -> Keys:
        """Those of one namespace."""
        asked = (namespace, _frozen(selector))
        found = self._known.get(asked)
        if found is None:
            found = self._known[asked] = self._select(namespace, selector)
        return found

    def across(self, namespaces: Selector, pods: Selector | None = None) -> Keys:
        """Those of all namespaces that are selected; without a selector of pods all of theirs."""
        asked = (_frozen(namespaces), _frozen(pods or Selector()))
        found = self._across.get(asked)
        if found is None:
            each = (self.within(name, pods or Selector()) for name in self.selected(namespaces))
            found = self._across[asked] = frozenset().union(*each)
        return found

    def selected(self, namespaces: Selector) -> tuple[str, ...]:
        """The names of namespaces."""
        return tuple(name for name, labels in sorted(self.namespaces.items()) if namespaces.matches(labels))

    def _select(self, namespace: str, selector: Selector) -> Keys:
        pods = self._pods.get(namespace)
        if pods is None:
            return _NOBODY
        sets = [self._labelled.get((namespace, *each), set()) for each in selector.match_labels.items()]
        left = set.intersection(*sorted(sets, key=len)) if sets else set(pods)
        if selector.match_expressions:
            left = {key for key in left if selector.matches(pods[key].labels)}
        return frozenset(left)


def _frozen(selector: Selector) -> object:
    conditions = ((each.key, each.operator, each.values) for each in selector.match_expressions)
    return frozenset(selector.match_labels.items()), frozenset(conditions)
