"""Endpoints as they were last seen, so that only those that changed are serialised again."""

from collections.abc import Iterable

from hearthgate.ingress.envoy.clusters import checks_addresses, has_name
from hearthgate.ingress.envoy.endpoints import eds_name, load_assignment
from hearthgate.ingress.routing.model import Endpoint, Endpoints, EndpointsKey, LoadBalancer
from hearthgate.ingress.xds.resources import Versioned


class _Entry:
    __slots__ = ("addresses", "assignment", "named")

    def __init__(self, addresses: tuple[Endpoint, ...]) -> None:
        self.addresses = addresses
        self.named = has_name(addresses)
        self.assignment: Versioned | None = None


_NOTHING = _Entry(())


class EndpointTable:
    """What is known of endpoints, with what Envoy is told about them."""

    def __init__(self) -> None:
        self._entries: dict[EndpointsKey, _Entry] = {}
        self._given: Endpoints = {}
        self._empty: dict[EndpointsKey, Versioned] = {}

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

    def inline(self, balancer: LoadBalancer) -> tuple[Endpoint, ...] | None:
        """The addresses that the balancer's very cluster depends on; None where they come by EDS alone."""
        if balancer.endpoints is None:
            return None
        entry = self._entries.get(balancer.endpoints, _NOTHING)
        return entry.addresses if entry.named or checks_addresses(balancer) else None

    def assignments(self, keys: Iterable[EndpointsKey]) -> dict[str, Versioned]:
        """ClusterLoadAssignments by name; of Services without endpoints too."""
        found: dict[str, Versioned] = {}
        empty: dict[EndpointsKey, Versioned] = {}
        for key in keys:
            entry = self._entries.get(key)
            if entry is None or entry.named:
                # Named ones are for an instant only: their cluster is about to change.
                empty[key] = found[eds_name(key)] = self._empty.get(key) or load_assignment(key, ())
                continue
            if entry.assignment is None:
                entry.assignment = load_assignment(key, entry.addresses)
            found[eds_name(key)] = entry.assignment
        self._empty = empty
        return found
