"""Certificates that somebody has issued (cert-manager.io): which of them serve without being named by a route.

A route over TLS that names no Secret is served with what its own namespace's Certificates have: for each host that
it names the one with that very name, else a wildcard, unless a named certificate fits at least as well. What a
route owns, because it was made for its `certResolver`, serves all its names. No other Certificate gets out: it may
be for something else than this proxy.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, cast

from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection, Key, Snapshot
from hearthgate.ingress.routing.certificates import built_certificate
from hearthgate.ingress.routing.model import Certificate, Router, TCPRouter
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.hostnames import parent_wildcard
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.certmanager.certificate import Certificate as CertificateObject
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Resource
from hearthgate.resources.traefik.ingressroute import Domain
from hearthgate.rules.tcp import names_of

ROUTES: Final = frozenset(("Ingress", "IngressRoute", "IngressRouteTCP"))
_SHOWN: Final = 5


class Issued(NamedTuple):
    """owner: the route that it was made for, if there is one."""

    certificate: Certificate
    owner: ObjectRef | None = None


class Awaited(NamedTuple):
    """Hosts of an object that asks for an issued certificate. field: where it asks."""

    ref: ObjectRef
    field: str
    hosts: tuple[str, ...]


class IssuedCertificates:
    """Kept from snapshot to snapshot. `every`: those that can serve, by Secret: one object until one changes."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._objects, self._secrets = Collection({}), Collection({})
        self._wanted: dict[Key, Counter[ObjectRef | None]] = {}
        """Owners of the Certificates that fill a Secret, by Secret."""
        self._usable: dict[Key, Issued] = {}
        self.every: tuple[Issued, ...] = ()

    def update(self, snapshot: Snapshot) -> None:
        """Call it once the tracker has the snapshot."""
        touched: set[Key] = set()
        objects, secrets = snapshot.collection(CertificateObject), snapshot.collection(Secret)
        for before, after in changes(self._objects, objects).values():
            if before is not None:
                touched.add(self._count(cast("CertificateObject", before), -1))
            if after is not None:
                touched.add(self._count(cast("CertificateObject", after), 1))
        touched.update(key for key in changes(self._secrets, secrets) if key in self._wanted)
        self._objects, self._secrets = objects, secrets
        moved = [key for key in touched if self._look(key, snapshot)]
        if moved:
            self.every = tuple(self._usable[key] for key in sorted(self._usable))

    def covering(self, namespace: str, name: str) -> Certificate | None:
        """The best one of a namespace for a name."""
        names = _by_name(one.certificate for one in self.every if one.certificate.ref.namespace == namespace)
        return names.get(name.lower()) or names.get(parent_wildcard(name.lower()) or "")

    def _count(self, resource: CertificateObject, step: int) -> Key:
        key = (resource.metadata.namespace, resource.spec.secret_name)
        owners = self._wanted.setdefault(key, Counter())
        owners[_owner(resource)] += step
        owners += Counter()  # drops what is down at 0
        if not owners:
            del self._wanted[key]
        return key

    def _look(self, key: Key, snapshot: Snapshot) -> bool:
        """Whether something else serves from this Secret than before."""
        secret = snapshot.get(Secret, *key) if key in self._wanted else None
        certificate = built_certificate(self._tracker, secret).value if secret is not None else None
        before = self._usable.pop(key, None)
        if certificate is None:
            return before is not None
        owner = next((owner for owner in sorted(filter(None, self._wanted[key]))), None)
        self._usable[key] = Issued(certificate, owner)
        return before != self._usable[key]


def chosen(
    issued: tuple[Issued, ...],
    routers: Iterable[Router],
    streams: Iterable[TCPRouter],
    named: Iterable[Certificate],
) -> Iterator[Certificate]:
    """What serves besides `named`, the certificates that objects name."""
    if not issued:
        return
    over_tls: list[Router | TCPRouter] = [router for router in routers if router.tls]
    over_tls += (stream for stream in streams if stream.tls and not stream.passthrough)
    refs = {router.ref for router in over_tls}
    yield from (certificate for certificate, owner in issued if owner in refs)
    spaces: dict[str, list[Certificate]] = {}
    for certificate, _ in issued:
        spaces.setdefault(certificate.ref.namespace, []).append(certificate)
    names = {namespace: _by_name(certificates) for namespace, certificates in spaces.items()}
    taken = {name for certificate in named for name in certificate.names}
    for router in over_tls:
        own = names.get(router.ref.namespace)
        for host in hosts_of(router) if own else ():
            if own and (best := _best(own, host, taken)) is not None:
                yield best


def uncovered(awaited: Iterable[Awaited], certificates: Iterable[Certificate]) -> Iterator[Problem]:
    """A warning for every object some of whose hosts are served with the default certificate, though it asks for
    an issued one."""
    names = {name for certificate in certificates for name in certificate.names}
    for ref, field, hosts in awaited:
        bare = [host for host in hosts if host not in names and parent_wildcard(host) not in names]
        if bare:
            listed = ", ".join(bare[:_SHOWN]) + (", …" if len(bare) > _SHOWN else "")
            message = (
                f"no certificate has been issued for {listed} yet: the default one is shown "
                f"(kubectl get certificate -n {ref.namespace} says how far it is)"
            )
            yield Problem(
                ref=ref,
                field=field,
                reason=Reason.DEFAULT_CERTIFICATE,
                message=message,
                severity=Severity.WARNING,
            )


def hosts_of(router: Router | TCPRouter) -> tuple[str, ...]:
    """The names, wildcards among them, that its rule names."""
    return router.rule.hosts if isinstance(router, Router) else names_of(router.rule)


def awaited(
    ref: ObjectRef, field: str, resolver: str, domains: Iterable[Domain], routers: Iterable[Router | TCPRouter]
) -> tuple[Awaited, ...]:
    """What a route waits for that has a resolver: the domains, else the hosts of its rules."""
    if not resolver:
        return ()
    listed = {name.lower() for domain in domains for name in (domain.main, *domain.sans) if name}
    hosts = listed or {host for router in routers for host in hosts_of(router) if host != "*"}
    return (Awaited(ref, field, tuple(sorted(hosts))),)


def _best(own: Mapping[str, Certificate], host: str, taken: set[str]) -> Certificate | None:
    if host in taken:
        return None
    if (exact := own.get(host)) is not None:
        return exact
    wildcard = parent_wildcard(host) or ""
    return None if wildcard in taken else own.get(wildcard)


def _by_name(certificates: Iterable[Certificate]) -> dict[str, Certificate]:
    """Of several for one name the one that lasts longest."""
    found: dict[str, Certificate] = {}
    for certificate in sorted(certificates, key=lambda one: (-one.not_after, one.ref)):
        for name in certificate.names:
            found.setdefault(name, certificate)
    return found


def _owner(resource: Resource) -> ObjectRef | None:
    metadata = resource.metadata
    found = (one for one in metadata.owner_references if one.controller and one.kind in ROUTES)
    return next((ObjectRef(one.kind, metadata.namespace, one.name) for one in found), None)
