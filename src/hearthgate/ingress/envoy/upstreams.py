"""The clusters of services that middlewares speak to themselves: authentication servers, error pages.

Scripts speak to them, and a script cannot tell an answer that the proxy made up (nobody listens, no answer in
time) from one that came. So a filter of these clusters, which only true answers pass, marks each of them.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from hearthgate.ingress.envoy.clusters import Cluster, build_cluster
from hearthgate.ingress.envoy.messages import extension, header
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.services import UnservableError
from hearthgate.ingress.envoy.target_clusters import Inline
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.model import LoadBalancer, balancers

ANSWERED: Final = "x-hg-answered"
"""Response header that says that a server answered."""
_FILTERS: Final = "envoy.extensions.filters.http."


def asked_balancers(middlewares: Iterable[Middleware]) -> Iterator[LoadBalancer]:
    """Every load balancer that the middlewares speak to, in order, each once."""
    found = (
        balancer
        for middleware in middlewares
        for service in middleware.services()
        for balancer in balancers(service)
    )
    yield from dict.fromkeys(found)


def asked_clusters(
    middlewares: Iterable[Middleware], inline: Inline, options: ProxyOptions
) -> tuple[dict[LoadBalancer, Cluster], tuple[str, ...]]:
    """Their clusters, and why some of them cannot be served."""
    found: dict[LoadBalancer, Cluster] = {}
    complaints: list[str] = []
    for balancer in asked_balancers(middlewares):
        try:
            found[balancer] = build_cluster(balancer, inline(balancer), options, filters=_filters())
        except UnservableError as error:
            complaints.append(str(error))
    return found, tuple(complaints)


def _filters() -> list[dict[str, object]]:
    """The HTTP filters of a cluster that a script speaks to."""
    mark = {"append": header(ANSWERED, "1", "OVERWRITE_IF_EXISTS_OR_ADD")}
    own = {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}}
    return [
        extension(
            "envoy.filters.http.header_mutation",
            f"{_FILTERS}header_mutation.v3.HeaderMutation",
            mutations={"request_mutations": [own], "response_mutations": [mark]},
        ),
        extension("envoy.filters.http.upstream_codec", f"{_FILTERS}upstream_codec.v3.UpstreamCodec"),
    ]
