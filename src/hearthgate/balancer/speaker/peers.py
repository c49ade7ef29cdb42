"""Where the other members are heard: those that the settings name, else those that the API knows. Pure."""

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address

from hearthgate.balancer.settings import Where
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.core import Node


def peers_of(
    snapshot: Snapshot, node: str, *, named: Mapping[str, Where], find: bool, port: int
) -> Mapping[str, Where]:
    """Without ourselves, in order of their names. node: our name. find: whether Nodes of the API are members too,
    at their first InternalIP; what the settings say of a name counts before. An address on loopback is no way to
    anybody."""
    found = {one.metadata.name: where for one in snapshot.all(Node) if find and (where := _where(one, port))}
    found |= named
    return {name: found[name] for name in sorted(found) if name != node}


def _where(node: Node, port: int) -> Where | None:
    for one in node.status.addresses if node.status is not None else ():
        if one.type != "InternalIP":
            continue
        with suppress(ValueError):
            if not (address := ip_address(one.address)).is_loopback:
                return Where(str(address), port)
    return None
