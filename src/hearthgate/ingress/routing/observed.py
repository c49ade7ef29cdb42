"""What is recorded of a router's requests: what the route says, else the entrypoint; of our own, nothing."""

from hearthgate.ingress.routing.model import LoadBalancer, Observed, Service
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.resources.traefik.ingressroute import RouterObservability


def entrypoint_observed(settings: EntryPoint) -> Observed:
    said = settings.observability
    return Observed(access_logs=said.access_logs, metrics=said.metrics)


def router_observed(
    settings: IngressSettings, entrypoint: str, route: RouterObservability | None, service: Service | None
) -> Observed | None:
    """None when it is what the entrypoint says. service: None for routers of our own, which count as internal."""
    log, metrics = settings.access_log, settings.metrics
    if log is None and metrics.prometheus is None:
        return None
    default = entrypoint_observed(settings.entry_points[entrypoint])
    said = route or RouterObservability()
    observed = Observed(
        access_logs=default.access_logs if said.access_logs is None else said.access_logs,
        metrics=default.metrics if said.metrics is None else said.metrics,
    )
    if service is None or (isinstance(service, LoadBalancer) and service.internal):
        observed = Observed(
            access_logs=observed.access_logs and log is not None and log.add_internals,
            metrics=observed.metrics and metrics.add_internals,
        )
    return None if observed == default else observed
