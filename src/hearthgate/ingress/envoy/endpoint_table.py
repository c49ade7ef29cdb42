"""Endpoints as they were last seen, so that only those that changed are serialised again."""

from collections.abc import Mapping

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
        self._nothing: _Entry | None = None
        self._made: dict[str, tuple[_Entry, Versioned]] = {}
        self.named = False
        """Whether some Service has a host name among its addresses."""

    def update(self, endpoints: Endpoints) -> None:
        if endpoints is self._given:
            return
        old = self._entries
        self._entries = {
            key: entry
            if (entry := old.get(key)) is not None and entry.addresses == addresses
            else _Entry(addresses)
            for key, addresses in endpoints.items()
        }
        self._given = endpoints
        self.named = any(entry.named for entry in self._entries.values())

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
        """ClusterLoadAssignments by name of cluster; of Services without endpoints too."""
        nothing = self._nothing = self._nothing or _Entry(())
        entries, old = self._entries, self._made
        made: dict[str, tuple[_Entry, Versioned]] = {}
        for cluster, key in clusters.items():
            entry = entries.get(key) or (entries.get(key.unchecked) if key.check else None) or nothing
            known = old.get(cluster)
            if known is None or known[0] is not entry:
                known = (entry, named(cluster, entry.assignment))
            made[cluster] = known
        self._made = made
        return {cluster: assignment for cluster, (_, assignment) in made.items()}
