"""What a name counts for in limits: its registered domain by the public suffix list, or its network.

The list comes with the package `publicsuffixlist`; nothing is downloaded.
"""

from functools import cache
from ipaddress import IPv4Address, ip_address, ip_network

from publicsuffixlist import PublicSuffixList


def registered(name: str) -> str:
    """example.co.uk of www.example.co.uk; of an IPv6 address its /64, as Let's Encrypt counts. A public suffix
    counts for itself."""
    try:
        address = ip_address(name)
    except ValueError:
        lowered = name.lower().rstrip(".")
        return _suffixes().privatesuffix(lowered) or lowered
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address, 64), strict=False))


@cache
def _suffixes() -> PublicSuffixList:
    """Read once, some 40 ms, when a limit is first asked about."""
    return PublicSuffixList()
