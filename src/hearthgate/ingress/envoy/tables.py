"""The route tables of one entrypoint and kind of connection, made again only where its routers changed."""

from hearthgate.ingress.envoy.entrypoints import Layout
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.router_index import RouterIndex
from hearthgate.ingress.envoy.routes import CompiledRouter
from hearthgate.ingress.envoy.virtual_hosts import route_configuration, virtual_host
from hearthgate.ingress.xds.resources import Versioned, versioned


class Tables:
    """Keeps what it made last. A virtual host is the same in whichever table it stands."""

    def __init__(self, *, tls: bool) -> None:
        self._tls = tls
        self._index = RouterIndex()
        self._virtual_hosts: dict[str, bytes] = {}
        self._layout: Layout | None = None
        self._routes: dict[str, Versioned] = {}
        self._exceptions: tuple[str, ...] = ()
        self._listener_input: tuple[Layout, tuple[str, ...]] | None = None
        self._listeners: dict[str, Versioned] = {}

    def routes(self, layout: Layout, compiled: list[CompiledRouter]) -> dict[str, Versioned]:
        """RouteConfigurations by name. `compiled`: every router here."""
        changed = self._index.update(compiled)
        if changed is None:
            self._virtual_hosts = {}
        elif not changed and layout is self._layout:
            return self._routes
        else:
            for domain in changed:
                self._virtual_hosts.pop(domain, None)
        tables = layout.tables(self._index.domains, tls=self._tls)
        hosts = self._virtual_hosts
        for table in tables:
            for domain in table.domains:
                if domain not in hosts:
                    hosts[domain] = virtual_host(domain, self._index.of(domain))
        if len(hosts) > sum(len(table.domains) for table in tables):
            kept = {domain for table in tables for domain in table.domains}
            self._virtual_hosts = {domain: body for domain, body in hosts.items() if domain in kept}
        self._routes = {
            table.name: versioned(route_configuration(table, [hosts[domain] for domain in table.domains]))
            for table in tables
        }
        self._exceptions = layout.exceptions(self._index.domains) if self._tls else ()
        self._layout = layout
        return self._routes

    def listeners(self, layout: Layout, options: ProxyOptions) -> dict[str, Versioned]:
        """Listeners by name. Call it after `routes`."""
        wanted = (layout, self._exceptions)
        if self._listener_input != wanted:
            self._listeners = layout.listeners(self._exceptions, options)
            self._listener_input = wanted
        return self._listeners
