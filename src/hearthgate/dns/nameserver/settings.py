"""Settings of the name server for the local network."""

import ipaddress
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from hearthgate.dns.names.hints import is_host
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.meta import Strict

PORT: Final = 53
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class LocalDNS(Strict, frozen=True, kw_only=True):
    """listen: addresses to answer at, with a port if it is not 53; none: no name server.
    zones: what it is responsible for; none: the parents of all hosts.
    addresses: where the hosts of routes lead; none: to the Service of type LoadBalancer that selects the proxy.
    ttl: seconds that answers may be remembered.
    forward: name servers for everything else; none: it is refused.
    unknown: names of the zones that nobody serves here are not there (refuse), or asked for elsewhere (forward).
    allow: networks that may ask beside the private ones; nobody else gets an answer.
    """

    listen: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ttl: int = 60
    forward: tuple[str, ...] = ()
    unknown: Literal["refuse", "forward"] = "refuse"
    allow: tuple[str, ...] = ()


class Place(NamedTuple):
    """host: an address."""

    host: str
    port: int = PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Mistake(NamedTuple):
    """path: below `dns.local`."""

    path: str
    reason: Reason
    message: str


def read_place(text: str) -> Place:
    """Of `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1`, `[2001:db8::1]:53`. Raises ValueError: for every address too,
    since an answer must come from the one that was asked."""
    host, colon, tail = text.rpartition(":")
    is_bare = not colon or (":" in host and not host.startswith("["))
    host, port = (text, PORT) if is_bare else (host, int(tail))
    host = host.removeprefix("[").removesuffix("]")
    if not 0 < port < 65536:
        raise ValueError(port)
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        raise ValueError(host)
    return Place(str(address), port)


def networks(settings: LocalDNS) -> tuple[Network, ...]:
    """Of settings without mistakes."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in settings.allow)


def mistakes(settings: LocalDNS) -> Iterator[Mistake]:
    """What no type can say."""
    for field, texts in (("listen", settings.listen), ("forward", settings.forward)):
        for index, text in enumerate(texts):
            try:
                read_place(text)
            except ValueError:
                message = f"{shorten(text)} is no address (write 192.168.1.245, or 192.168.1.245:53)"
                yield Mistake(f"{field}[{index}]", Reason.INVALID_VALUE, message)
    for index, text in enumerate(settings.zones):
        if not is_host(text) or text.startswith("*"):
            yield Mistake(f"zones[{index}]", Reason.INVALID_VALUE, f"{shorten(text)} is no name of a zone")
    for index, text in enumerate(settings.addresses):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            yield Mistake(f"addresses[{index}]", Reason.INVALID_VALUE, f"{shorten(text)} is no address")
    for index, text in enumerate(settings.allow):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            message = f"{shorten(text)} is no network (192.168.1.0/24)"
            yield Mistake(f"allow[{index}]", Reason.INVALID_VALUE, message)
    if not 1 <= settings.ttl <= 86400:
        yield Mistake("ttl", Reason.INVALID_VALUE, f"{settings.ttl} is not between 1 and 86400 seconds")
    if settings.unknown == "forward" and not settings.forward:
        message = "forward needs servers to ask: name them under dns.local.forward"
        yield Mistake("unknown", Reason.INVALID_VALUE, message)
