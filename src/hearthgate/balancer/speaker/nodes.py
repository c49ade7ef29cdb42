"""Which nodes may announce at all, and on which of them a Service is served. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.core import Node, Pod, Service
from hearthgate.resources.discovery import Endpoint, EndpointSlice

EXCLUDE_LABEL: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
OURS: Final = "hearthgate"
ANYWHERE: Final = ""
"""In place of a node: an endpoint that says no node."""


class Nodes(NamedTuple):
    """able: nodes that may announce, with their labels. barred: why the others may not."""

    able: Mapping[str, Mapping[str, str]]
    barred: Mapping[str, str]


def nodes_of(snapshot: Snapshot, alive: frozenset[str], *, ignore_exclude: bool = False) -> Nodes:
    """alive: as heartbeats have it. Upstream takes the exclude label at its word even where it bars every node, as
    kubeadm sets it on clusters of one: nothing is announced then, and nobody is told. Here it counts for nothing
    in that case."""
    barred: dict[str, str] = {}
    able: dict[str, Mapping[str, str]] = {}
    excluded: dict[str, Mapping[str, str]] = {}
    known = {node.metadata.name: node for node in snapshot.all(Node)}
    for name in sorted(alive):
        node = known.get(name)
        if node is not None and _is_cut_off(node):
            barred[name] = "its network is unavailable (condition NetworkUnavailable)"
        elif node is not None and EXCLUDE_LABEL in node.metadata.labels and not ignore_exclude:
            excluded[name] = node.metadata.labels
        else:
            able[name] = node.metadata.labels if node is not None else {}
    if not able and excluded:
        return Nodes(excluded, barred)
    barred.update(dict.fromkeys(excluded, f"it has the label {EXCLUDE_LABEL}"))
    return Nodes(able, barred)


def labels_of(snapshot: Snapshot, node: str) -> Mapping[str, str]:
    """Of a node that the API may not know: a box alone has no Node."""
    return next((one.metadata.labels for one in snapshot.all(Node) if one.metadata.name == node), {})


class Served(NamedTuple):
    """Where a Service has servers. nodes: ANYWHERE among them for one that says no node. only_there: nothing leads
    from other nodes to these."""

    nodes: frozenset[str]
    only_there: bool = False


def is_without_cluster(snapshot: Snapshot) -> bool:
    """Whether the API is that of a box, which no kube-proxy serves."""
    return any(node.metadata.labels.get(MANAGED_BY) == OURS for node in snapshot.all(Node))


def leads_to_part(service: Service, pods: Iterable[Pod]) -> bool:
    """Whether the Service selects a part of this program, such as the proxy of the box."""
    return bool(service.spec.selector) and any(_is_part(pod) and _selects(service, pod) for pod in pods)


class Serving:
    """Where Services are served, from EndpointSlices and, without a cluster, from the Pods that stand for parts of
    this program. boxes: living nodes.

    A part that a Service selects runs on each box of its own, and nothing leads from one box to the other. Of a
    living box that has no such Pod, since its proxy follows the API of another, it is taken for granted: that is
    what a speaker is started there for.
    """

    def __init__(self, snapshot: Snapshot, boxes: frozenset[str] = frozenset()) -> None:
        self._nodes: defaultdict[Key, set[str]] = defaultdict(set)
        for slice_ in snapshot.all(EndpointSlice):
            if slice_.service_key[1]:
                self._nodes[slice_.service_key].update(_serving(slice_.endpoints or ()))
        self._pods = snapshot.all(Pod)
        self._boxes = boxes

    def nodes(self, service: Service) -> Served:
        """Nodes with an endpoint that can serve."""
        if found := self._nodes.get(service.key):
            return Served(frozenset(found))
        if not service.spec.selector:
            return Served(frozenset())
        pods = [pod for pod in self._pods if _selects(service, pod)]
        ready = frozenset(pod.spec.node_name for pod in pods if _is_ready(pod))
        if not any(_is_part(pod) for pod in pods):
            return Served(ready)
        return Served(ready | (self._boxes - {pod.spec.node_name for pod in pods}), only_there=True)


def _serving(endpoints: Iterable[Endpoint]) -> Iterable[str]:
    for endpoint in endpoints:
        conditions = endpoint.conditions
        if conditions.ready in (None, True) or conditions.serving:
            yield endpoint.node_name or ANYWHERE


def _selects(service: Service, pod: Pod) -> bool:
    """A part of this program counts in every namespace: a Service for upstream's proxy finds ours by labels."""
    labels = pod.metadata.labels
    is_near = pod.metadata.namespace == service.metadata.namespace or _is_part(pod)
    return is_near and all(labels.get(name) == value for name, value in service.spec.selector.items())


def _is_part(pod: Pod) -> bool:
    return pod.metadata.labels.get(MANAGED_BY) == OURS


def _is_ready(pod: Pod) -> bool:
    return pod.status is not None and pod.status.phase == "Running" and bool(pod.spec.node_name)


def _is_cut_off(node: Node) -> bool:
    conditions = node.status.conditions if node.status is not None else ()
    return any(one.type == "NetworkUnavailable" and one.status == "True" for one in conditions)
