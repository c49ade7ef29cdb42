"""A published host name. Pure."""

import ipaddress
from typing import NamedTuple

from hearthgate.model.refs import ObjectRef

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Hints(NamedTuple):
    """What annotations of external-dns say.

    targets: addresses, or one name, to point at instead. ttl: seconds; 0 for the default. proxied: None for the
    default. is_foreign: another controller is asked for. access: `public`, `private`, or empty for what the routes
    say.
    """

    targets: tuple[str, ...] = ()
    ttl: int = 0
    proxied: bool | None = None
    comment: str = ""
    is_foreign: bool = False
    access: str = ""


class Name(NamedTuple):
    """host: in lower case; `*.` stands for any one label. addresses: of the load balancer that serves it, sorted.
    is_internal: nobody outside is let in by any of its routes."""

    host: str
    ref: ObjectRef
    addresses: tuple[Address, ...] = ()
    hints: Hints = Hints()
    is_internal: bool = False
