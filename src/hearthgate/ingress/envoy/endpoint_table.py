"""Endpoints as they were last seen, so that only those that changed are serialised again."""

from collections.abc import Iterable

from hearthgate.ingress.envoy.clusters import checks_addresses, has_name
from hearthgate.ingress.envoy.endpoints import eds_name, load_assignment
from hearthgate.ingress.routing.model import Endpoint, Endpoints, EndpointsKey, LoadBalancer
from hearthgate.ingress.xds.resources import Versioned


class _Entry:
    __slots__ = ("addresses", "assignment", "name", "named")

    def __init__(self, key: EndpointsKey, addresses: tuple[Endpoint, ...]) -> None:
        self.addresses = addresses
        self.named = has_name(addresses)
        self.name = eds_name(key)
        # While there are names, for an instant only: the cluster that asks is about to be replaced.
        self.assignment = load_assignment(key, () if self.named else addresses)


class EndpointTable:
    """What is known of endpoints, with what Envoy is told about them."""

    def __init__(self) -> None:
        self._entries: dict[EndpointsKey, _Entry] = {}
        self._given: Endpoints = {}
        self._absent: dict[EndpointsKey, _Entry] = {}
        self.named = False
        """Whether some Service has a host name among its addresses."""

    def update(self, endpoints: Endpoints) -> None:
        if endpoints is self._given:
            return
        old = self._entries
        self._entries = {
            key: entry
            if (entry := old.get(key)) is not None and entry.addresses == addresses
            else _Entry(key, addresses)
            for key, addresses in endpoints.items()
        }
        self._given = endpoints
        self.named = any(entry.named for entry in self._entries.values())

    def inline(self, balancer: LoadBalancer) -> tuple[Endpoint, ...] | None:
        """The addresses that the balancer's very cluster depends on; None where they come by EDS alone."""
        if balancer.endpoints is None:
            return None
        entry = self._entries.get(balancer.endpoints)
        if checks_addresses(balancer):
            return entry.addresses if entry is not None else ()
        return entry.addresses if entry is not None and entry.named else None

    def assignments(self, keys: Iterable[EndpointsKey]) -> dict[str, Versioned]:
        """ClusterLoadAssignments by name; of Services without endpoints too."""
        found: dict[str, Versioned] = {}
        absent: dict[EndpointsKey, _Entry] = {}
        for key in keys:
            entry = self._entries.get(key)
            if entry is None:
                entry = absent[key] = self._absent.get(key) or _Entry(key, ())
            found[entry.name] = entry.assignment
        self._absent = absent
        return found
