"""EndpointSlices as values: what is wanted, what is there, and the manifest of one. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.model.refs import ObjectRef
from hearthgate.resources.discovery import MANAGED_BY_LABEL, SERVICE_NAME_LABEL, EndpointSlice

MAX_ENDPOINTS: Final = 1000
"""The API takes no more in one slice."""
_NAME_ROOM: Final = 240

IPV4, IPV6, FQDN = "IPv4", "IPv6", "FQDN"


class SlicePort(NamedTuple):
    """`name` as in the Service. `app_protocol` is empty when unknown."""

    name: str
    port: int
    protocol: str = "TCP"
    app_protocol: str = ""


class SliceEndpoint(NamedTuple):
    address: str
    ready: bool = True
    hostname: str = ""
    node: str = ""


Row = tuple[SliceEndpoint, tuple[SlicePort, ...]]
"""One address with the ports under which it serves."""


class Owner(NamedTuple):
    """The object that a slice goes with."""

    api_version: str
    kind: str
    name: str
    uid: str


class Slice(NamedTuple):
    """One EndpointSlice of ours. Two with equal content are equal, whoever read them."""

    namespace: str
    name: str
    manager: str
    service: str
    address_type: str
    ports: tuple[SlicePort, ...]
    endpoints: tuple[SliceEndpoint, ...]
    owner: Owner

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("EndpointSlice", self.namespace, self.name)

    def manifest(self) -> dict[str, Any]:
        owner = self.owner
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {SERVICE_NAME_LABEL: self.service, MANAGED_BY_LABEL: self.manager},
                "ownerReferences": [
                    {
                        "apiVersion": owner.api_version,
                        "kind": owner.kind,
                        "name": owner.name,
                        "uid": owner.uid,
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "addressType": self.address_type,
            "ports": [_port(port) for port in self.ports],
            "endpoints": [_endpoint(endpoint) for endpoint in self.endpoints],
        }

    def resource(self) -> EndpointSlice:
        """As a reader of the API will see it."""
        return msgspec.convert(self.manifest(), EndpointSlice)


def grouped(
    *,
    namespace: str,
    service: str,
    manager: str,
    owner: Owner,
    rows: Iterable[Row],
) -> Iterator[Slice]:
    """The fewest slices for these endpoints: one for each address family and each list of ports.

    Names come from the content that a slice cannot change, so the same endpoints give the same slices.
    """
    groups: dict[tuple[str, tuple[SlicePort, ...]], set[SliceEndpoint]] = {}
    for endpoint, row in rows:
        key = (address_type(endpoint.address), tuple(sorted(row)))
        groups.setdefault(key, set()).add(endpoint)
    for (family, ports), unordered in sorted(groups.items()):
        members = sorted(unordered)
        for start in range(0, len(members), MAX_ENDPOINTS):
            identity = msgspec.json.encode((manager, owner.name, family, ports, start))
            digest = blake2b(identity, digest_size=5).hexdigest()
            yield Slice(
                namespace=namespace,
                name=f"{owner.name[:_NAME_ROOM].rstrip('.-')}-{digest}",
                manager=manager,
                service=service,
                address_type=family,
                ports=ports,
                endpoints=tuple(members[start : start + MAX_ENDPOINTS]),
                owner=owner,
            )


def read(resource: EndpointSlice) -> Slice:
    """What is there, as the same kind of value."""
    metadata = resource.metadata
    owner = next(iter(metadata.owner_references), None)
    return Slice(
        namespace=metadata.namespace,
        name=metadata.name,
        manager=metadata.labels.get(MANAGED_BY_LABEL, ""),
        service=metadata.labels.get(SERVICE_NAME_LABEL, ""),
        address_type=resource.address_type,
        ports=tuple(
            SlicePort(port.name or "", port.port or 0, port.protocol or "TCP", port.app_protocol or "")
            for port in resource.ports or ()
        ),
        endpoints=tuple(
            SliceEndpoint(
                address,
                endpoint.conditions.ready is not False,
                endpoint.hostname or "",
                endpoint.node_name or "",
            )
            for endpoint in resource.endpoints or ()
            for address in endpoint.addresses
        ),
        owner=Owner(owner.api_version, owner.kind, owner.name, owner.uid) if owner else Owner("", "", "", ""),
    )


def address_type(address: str) -> str:
    try:
        return IPV4 if ipaddress.ip_address(address).version == 4 else IPV6
    except ValueError:
        return FQDN


def _port(port: SlicePort) -> dict[str, Any]:
    found = {"name": port.name, "port": port.port, "protocol": port.protocol}
    return {**found, "appProtocol": port.app_protocol} if port.app_protocol else found


def _endpoint(endpoint: SliceEndpoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "addresses": [endpoint.address],
        "conditions": {"ready": endpoint.ready, "serving": endpoint.ready, "terminating": False},
    }
    if endpoint.hostname:
        found["hostname"] = endpoint.hostname
    if endpoint.node:
        found["nodeName"] = endpoint.node
    return found
