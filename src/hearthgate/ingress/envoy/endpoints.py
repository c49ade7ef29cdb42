"""Endpoints to ClusterLoadAssignments, each under the name of a Service's port, shared by all its clusters."""

from collections.abc import Iterable
from typing import Any

from hearthgate.ingress.envoy.messages import make
from hearthgate.ingress.routing.model import Endpoint, EndpointsKey
from hearthgate.ingress.xds.resources import Versioned, versioned


def eds_name(key: EndpointsKey) -> str:
    return f"{key.namespace}/{key.service}/{key.port}"


def load_assignment(key: EndpointsKey, addresses: Iterable[Endpoint]) -> Versioned:
    """The ClusterLoadAssignment of these IP addresses; none is a valid answer too: nothing to wait for."""
    assignment = make(
        "envoy.config.endpoint.v3.ClusterLoadAssignment", cluster_name=eds_name(key), endpoints=locality(addresses)
    )
    return versioned(assignment.SerializeToString(deterministic=True))


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
