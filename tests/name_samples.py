"""Published names in few words."""

from ipaddress import ip_address

from hearthgate.dns.names.model import Hints, Name
from hearthgate.model.refs import ObjectRef

REF = ObjectRef("IngressRoute", "infra", "site")


def name(host: str, *addresses: str, target: str = "", ttl: int = 0, is_internal: bool = False) -> Name:
    hints = Hints(targets=(target,) if target else (), ttl=ttl)
    return Name(host, REF, tuple(map(ip_address, addresses)), hints, is_internal)


LAN = "192.168.1.245"
ZONE = "home.test"
NAMES = (
    name(f"jellyfin.{ZONE}", LAN),
    name(f"both.{ZONE}", "192.168.1.246", "fd00::246"),
    name(f"*.{ZONE}", LAN),
    name(f"deep.lab.{ZONE}", LAN),
    name(f"*.apps.{ZONE}", "192.168.1.247"),
    name(f"alias.{ZONE}", target=f"jellyfin.{ZONE}"),
    name(f"away.{ZONE}", target="www.example.org"),
    name(f"twice.{ZONE}", target=f"alias.{ZONE}"),
)
"""Of one zone, with everything that makes answers differ."""
