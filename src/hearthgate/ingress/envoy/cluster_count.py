"""Which clusters are in use, and whose endpoints they need: counted, as several routers may share one."""

from collections.abc import Iterable, Iterator

from hearthgate.ingress.envoy.routes import CompiledRouter
from hearthgate.ingress.routing.model import EndpointsKey
from hearthgate.ingress.xds.resources import Versioned


class ClusterCount:
    """Starts empty; follows the routers by differences."""

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}
        self.resources: dict[str, Versioned] = {}
        """The clusters in use by name."""
        self.endpoints: dict[str, EndpointsKey] = {}
        """Whose endpoints a cluster in use asks for, by its name."""
        self._clusters: dict[EndpointsKey, set[str]] = {}

    def using(self, key: EndpointsKey) -> Iterator[tuple[str, EndpointsKey]]:
        """The clusters that endpoints concern: also of checks of theirs, which fall back to them."""
        for name in self._clusters.get(key, ()):
            yield name, self.endpoints[name]

    def update(self, *, added: Iterable[CompiledRouter], gone: Iterable[CompiledRouter]) -> None:
        for router in added:
            for cluster in router.clusters:
                self._uses[cluster.name] = self._uses.get(cluster.name, 0) + 1
                self.resources[cluster.name] = cluster.resource
                if cluster.endpoints is not None:
                    self.endpoints[cluster.name] = cluster.endpoints
                    for key in {cluster.endpoints, cluster.endpoints.unchecked}:
                        self._clusters.setdefault(key, set()).add(cluster.name)
        for router in gone:
            for cluster in router.clusters:
                self._uses[cluster.name] -= 1
                if not self._uses[cluster.name]:
                    del self._uses[cluster.name], self.resources[cluster.name]
                    self._forget(cluster.name, self.endpoints.pop(cluster.name, None))

    def _forget(self, name: str, used: EndpointsKey | None) -> None:
        for key in {used, used.unchecked} if used is not None else ():
            names = self._clusters[key]
            names.discard(name)
            if not names:
                del self._clusters[key]
