"""Whether a change can move an announcement. Most cannot: endpoints of Services that ask for no balancer. Pure."""

from collections.abc import Iterable

from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.core import Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.meta import Resource


def concerns(old: Snapshot, new: Snapshot, kinds: Iterable[type[Resource]]) -> bool:
    """Whether placements of the two may differ. kinds: all that they are made from."""
    for kind in kinds:
        before, after = old.collection(kind), new.collection(kind)
        if before is after:
            continue
        if kind is not Service and kind is not EndpointSlice:
            return True
        if any(_asks(one, new) for change in changes(before, after).values() for one in change):
            return True
    return False


def _asks(changed: Resource | None, snapshot: Snapshot) -> bool:
    """Whether a Service asks for a balancer, or a slice belongs to one that does."""
    if isinstance(changed, EndpointSlice):
        changed = snapshot.get(Service, *changed.service_key)
    return isinstance(changed, Service) and changed.spec.type == "LoadBalancer"
