"""Which host to ask for to see a certificate, and what the answer means. Pure."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from hearthgate.certificates.mirrors.rules import source_of
from hearthgate.certificates.shim.asks import Entrances, does_tls
from hearthgate.certificates.shim.hosts import hosts_of_rules
from hearthgate.certificates.shim.owned import names_host
from hearthgate.certificates.x509.leaf import CertificateProblem, Leaf, parse_chain
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.hostnames import is_wildcard
from hearthgate.resources.core import Secret
from hearthgate.resources.networking import Ingress
from hearthgate.resources.traefik.ingressroute import IngressRoute

MOST_HOSTS: Final = 3
_TLS: Final = "kubernetes.io/tls"


class Verdict(StrEnum):
    """SERVED: clients get it. OTHER: they get another certificate that is present, which fits the host too. STALE:
    they get one that is in no Secret any more. UNKNOWN: no listener said anything."""

    SERVED = "served"
    OTHER = "other"
    STALE = "stale"
    UNKNOWN = "unknown"


def leaf_of(secret: Secret) -> Leaf | None:
    """The first certificate of a TLS Secret."""
    value = secret.value("tls.crt") if secret.type == _TLS else None
    try:
        return parse_chain(value.reveal()).leaf if value else None
    except CertificateProblem:
        return None


def hosts_to_ask(snapshot: Snapshot, secret: Secret, leaf: Leaf, entrances: Entrances) -> tuple[str, ...]:
    """Hosts of routes that name the Secret, or a copy of it, and that the certificate covers."""
    places = {secret.key, *(other.key for other in snapshot.all(Secret) if source_of(other) == secret.key)}
    hosts = (host for host in _served(snapshot, places, entrances) if names_host(leaf.hosts, host))
    return tuple(dict.fromkeys(hosts))[:MOST_HOSTS]


def verdict(wanted: int, served: Iterable[int], present: Iterable[int]) -> Verdict:
    """wanted: the serial number in the Secret. served: those that listeners showed. present: of all Secrets."""
    seen = set(served)
    if not seen:
        return Verdict.UNKNOWN
    if wanted in seen:
        return Verdict.SERVED
    return Verdict.OTHER if seen & set(present) else Verdict.STALE


def _served(snapshot: Snapshot, places: set[tuple[str, str]], entrances: Entrances) -> Iterator[str]:
    for route in snapshot.all(IngressRoute):
        tls = route.spec.tls
        named = (route.metadata.namespace, tls.secret_name) if tls is not None else None
        if named in places and does_tls(route, entrances):
            yield from (host for host in hosts_of_rules(route) if not is_wildcard(host))
    for ingress in snapshot.all(Ingress):
        for entry in ingress.spec.tls:
            if (ingress.metadata.namespace, entry.secret_name) in places:
                yield from (host for host in entry.hosts if not is_wildcard(host))
