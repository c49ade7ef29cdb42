"""EndpointSlices to endpoints: which addresses serve a port of a Service, by the slices' conditions."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from hearthgate.cluster.changes import Change, changes
from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.ingress.routing.model import Endpoint, Endpoints, EndpointsKey, EndpointState
from hearthgate.resources.discovery import Endpoint as SliceEndpoint
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.meta import Resource

_SliceKey = tuple[str, str]


class _Part(NamedTuple):
    """What one slice says of one port."""

    serving: tuple[Endpoint, ...]
    terminating: tuple[Endpoint, ...]


class EndpointsIndex:
    """Endpoints of every Service port. Equal input gives the same object, and only slices that changed are read.

    An endpoint serves while `serving` is true or unknown. Terminating ones are fenced: they keep their sticky
    sessions and get no others, unless nothing else is left: better a pod that is about to go than an error
    (upstream answers 503 there).
    """

    def __init__(self) -> None:
        self._collection = Collection({})
        self._parts: dict[EndpointsKey, dict[_SliceKey, _Part]] = {}
        self._endpoints: MappingProxyType[EndpointsKey, tuple[Endpoint, ...]] = MappingProxyType({})
        self.served: frozenset[EndpointsKey] = frozenset()
        """Those that have an endpoint."""

    def update(self, snapshot: Snapshot) -> Endpoints:
        collection = snapshot.collection(EndpointSlice)
        if collection is not self._collection:
            touched = self._read(changes(self._collection, collection))
            self._collection = collection
            if touched:
                self._merge(touched)
        return self._endpoints

    def _read(self, differences: Mapping[_SliceKey, Change]) -> Iterable[EndpointsKey]:
        """Brings `_parts` up to date. Returns the ports that may have other endpoints now."""
        touched = dict[EndpointsKey, None]()
        for slice_key, (old, new) in differences.items():
            for before in _ports(old):
                touched[before] = None
                self._parts[before].pop(slice_key, None)
            for key, part in _parts(new) if isinstance(new, EndpointSlice) else ():
                touched[key] = None
                known = self._parts.setdefault(key, {}).get(slice_key)
                self._parts[key][slice_key] = part if known is None else _both(known, part)
        return touched

    def _merge(self, touched: Iterable[EndpointsKey]) -> None:
        endpoints = self._endpoints.copy()
        came: set[EndpointsKey] = set()
        went: set[EndpointsKey] = set()
        for key in touched:
            parts = self._parts[key].values()
            if not parts:
                del self._parts[key]
                endpoints.pop(key, None)
                went.add(key)
                continue
            serving: tuple[Endpoint, ...] = ()
            terminating: tuple[Endpoint, ...] = ()
            for part in parts:
                serving, terminating = _join(serving, part.serving), _join(terminating, part.terminating)
            endpoints[key] = _with_fenced(serving, terminating) if terminating else serving
            (came if endpoints[key] else went).add(key)
        self._endpoints = MappingProxyType(endpoints)
        if not came <= self.served or went & self.served:
            self.served = self.served - went | came


def _both(one: _Part, other: _Part) -> _Part:
    """Two ports of one slice with the same name: of two protocols."""
    return _Part(_join(one.serving, other.serving), _join(one.terminating, other.terminating))


def _ports(item: Resource | None) -> set[EndpointsKey]:
    return {key for key, _ in _parts(item)} if isinstance(item, EndpointSlice) else set()


def _join(known: tuple[Endpoint, ...], more: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    return tuple(sorted({*known, *more})) if known else more


def _with_fenced(serving: tuple[Endpoint, ...], terminating: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    if not serving:
        return terminating
    places = {endpoint.place for endpoint in serving}
    fenced = (one._replace(state=EndpointState.FENCED) for one in terminating if one.place not in places)
    return tuple(sorted((*serving, *fenced)))


def _parts(item: EndpointSlice) -> list[tuple[EndpointsKey, _Part]]:
    namespace, service = item.service_key
    if not service:
        return []
    found = []
    for port in item.ports or ():
        if port.port is None or port.protocol not in {"TCP", "UDP", None}:
            continue
        serving: set[Endpoint] = set()
        terminating: set[Endpoint] = set()
        for endpoint in item.endpoints or ():
            if _serves(endpoint):
                group = terminating if endpoint.conditions.terminating else serving
                group.update(Endpoint(address, port.port) for address in endpoint.addresses)
        key = EndpointsKey(namespace, service, port.name or "")
        found.append((key, _Part(tuple(sorted(serving)), tuple(sorted(terminating)))))
    return found


def _serves(endpoint: SliceEndpoint) -> bool:
    conditions = endpoint.conditions
    if conditions.serving is not None:
        return conditions.serving
    return conditions.ready is not False
