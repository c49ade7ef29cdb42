"""Settings below `dns`."""

from collections.abc import Iterator

from hearthgate.dns.nameserver import settings as nameserver
from hearthgate.dns.nameserver.settings import LocalDNS, Mistake
from hearthgate.dns.records import settings as public
from hearthgate.dns.records.settings import ExternalAddress, PublicZone
from hearthgate.resources.meta import Strict


class DNSSettings(Strict, frozen=True, kw_only=True):
    """local: names inside the local network.
    zones: public ones.
    external_address: how the address of this house is found.
    """

    local: LocalDNS = LocalDNS()
    zones: tuple[PublicZone, ...] = ()
    external_address: ExternalAddress = ExternalAddress()


def mistakes(settings: DNSSettings) -> Iterator[Mistake]:
    """What no type can say; paths are below `dns`."""
    yield from public.mistakes(settings.zones, settings.external_address)
    yield from (one._replace(path=f"local.{one.path}") for one in nameserver.mistakes(settings.local))
