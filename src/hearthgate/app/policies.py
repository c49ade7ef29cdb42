"""What commands about NetworkPolicies read: an API, or files and folders before anything runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import Forbidden, NotFound
from hearthgate.cluster.once import Once, read_once
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.offline import read_files
from hearthgate.policy.edges import KINDS as EDGES
from hearthgate.policy.ends import PodEnd
from hearthgate.policy.monitors import scraped
from hearthgate.policy.suggest import Scraped
from hearthgate.policy.workloads import templated
from hearthgate.policy.world import World, world
from hearthgate.resources.core import Namespace, Node, Pod, Service
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import NetworkPolicy
from hearthgate.resources.policy import ClusterNetworkPolicy
from hearthgate.resources.registry import BY_TYPE

READ: Final[tuple[type[Resource], ...]] = (
    Namespace,
    Node,
    Pod,
    Service,
    NetworkPolicy,
    ClusterNetworkPolicy,
    *EDGES,
)
_MONITORS: Final = "/apis/monitoring.coreos.com/v1"


class Seen(NamedTuple):
    """once: when an API was read.
    scraped: what monitoring asks for.
    """

    snapshot: Snapshot
    world: World
    scraped: tuple[Scraped, ...] = ()
    once: Once | None = None


async def read_policies(client: Client, members: Sequence[PodEnd] = ()) -> Seen:
    """members: those of a box, which are no objects."""
    once = await read_once(client, [BY_TYPE[kind] for kind in READ])
    monitors: list[Mapping[str, Any]] = []
    for kind, plural in (("ServiceMonitor", "servicemonitors"), ("PodMonitor", "podmonitors")):
        try:
            found = await client.read(f"{_MONITORS}/{plural}")
        except (NotFound, Forbidden):
            continue  # nobody uses the operator here
        monitors += ({**item, "kind": kind} for item in found.get("items") or ())
    return Seen(once.snapshot, world(once.snapshot, also=members), tuple(scraped(monitors, once.snapshot)), once)


def policies_in(paths: Sequence[Path], members: Sequence[PodEnd] = ()) -> Seen:
    """Pods are those that are written, one for each workload, and the members of a box."""
    files = read_files(paths)
    seen = world(files.snapshot, also=(*members, *templated(files.documents)))
    return Seen(files.snapshot, seen, tuple(scraped(files.documents, files.snapshot)))
