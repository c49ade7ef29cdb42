"""What is recorded of a router's requests: what the route says, else the entrypoint; of our own, nothing."""

from hearthgate.ingress.routing.model import LoadBalancer, Observed, Service
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.resources.traefik.ingressroute import RouterObservability


def entrypoint_observed(settings: EntryPoint) -> Observed:
    said = settings.observability
    return Observed(access_logs=said.access_logs, metrics=said.metrics, tracing=said.tracing)


def router_observed(
    settings: IngressSettings, entrypoint: str, route: RouterObservability | None, service: Service | None
) -> Observed | None:
    """None when it is what the entrypoint says. service: None for routers of our own, which count as internal."""
    default = entrypoint_observed(settings.entry_points[entrypoint])
    said = route or RouterObservability()
    observed = Observed(
        access_logs=default.access_logs if said.access_logs is None else said.access_logs,
        metrics=default.metrics if said.metrics is None else said.metrics,
        tracing=default.tracing if said.tracing is None else said.tracing,
    )
    if service is None or (isinstance(service, LoadBalancer) and service.internal):
        log, metrics, tracing = settings.access_log, settings.metrics, settings.tracing
        observed = Observed(
            access_logs=observed.access_logs and log is not None and log.add_internals,
            metrics=observed.metrics and metrics.add_internals,
            tracing=observed.tracing and tracing is not None and tracing.add_internals,
        )
    if not _is_recorded(settings):
        return None
    return None if observed == default else observed


def _is_recorded(settings: IngressSettings) -> bool:
    """Whether anything is: if not, no route needs a word of its own."""
    kept = (settings.access_log, settings.metrics.prometheus, settings.tracing)
    return any(part is not None for part in kept)
