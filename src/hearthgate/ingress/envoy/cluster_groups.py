"""Clusters made of clusters: who takes over when nobody of those before can serve, and who is asked again.

An `aggregate` looks at the health of its members' servers; a `composite` gives its first member the first try of a
request, its second member the second one.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from hearthgate.ingress.envoy.clusters import Cluster, unlimited
from hearthgate.ingress.envoy.messages import duration, extension, field, make
from hearthgate.ingress.envoy.retries import retry_policy
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.xds.resources import versioned

_NAME_FIELD: Final = 1
_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def taking_over(name: str, members: Sequence[Cluster], *, retries: bool) -> Cluster:
    """A cluster whose members are used in order. retries: whether it says what is tried again."""
    config = extension(
        "envoy.clusters.aggregate",
        "envoy.extensions.clusters.aggregate.v3.ClusterConfig",
        clusters=[member.name for member in members],
    )
    options = make(
        _OPTIONS,
        explicit_http_config={"http_protocol_options": {}},  # the member's own is what counts
        retry_policy=retry_policy() if retries else None,
    )
    return _group(name, config, typed_extension_protocol_options={_OPTIONS: any_of(options)})


def one_try_each(name: str, members: Sequence[Cluster]) -> Cluster:
    config = extension(
        "envoy.clusters.composite",
        "envoy.extensions.clusters.composite.v3.ClusterConfig",
        clusters=[{"name": member.name} for member in members],
    )
    return _group(name, config)


def _group(name: str, config: dict[str, Any], **more: Any) -> Cluster:
    fields = {
        "alt_stat_name": name,
        "connect_timeout": duration(1),
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": config,
        **unlimited(),
        **more,
    }
    body = make("envoy.config.cluster.v3.Cluster", **fields).SerializeToString(deterministic=True)
    named = f"{name}|{blake2b(body, digest_size=8).hexdigest()}"
    return Cluster(named, versioned(field(_NAME_FIELD, named.encode()) + body), None)
