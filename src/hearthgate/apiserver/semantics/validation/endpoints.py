"""core/v1 Endpoints and discovery.k8s.io/v1 EndpointSlice.

Loopback and link-local addresses are accepted, other than upstream: on one box they are where backends live.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hearthgate.apiserver.errors import Cause
from hearthgate.apiserver.semantics.validation import faults

Object = Mapping[str, Any]

_MOST_ENDPOINTS: Final = 1000
_MOST_ADDRESSES: Final = 100
_MOST_PORTS: Final = 100


def check_endpoints(obj: Object, old: Object | None) -> Iterator[Cause]:
    for field, subset in faults.numbered("subsets", obj.get("subsets")):
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield faults.required(field, "must specify `addresses` or `notReadyAddresses`")
        for kind in ("addresses", "notReadyAddresses"):
            for below, address in faults.numbered(f"{field}.{kind}", subset.get(kind)):
                yield from faults.address(f"{below}.ip", address.get("ip", ""))
                if address.get("hostname"):
                    yield from faults.label(f"{below}.hostname", address["hostname"])
        ports = subset.get("ports") or ()
        for below, port in faults.numbered(f"{field}.ports", ports):
            if port.get("name"):
                yield from faults.label(f"{below}.name", port["name"])
            elif len(ports) > 1:
                yield faults.required(f"{below}.name")
            yield from faults.port_number(f"{below}.port", port.get("port", 0))
            yield from faults.protocol(f"{below}.protocol", port.get("protocol"))


def check_slice(obj: Object, old: Object | None) -> Iterator[Cause]:
    address_type = obj.get("addressType", "")
    if not address_type:
        yield faults.required("addressType")
    else:
        yield from faults.one_of("addressType", address_type, ("FQDN", "IPv4", "IPv6"))
    endpoints = obj.get("endpoints") or ()
    if len(endpoints) > _MOST_ENDPOINTS:
        yield faults.too_many("endpoints", len(endpoints), _MOST_ENDPOINTS)
    for index, endpoint in enumerate(endpoints):
        addresses = endpoint.get("addresses") or ()
        if not 0 < len(addresses) <= _MOST_ADDRESSES:
            field = f"endpoints[{index}].addresses"
            yield (
                faults.too_many(field, len(addresses), _MOST_ADDRESSES)
                if addresses
                else faults.required(field, "must contain at least 1 address")
            )
        for number, address in enumerate(addresses):
            if not _fits(address, address_type):
                field = f"endpoints[{index}].addresses[{number}]"
                yield faults.invalid(field, address, f"must be a valid {address_type} address")
        if endpoint.get("hostname"):
            yield from faults.label(f"endpoints[{index}].hostname", endpoint["hostname"])
    yield from _slice_ports(obj.get("ports") or ())


def _slice_ports(ports: Any) -> Iterator[Cause]:
    if len(ports) > _MOST_PORTS:
        yield faults.too_many("ports", len(ports), _MOST_PORTS)
    names: set[str] = set()
    for field, port in faults.numbered("ports", ports):
        name = port.get("name") or ""
        if name:
            yield from faults.label(f"{field}.name", name)
        if name in names:
            yield faults.duplicate(f"{field}.name", name)
        names.add(name)
        yield from faults.protocol(f"{field}.protocol", port.get("protocol"))
        if port.get("port") is not None:
            yield from faults.port_number(f"{field}.port", port["port"])
        if port.get("appProtocol"):
            yield from faults.qualified(f"{field}.appProtocol", port["appProtocol"])


def _fits(address: str, address_type: str) -> bool:
    match address_type:
        case "IPv4":
            return ":" not in address and faults.is_address(address)
        case "IPv6":
            try:
                return ipaddress.IPv6Address(address).scope_id is None
            except ValueError:
                return False
        case "FQDN":
            return not any(faults.subdomain("", address.removesuffix(".")))
        case _:
            return True
