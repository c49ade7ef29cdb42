"""What commands about NetworkPolicies read: an API, or files and folders before anything runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hearthgate.cluster.client import Client
from hearthgate.cluster.once import Once, read_once
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.offline import read_files
from hearthgate.policy.workloads import templated
from hearthgate.policy.world import World, world
from hearthgate.resources.core import Namespace, Node, Pod, Service
from hearthgate.resources.networking import NetworkPolicy
from hearthgate.resources.policy import ClusterNetworkPolicy
from hearthgate.resources.registry import BY_TYPE

READ: Final = (Namespace, Node, Pod, Service, NetworkPolicy, ClusterNetworkPolicy)


class Seen(NamedTuple):
    """once: when an API was read."""

    snapshot: Snapshot
    world: World
    once: Once | None = None


async def read_policies(client: Client) -> Seen:
    once = await read_once(client, [BY_TYPE[kind] for kind in READ])
    return Seen(once.snapshot, world(once.snapshot), once)


def policies_in(paths: Sequence[Path]) -> Seen:
    """Pods are those that are written, and one for each workload."""
    files = read_files(paths)
    return Seen(files.snapshot, world(files.snapshot, also=templated(files.documents)))
