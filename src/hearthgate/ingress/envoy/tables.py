"""The route tables of one entrypoint and kind of connection, made again only where its routers changed."""

from hearthgate.ingress.envoy.entrypoints import Layout
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.routes import CompiledRouter
from hearthgate.ingress.envoy.virtual_hosts import Routers, VirtualHosts, route_configuration
from hearthgate.ingress.xds.resources import Versioned, versioned


class Tables:
    """Keeps what it made last."""

    def __init__(self, *, tls: bool) -> None:
        self._tls = tls
        self._virtual_hosts: dict[str, VirtualHosts] = {}
        self._input: tuple[Layout, tuple[CompiledRouter, ...]] | None = None
        self._routes: dict[str, Versioned] = {}
        self._listener_input: tuple[Layout, tuple[str, ...]] | None = None
        self._listeners: dict[str, Versioned] = {}
        self._exceptions: tuple[str, ...] = ()

    def routes(self, layout: Layout, compiled: tuple[CompiledRouter, ...]) -> dict[str, Versioned]:
        """RouteConfigurations by name. `compiled`: every router here, in order of precedence."""
        if self._input is None or self._input[0] != layout or self._input[1] != compiled:
            routers = Routers(compiled)
            found = {}
            for table in layout.tables(routers.domains, tls=self._tls):
                hosts = self._virtual_hosts.setdefault(table.name, VirtualHosts())
                body = route_configuration(table, hosts.build(table.domains, routers))
                found[table.name] = versioned(body)
            self._virtual_hosts = {name: self._virtual_hosts[name] for name in found}
            self._exceptions = layout.exceptions(routers.domains) if self._tls else ()
            self._routes, self._input = found, (layout, compiled)
        return self._routes

    def listeners(self, layout: Layout, options: ProxyOptions) -> dict[str, Versioned]:
        """Listeners by name. Call it after `routes`."""
        wanted = (layout, self._exceptions)
        if self._listener_input != wanted:
            self._listeners = layout.listeners(self._exceptions, options)
            self._listener_input = wanted
        return self._listeners
