"""What several sources say of our address, and what to believe of it. Pure."""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from hearthgate.dns.names.model import Address

_SHARED: Final = ipaddress.ip_network("100.64.0.0/10")
AGREE: Final = 2
"""Sources that must say the same."""


class Verdict(NamedTuple):
    """address: None with the reason in `why`."""

    address: Address | None
    why: str = ""


def read(text: str) -> Address | None:
    """An address as plain text, or in the form of Cloudflare's trace."""
    lines = text.strip().splitlines()
    said = next((line.removeprefix("ip=") for line in lines if line.startswith("ip=")), lines[0] if lines else "")
    try:
        return ipaddress.ip_address(said.strip())
    except ValueError:
        return None


def agreed(answers: Iterable[Address | None], version: int) -> Verdict:
    """Of one family. Two must say the same, and more than say anything else."""
    said = Counter(one for one in answers if one is not None and one.version == version)
    if not said:
        return Verdict(None, "no source answered")
    ranked = said.most_common()
    best, count = ranked[0]
    listed = ", ".join(str(address) for address, _ in ranked)
    if count < AGREE or (len(ranked) > 1 and ranked[1][1] == count):
        return Verdict(None, f"the sources do not agree: {listed}")
    if isinstance(best, ipaddress.IPv4Address) and best in _SHARED:
        return Verdict(None, f"{best} is shared by your provider (CGNAT): nobody outside reaches this house by it")
    if not best.is_global:
        return Verdict(None, f"{best} is not an address of the internet")
    return Verdict(best)


class Steady:
    """Believes a change only when it was seen twice."""

    def __init__(self) -> None:
        self.address: Address | None = None
        self._candidate: Address | None = None

    def take(self, seen: Address | None) -> Address | None:
        """What is believed now: the old address while nothing is seen, a new one the second time."""
        if seen is not None and (self.address is None or seen in (self.address, self._candidate)):
            self.address = seen
        self._candidate = seen
        return self.address
