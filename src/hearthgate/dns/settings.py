"""Settings below `dns`."""

from collections.abc import Iterator

from hearthgate.dns.nameserver import settings as nameserver
from hearthgate.dns.nameserver.settings import LocalDNS, Mistake
from hearthgate.resources.meta import Strict


class DNSSettings(Strict, frozen=True, kw_only=True):
    """local: names inside the local network."""

    local: LocalDNS = LocalDNS()


def mistakes(settings: DNSSettings) -> Iterator[Mistake]:
    """What no type can say; paths are below `dns`."""
    yield from (one._replace(path=f"local.{one.path}") for one in nameserver.mistakes(settings.local))
