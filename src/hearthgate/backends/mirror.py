"""Endpoints objects made by hand become EndpointSlices, as upstream's mirroring controller does it. Pure.

Mirrored are the Endpoints of Services without selector. Not those labelled
`endpointslice.kubernetes.io/skip-mirror` or used as a leader lock, and not those that upstream's own controller
has mirrored already.
"""

from collections.abc import Iterator
from typing import Final

from hearthgate.backends.slices import Row, SliceEndpoint, SlicePort
from hearthgate.resources.core import EndpointAddress, Endpoints, Service

UPSTREAM_MANAGER: Final = "endpointslicemirroring-controller.k8s.io"
_SKIP_LABEL: Final = "endpointslice.kubernetes.io/skip-mirror"
_LEADER_ANNOTATION: Final = "control-plane.alpha.kubernetes.io/leader"


def is_mirrored(endpoints: Endpoints, service: Service | None) -> bool:
    metadata = endpoints.metadata
    if metadata.labels.get(_SKIP_LABEL) == "true" or _LEADER_ANNOTATION in metadata.annotations:
        return False
    return service is not None and not service.spec.selector and service.spec.type != "ExternalName"


def rows(endpoints: Endpoints) -> Iterator[Row]:
    for subset in endpoints.subsets:
        ports = tuple(SlicePort(port.name, port.port, port.protocol) for port in subset.ports)
        for address in subset.addresses:
            yield _endpoint(address, ready=True), ports
        for address in subset.not_ready_addresses:
            yield _endpoint(address, ready=False), ports


def _endpoint(address: EndpointAddress, *, ready: bool) -> SliceEndpoint:
    return SliceEndpoint(address.ip, ready, address.hostname, address.node_name)
