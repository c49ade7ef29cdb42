"""A Service of type LoadBalancer with addresses, and its endpoints, as tests of the data path want them."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hearthgate.resources.core import Pod, Service
from hearthgate.resources.discovery import EndpointSlice

Port = tuple[str, str, int]
"""Name, protocol and number."""


def service(name: str, addresses: Iterable[str], ports: Iterable[Port], **spec: Any) -> Service:
    content = {
        "metadata": {"name": name, "namespace": "home"},
        "spec": {
            "type": "LoadBalancer",
            "ports": [{"name": port, "protocol": protocol, "port": number} for port, protocol, number in ports],
            **spec,
        },
        "status": {"loadBalancer": {"ingress": [{"ip": address} for address in addresses]}},
    }
    return msgspec.convert(content, Service)


def slice_of(
    name: str, addresses: Iterable[str], ports: Iterable[Port], *, family: str = "IPv4", **endpoint: Any
) -> EndpointSlice:
    """endpoint: what each of the endpoints has beside its address."""
    content = {
        "metadata": {
            "name": f"{name}-{family.lower()}",
            "namespace": "home",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": family,
        "ports": [{"name": port, "protocol": protocol, "port": number} for port, protocol, number in ports],
        "endpoints": [{"addresses": [address], **endpoint} for address in addresses],
    }
    return msgspec.convert(content, EndpointSlice)


def part(labels: Mapping[str, str]) -> Pod:
    """A part of the program."""
    labels = {**labels, "app.kubernetes.io/managed-by": "hearthgate"}
    return msgspec.convert({"metadata": {"name": "proxy", "namespace": "hearthgate", "labels": labels}}, Pod)
