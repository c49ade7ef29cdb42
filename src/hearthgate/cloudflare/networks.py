"""From where Cloudflare asks: its networks, as https://www.cloudflare.com/ips/ has them. Pure."""

import ipaddress
from collections.abc import Iterable
from typing import Final

NETWORKS: Final = (
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "108.162.192.0/18",
    "131.0.72.0/22",
    "141.101.64.0/18",
    "162.158.0.0/15",
    "172.64.0.0/13",
    "173.245.48.0/20",
    "188.114.96.0/20",
    "190.93.240.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
)
"""They changed last in 2021."""


def unknown(published: Iterable[str]) -> tuple[str, ...]:
    """Those that are published and lie in none of ours. What is private, or too wide to be Cloudflare's, is none:
    nobody shall be trusted for a wrong answer."""
    ours = [ipaddress.ip_network(one) for one in NETWORKS]
    found = []
    for text in published:
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            continue
        known = any(one.version == network.version and network.subnet_of(one) for one in ours)  # type: ignore[arg-type]
        if not known and network.is_global and network.prefixlen >= 8:
            found.append(text)
    return tuple(found)
