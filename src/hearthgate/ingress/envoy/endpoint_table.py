"""Endpoints as they were last seen, so that only those that changed are serialised again."""

from collections.abc import Iterable, Mapping, Set
from functools import cached_property

from hearthgate.ingress.envoy.clusters import checks_addresses, has_name
from hearthgate.ingress.envoy.endpoints import named, serialised
from hearthgate.ingress.routing.model import Endpoint, Endpoints, EndpointsKey, LoadBalancer
from hearthgate.ingress.xds.resources import Versioned


class _Entry:
    __slots__ = ("addresses", "assignment", "named")

    def __init__(self, addresses: tuple[Endpoint, ...]) -> None:
        self.addresses = addresses
        self.named = has_name(addresses)
        # While there are names, for an instant only: the cluster that asks is about to be replaced.
        self.assignment = serialised(() if self.named else addresses)


class EndpointTable:
    """What is known of endpoints, with what Envoy is told about them."""

    def __init__(self) -> None:
        self._entries: dict[EndpointsKey, _Entry] = {}
        self._given: Endpoints = {}
        self._made: dict[str, tuple[_Entry, Versioned]] = {}
        self._named: set[EndpointsKey] = set()

    def update(self, endpoints: Endpoints) -> Set[EndpointsKey]:
        """Takes these in the place of the last ones. Returns what they say otherwise."""
        given, self._given = self._given, endpoints
        if endpoints is given:
            return frozenset()
        touched = {key for key, addresses in endpoints.items() if given.get(key) is not addresses}
        touched.update(given.keys() - endpoints.keys())
        for key in touched.copy():
            addresses = endpoints.get(key)
            known = self._entries.get(key)
            if known is not None and known.addresses == addresses:
                touched.discard(key)
                continue
            self._named.discard(key)
            if addresses is None:
                del self._entries[key]
                continue
            entry = self._entries[key] = _Entry(addresses)
            if entry.named:
                self._named.add(key)
        return touched

    @property
    def named(self) -> bool:
        """Whether some Service has a host name among its addresses."""
        return bool(self._named)

    def inline(self, balancer: LoadBalancer) -> tuple[Endpoint, ...] | None:
        """The addresses that the balancer's very cluster depends on; None where they come by EDS alone."""
        if balancer.endpoints is None:
            return None
        if balancer.external is not None or balancer.addresses:
            checked = self._entries.get(balancer.endpoints)
            return checked.addresses if checked is not None else None
        entry = self._entry(balancer.endpoints)
        if checks_addresses(balancer):
            return entry.addresses if entry is not None else ()
        return entry.addresses if entry is not None and entry.named else None

    def _entry(self, key: EndpointsKey) -> _Entry | None:
        """What a check says, once it has said something."""
        entry = self._entries.get(key)
        return self._entries.get(key.unchecked) if entry is None and key.check else entry

    def addresses(self, key: EndpointsKey) -> tuple[Endpoint, ...]:
        entry = self._entry(key)
        return entry.addresses if entry is not None else ()

    def assignments(self, clusters: Mapping[str, EndpointsKey]) -> dict[str, Versioned]:
        """ClusterLoadAssignments of these clusters and no others, by name; of Services without endpoints too."""
        old, self._made = self._made, {}
        for cluster, key in clusters.items():
            entry = self._entry(key) or self._nothing
            known = old.get(cluster)
            is_same = known is not None and known[0] is entry
            self._made[cluster] = known if known is not None and is_same else self._assigned(cluster, entry)
        return {cluster: assignment for cluster, (_, assignment) in self._made.items()}

    def changed_assignments(self, clusters: Iterable[tuple[str, EndpointsKey]]) -> dict[str, Versioned]:
        """Of some of the clusters whose assignments were made, those that are other ones by now."""
        changed: dict[str, Versioned] = {}
        for cluster, key in clusters:
            entry = self._entry(key) or self._nothing
            known, assignment = self._made[cluster]
            if known is not entry:
                self._made[cluster] = self._assigned(cluster, entry)
                if self._made[cluster][1] != assignment:
                    changed[cluster] = self._made[cluster][1]
        return changed

    @cached_property
    def _nothing(self) -> _Entry:
        """Of a Service without endpoints. Made when it is asked for: the proxy's schema is loaded by then."""
        return _Entry(())

    def _assigned(self, cluster: str, entry: _Entry) -> tuple[_Entry, Versioned]:
        return entry, named(cluster, entry.assignment)
