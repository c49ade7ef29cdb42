"""Keeps the Certificates that an object asks for."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, cast

import structlog

from hearthgate.certificates.settings import LOCAL_ISSUER
from hearthgate.certificates.shim.asked import Ask, Exists, default_issuer
from hearthgate.certificates.shim.asks import Entrances, Source, View, asks, wanted_by
from hearthgate.certificates.shim.covered import CoveredHosts
from hearthgate.certificates.shim.hosts import OWN_SECRET, own_secret
from hearthgate.certificates.shim.owned import OwnedCertificates, controller_of
from hearthgate.certificates.shim.plan import Foreign, Remove, Step, Write, plan
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.certmanager import Certificate, ClusterIssuer, Issuer
from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.core import Secret
from hearthgate.resources.gateway.gateways import Gateway
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import Ingress
from hearthgate.resources.registry import BY_TYPE
from hearthgate.resources.traefik.ingressroute import IngressRoute
from hearthgate.resources.traefik.tcp import IngressRouteTCP
from hearthgate.resources.traefik.tls import TLSStore

log = structlog.get_logger(__name__)

SOURCES: Final[tuple[type[Source], ...]] = (Ingress, Gateway, IngressRoute, IngressRouteTCP, TLSStore)
KINDS: Final[tuple[type[Resource], ...]] = (*SOURCES, Certificate, Issuer, ClusterIssuer, Secret)
"""What the Certificates of routes are made from."""
MANAGER: Final = "hearthgate-shim"


class ShimReconciler:
    """Works on objects of one kind. entrances: asked anew each time, since settings change."""

    workers = 2
    limit = 60.0

    def __init__(self, tools: Tools, kind: type[Source], entrances: Callable[[], Entrances]) -> None:
        self.kind: type[Resource] = kind
        self._tools = tools
        self._entrances = entrances
        self._owned = OwnedCertificates()
        self._covered = CoveredHosts()

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        match changed:
            case Certificate():
                yield from self._by_certificate(changed)
            case Secret() if self._covered.follow(snapshot.collection(Secret)):
                yield from snapshot.collection(self.kind).objects  # their hosts may be covered now, or no more
            case Issuer() | ClusterIssuer() if self._is_new(snapshot, changed):
                yield from snapshot.collection(self.kind).objects  # what certResolver names may mean another now
            case _:
                return

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        source = cast("Source | None", snapshot.collection(self.kind).objects.get((namespace, name)))
        if source is None or source.metadata.deletion_timestamp is not None:
            return None  # what it owned goes by garbage collection
        self._owned.follow(snapshot.collection(Certificate))
        entrances = self._entrances()
        asked = asks(source, self._view(snapshot, source, entrances))
        for mistake in asked.mistakes:
            self._tools.events.emit(source, "BadConfig", mistake)
        present = {
            ask.secret_name: found
            for ask in asked.asks
            if (found := snapshot.get(Certificate, namespace, ask.secret_name)) is not None
        }
        named = {names.secret_name for names in wanted_by(source, entrances).names} - {own_secret(source)}
        for step in plan(asked, self._owned.of(source.metadata.uid), present, frozenset(named)):
            await self._carry_out(source, step)
        return None

    def _view(self, snapshot: Snapshot, source: Source, entrances: Entrances) -> View:
        def exists(kind: str, namespace: str, name: str) -> bool:
            type_: type[Resource] = Issuer if kind == "Issuer" else ClusterIssuer
            return (namespace, name) in snapshot.collection(type_).objects

        unasked = self._issuer_unasked(exists)
        if unasked is None:
            return View(self._tools.settings.ingress_shim_config, entrances, exists)
        self._covered.follow(snapshot.collection(Secret))
        own = {certificate.key for certificate in self._owned.of(source.metadata.uid)}
        mine = (source.metadata.namespace, own_secret(source))

        def is_ignored(certificate: Key) -> bool:
            """Of several routes with one host the first gets the certificate: the others' do not count for it."""
            return certificate in own or (certificate[1].endswith(OWN_SECRET) and certificate > mine)

        covers = partial(self._covered.covers, is_ignored=is_ignored)
        return View(self._tools.settings.ingress_shim_config, entrances, exists, unasked, covers)

    def _issuer_unasked(self, exists: Exists) -> IssuerRef | None:
        """For hosts of routes that have no certificate: the default issuer if the settings want that, else the
        box's own CA, which costs nobody anything."""
        settings = self._tools.settings
        default = default_issuer(settings.ingress_shim_config) if settings.auto else None
        if default is not None:
            return default
        local = IssuerRef(name=LOCAL_ISSUER, kind="ClusterIssuer")
        return local if exists("ClusterIssuer", "", LOCAL_ISSUER) else None

    def _by_certificate(self, certificate: Certificate) -> Iterable[Key]:
        owner = controller_of(certificate)
        if owner is not None and owner.kind == self.kind.__name__:
            yield (certificate.metadata.namespace, owner.name)

    def _is_new(self, snapshot: Snapshot, issuer: Resource) -> bool:
        """Whether it came or went; its status is nobody's business here."""
        present = snapshot.collection(type(issuer)).objects.get(issuer.key)
        return present is None or present.status is None

    async def _carry_out(self, source: Source, step: Step) -> None:
        events = self._tools.events
        match step:
            case Write(ask, present):
                await self._tools.client.apply(BY_TYPE[Certificate], _content(source, ask), manager=MANAGER)
                verb, reason = (
                    ("created", "CreateCertificate") if present is None else ("changed", "UpdateCertificate")
                )
                events.emit(source, reason, f"Certificate {ask.secret_name} {verb}", type="Normal")
                log.info("certificate asked for", source=str(source.ref), certificate=ask.secret_name)
            case Remove(certificate):
                await self._tools.delete(certificate)
                message = f"Certificate {certificate.metadata.name} deleted: its Secret is not named any more"
                events.emit(source, "DeleteCertificate", message, type="Normal")
            case Foreign(certificate, hosts):
                message = (
                    f"Secret {certificate.spec.secret_name} is filled by Certificate {certificate.metadata.name}, "
                    f"which lacks {', '.join(hosts)}: name another Secret, or add the hosts there"
                )
                events.emit(source, "BadConfig", message)


def _content(source: Source, ask: Ask) -> dict[str, Any]:
    kind, own = BY_TYPE[Certificate], BY_TYPE[type(source)]
    owner = {
        "apiVersion": own.api_version,
        "kind": own.kind,
        "name": source.metadata.name,
        "uid": source.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata: dict[str, Any] = {
        "name": ask.secret_name,
        "namespace": ask.namespace,
        "ownerReferences": [owner],
    }
    if ask.labels:
        metadata["labels"] = dict(ask.labels)
    if ask.annotations:
        metadata["annotations"] = dict(ask.annotations)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": dict(ask.spec)}
