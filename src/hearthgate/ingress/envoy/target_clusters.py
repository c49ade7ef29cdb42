"""Targets to clusters: one for a load balancer, a group where others take over, and those for copies."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.cluster_groups import one_try_each, taking_over
from hearthgate.ingress.envoy.clusters import Cluster, build_cluster, needs_http1_for_upgrades
from hearthgate.ingress.envoy.messages import extension
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.services import Chain, Copies, Target
from hearthgate.ingress.routing.model import Endpoint, LoadBalancer

Inline = Callable[[LoadBalancer], tuple[Endpoint, ...] | None]
"""The addresses of a load balancer whose cluster depends on them; None for all others."""
_FILTERS: Final = "envoy.extensions.filters.http."
_DROP_BODY: Final = """
function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("transfer-encoding")
  if headers:get("content-length") then headers:replace("content-length", "0") end
  for chunk in handle:bodyChunks() do chunk:setBytes("") end
end
"""


class Upstream(NamedTuple):
    """A cluster, and every cluster that it needs, itself included."""

    cluster: Cluster
    needed: tuple[Cluster, ...]


class ClusterFinder:
    """retries: whether clusters say what is tried again, which routes cannot change."""

    def __init__(self, inline: Inline, options: ProxyOptions, *, retries: bool) -> None:
        self._inline = inline
        self._options = options
        self._retries = retries

    def find(self, target: Target, *, http1: bool) -> Upstream | None:
        """None when there is nothing to choose from. http1: for upgrades. Raises UnservableError."""
        if target.balancer is None:
            return None
        if target.again is None:
            return self._chain(target.chain, http1=http1, retries=self._retries)
        chains = (target.chain, *target.again.tries)
        tries = [self._chain(chain, http1=http1, retries=False) for chain in chains]
        group = one_try_each(target.balancer.name, [one.cluster for one in tries])
        return Upstream(group, (*(cluster for one in tries for cluster in one.needed), group))

    def find_copies(self, copies: Copies) -> Cluster:
        """Raises UnservableError."""
        balancer = copies.balancer
        filters = () if copies.body else (_without_body(), _codec())
        return build_cluster(
            balancer, self._inline(balancer), self._options, retries=self._retries, filters=filters
        )

    def _chain(self, chain: Chain, *, http1: bool, retries: bool) -> Upstream:
        members = tuple(self._one(balancer, http1=http1, retries=retries) for balancer in chain)
        if len(members) == 1:
            return Upstream(members[0], members)
        group = taking_over(chain[0].name, members, retries=retries)
        return Upstream(group, (*members, group))

    def _one(self, balancer: LoadBalancer, *, http1: bool, retries: bool) -> Cluster:
        variant = http1 and needs_http1_for_upgrades(balancer)
        return build_cluster(balancer, self._inline(balancer), self._options, http1=variant, retries=retries)


def _without_body() -> dict[str, Any]:
    code = {"inline_string": _DROP_BODY}
    return extension("envoy.filters.http.lua", f"{_FILTERS}lua.v3.Lua", default_source_code=code)


def _codec() -> dict[str, Any]:
    return extension("envoy.filters.http.upstream_codec", f"{_FILTERS}upstream_codec.v3.UpstreamCodec")
