"""Endpoints to ClusterLoadAssignments.

Each cluster has an assignment under its own name, even where several show the endpoints of one Service: Envoy
does not ask twice for one name, so a second cluster of that name would wait for an answer that never comes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hearthgate.ingress.envoy.messages import field, make
from hearthgate.ingress.routing.model import Endpoint, EndpointState
from hearthgate.ingress.xds.resources import Versioned, versioned

_NAME_FIELD: Final = 1
_HEALTH: Final[Mapping[EndpointState, dict[str, str]]] = {
    EndpointState.FENCED: {"health_status": "DRAINING"},
    EndpointState.DOWN: {"health_status": "UNHEALTHY"},
}
_POLICY: Final = {"overprovisioning_factor": {"value": 1_000_000}}
"""One server that can serve keeps all of the traffic: what takes over waits until none can."""


def serialised(addresses: Iterable[Endpoint]) -> bytes:
    """The ClusterLoadAssignment of these IP addresses, without its name. None at all is a valid answer too."""
    assignment = make("envoy.config.endpoint.v3.ClusterLoadAssignment", **assigned(addresses))
    return bytes(assignment.SerializeToString(deterministic=True))


def assigned(addresses: Iterable[Endpoint]) -> dict[str, Any]:
    """The fields of a ClusterLoadAssignment but its name."""
    endpoints = locality(addresses)
    return {"endpoints": endpoints, "policy": _POLICY} if endpoints else {}


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
            },
            **_HEALTH.get(state, {}),
        }
        for address, port, state in sorted(set(addresses))
    ]
    return [{"lb_endpoints": endpoints}] if endpoints else []
