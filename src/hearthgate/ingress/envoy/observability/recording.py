"""Everything that is recorded of requests, as the pieces of an HttpConnectionManager."""

from dataclasses import replace
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.middlewares.lane import Branch
from hearthgate.ingress.envoy.observability import access_log, counters, tracing
from hearthgate.ingress.envoy.observability.switches import route_switch
from hearthgate.ingress.observability.settings import AccessLog, Prometheus, Tracing
from hearthgate.ingress.routing.entrypoints import INTERNAL_ENTRYPOINT
from hearthgate.ingress.routing.model import EntryPoint, Observed
from hearthgate.ingress.xds.resources import Versioned


class Recording(NamedTuple):
    """What the settings ask for; None = not at all, and then it costs nothing."""

    access_log: AccessLog | None = None
    prometheus: Prometheus | None = None
    tracing: Tracing | None = None

    def __bool__(self) -> bool:
        return any(part is not None for part in self)

    def filters(self) -> list[dict[str, Any]]:
        """HTTP filters that go before all others."""
        found: list[dict[str, Any]] = []
        if self.prometheus is not None:
            found += counters.captures()
        if self.access_log is not None:
            found += access_log.captures(self.access_log)
        return found

    def fields(self, entrypoint: EntryPoint) -> dict[str, Any]:
        """Fields of the connection manager. Raises LogError and TracingError."""
        observed, name = entrypoint.observed, entrypoint.name
        found: dict[str, Any] = {}
        logs: list[dict[str, Any]] = []
        if self.access_log is not None:
            logs += access_log.loggers(self.access_log, entrypoint)
        if self.prometheus is not None:
            logs += counters.loggers(self.prometheus, name, default=observed.metrics)
        if logs:
            found["access_log"] = logs
        if self.tracing is not None and self._is_traced(entrypoint, self.tracing):
            found |= tracing.fields(self.tracing, name)
        return found

    def _is_traced(self, entrypoint: EntryPoint, settings: Tracing) -> bool:
        """Requests for our own pages are on demand alone."""
        return entrypoint.traced and (entrypoint.name != INTERNAL_ENTRYPOINT or settings.add_internals)

    def clusters(self, system_cas: str) -> dict[str, Versioned]:
        """Clusters that recording needs, by name. Raises TracingError."""
        return {tracing.CLUSTER: tracing.cluster(self.tracing, system_cas)} if self.tracing is not None else {}


OFF: Final = Recording()


def switched(branches: tuple[Branch, ...], observed: Observed | None, recording: Recording) -> tuple[Branch, ...]:
    """The branches of a router that has its own word on what is recorded, made to say it."""
    if observed is None or (recording.access_log is None and recording.prometheus is None):
        return branches
    first = route_switch(observed)
    return tuple(replace(branch, filters=(first, *branch.filters)) for branch in branches)
