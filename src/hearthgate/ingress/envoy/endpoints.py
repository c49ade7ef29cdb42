"""Endpoints to ClusterLoadAssignments.

Each cluster has an assignment under its own name, even where several show the endpoints of one Service: Envoy
does not ask twice for one name, so a second cluster of that name would wait for an answer that never comes.
"""

from collections.abc import Iterable
from typing import Any, Final

from hearthgate.ingress.envoy.messages import field, make
from hearthgate.ingress.routing.model import Endpoint
from hearthgate.ingress.xds.resources import Versioned, versioned

_NAME_FIELD: Final = 1


def serialised(addresses: Iterable[Endpoint]) -> bytes:
    """The ClusterLoadAssignment of these IP addresses, without its name. None at all is a valid answer too."""
    assignment = make("envoy.config.endpoint.v3.ClusterLoadAssignment", endpoints=locality(addresses))
    return bytes(assignment.SerializeToString(deterministic=True))


def named(cluster: str, assignment: bytes) -> Versioned:
    """A serialised assignment for one cluster."""
    return versioned(field(_NAME_FIELD, cluster.encode()) + assignment)


def locality(addresses: Iterable[Endpoint]) -> list[dict[str, Any]]:
    """LocalityLbEndpoints. Each endpoint's host name is what a backend is told that gets no Host passed."""
    endpoints = [
        {
            "endpoint": {
                "address": {"socket_address": {"address": address, "port_value": port}},
                "hostname": f"[{address}]:{port}" if ":" in address else f"{address}:{port}",
            }
        }
        for address, port in sorted(set(addresses))
    ]
    return [{"lb_endpoints": endpoints}] if endpoints else []
