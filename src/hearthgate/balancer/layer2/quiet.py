"""Keeps the kernel from answering ARP for addresses that this node has taken, so that the answer is the speaker's
alone: a speaker that is dead or frozen is silent, though its kernel lives.

arp_ignore 1: the kernel answers only for addresses of the interface that is asked, and local routes give it none
there. arp_announce 2: it does not name a taken address as its own when it asks for others, which would tell them
that the address is here. Both are raised for the whole machine, since a second interface in the same network would
answer too, and stay when the program ends. For IPv6 the kernel never answers for local routes.
"""

from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

WANTED: Final = (("arp_ignore", 1), ("arp_announce", 2))
_ALL: Final = Path("/proc/sys/net/ipv4/conf/all")


def quiet_kernel(folder: Path = _ALL) -> str:
    """Returns what keeps the kernel from being quiet, and the way out; empty when it is."""
    for name, wanted in WANTED:
        path = folder / name
        try:
            if int(path.read_text()) >= wanted:
                continue
            path.write_text(f"{wanted}\n")
            log.info("kernel setting raised", setting=f"net.ipv4.conf.all.{name}", value=wanted)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            return (
                f"the kernel would answer for it even when this program is frozen ({why}): "
                f"set net.ipv4.conf.all.{name} to {wanted} by sysctl"
            )
    return ""
