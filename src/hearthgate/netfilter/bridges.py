"""Bridges that carry frames past the kernel's forwarding, where no rule sees them."""

import ipaddress
import socket
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_CALLS: Final = {4: "bridge-nf-call-iptables", 6: "bridge-nf-call-ip6tables"}
"""Sysctls by version: whether frames between ports of a bridge go through rules, those of nftables too."""


class Route(NamedTuple):
    interface: str
    network: Network


def unjudged(addresses: Collection[Address], *, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> list[str]:
    """Sysctls to set so that rules see what these addresses send each other over a bridge; empty when nothing is
    amiss. Raises OSError."""
    bridges = {one.name for one in (sys / "class/net").iterdir() if (one / "bridge").is_dir()}
    found = []
    for version, read, table in ((4, routes4, "net/route"), (6, routes6, "net/ipv6_route")):
        setting = proc / "sys/net/bridge" / _CALLS[version]
        if not bridges or (setting.is_file() and setting.read_text().strip() != "0"):
            continue
        listed = list(read((proc / table).read_text())) if (proc / table).is_file() else []
        if any(_interface(one, listed) in bridges for one in addresses if one.version == version):
            found.append(f"net.bridge.{setting.name}")
    return found


def routes4(text: str) -> Iterator[Route]:
    """Of /proc/net/route, which has numbers in the machine's byte order. Pure."""
    for line in text.splitlines()[1:]:
        interface, destination, _, _, _, _, _, mask, *_ = line.split()
        packed, bits = (struct.pack("=I", int(word, 16)) for word in (destination, mask))
        network = f"{socket.inet_ntoa(packed)}/{socket.inet_ntoa(bits)}"
        yield Route(interface, ipaddress.ip_network(network, strict=False))


def routes6(text: str) -> Iterator[Route]:
    """Of /proc/net/ipv6_route. Pure."""
    for line in text.splitlines():
        destination, length, *_, interface = line.split()
        network = ipaddress.IPv6Network((bytes.fromhex(destination), int(length, 16)), strict=False)
        yield Route(interface, network)


def _interface(address: Address, listed: list[Route]) -> str:
    """By the longest route, as the kernel takes it; empty without one."""
    fitting = [one for one in listed if address.version == one.network.version and address in one.network]
    return max(fitting, key=lambda one: one.network.prefixlen).interface if fitting else ""
