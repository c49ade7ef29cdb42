"""EndpointSlices to endpoints: which addresses serve a port of a Service, by the slices' conditions."""

from types import MappingProxyType

from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.ingress.routing.model import Endpoint, Endpoints, EndpointsKey, EndpointState
from hearthgate.resources.discovery import Endpoint as SliceEndpoint
from hearthgate.resources.discovery import EndpointSlice

_Part = tuple[EndpointsKey, tuple[Endpoint, ...], tuple[Endpoint, ...]]


class EndpointsIndex:
    """Endpoints of every Service port. Equal input gives the same object, and unchanged slices are not read again.

    An endpoint serves while `serving` is true or unknown. Terminating ones are fenced: they keep their sticky
    sessions and get no others, unless nothing else is left: better a pod that is about to go than an error
    (upstream answers 503 there).
    """

    def __init__(self) -> None:
        self._collection: Collection | None = None
        self._parts: dict[tuple[str, str], tuple[EndpointSlice, tuple[_Part, ...]]] = {}
        self._endpoints: Endpoints = MappingProxyType({})
        self.served: frozenset[EndpointsKey] = frozenset()
        """Those that have an endpoint."""

    def update(self, snapshot: Snapshot) -> Endpoints:
        collection = snapshot.collection(EndpointSlice)
        if collection is not self._collection:
            self._collection = collection
            self._endpoints = self._merge(snapshot.all(EndpointSlice))
            self.served = frozenset(key for key, addresses in self._endpoints.items() if addresses)
        return self._endpoints

    def _merge(self, slices: tuple[EndpointSlice, ...]) -> Endpoints:
        parts: dict[tuple[str, str], tuple[EndpointSlice, tuple[_Part, ...]]] = {}
        active: dict[EndpointsKey, tuple[Endpoint, ...]] = {}
        leaving: dict[EndpointsKey, tuple[Endpoint, ...]] = {}
        for item in slices:
            known = self._parts.get(item.key)
            part = known if known is not None and known[0] is item else (item, tuple(_parts(item)))
            parts[item.key] = part
            for key, serving, terminating in part[1]:
                active[key] = _join(active.get(key), serving)
                if terminating:
                    leaving[key] = _join(leaving.get(key), terminating)
        self._parts = parts
        for key, terminating in leaving.items():
            active[key] = _with_fenced(active[key], terminating)
        return MappingProxyType(active)


def _join(known: tuple[Endpoint, ...] | None, more: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    return tuple(sorted({*known, *more})) if known else more


def _with_fenced(serving: tuple[Endpoint, ...], terminating: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    if not serving:
        return terminating
    places = {endpoint.place for endpoint in serving}
    fenced = (one._replace(state=EndpointState.FENCED) for one in terminating if one.place not in places)
    return tuple(sorted((*serving, *fenced)))


def _parts(item: EndpointSlice) -> list[_Part]:
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
        found.append((key, tuple(sorted(serving)), tuple(sorted(terminating))))
    return found


def _serves(endpoint: SliceEndpoint) -> bool:
    conditions = endpoint.conditions
    if conditions.serving is not None:
        return conditions.serving
    return conditions.ready is not False
