"""The kinds of cert-manager.io and acme.cert-manager.io as the API serves them, with upstream's columns."""

from collections.abc import Iterator
from typing import Final

from hearthgate.resources import certmanager
from hearthgate.resources.kinds import Column, Kind
from hearthgate.resources.meta import Resource

_AGE: Final = Column("AGE", ".metadata.creationTimestamp", "date")
_ISSUER: Final = ".spec.issuerRef.name"
_SELECTABLE: Final = (".spec.issuerRef.group", ".spec.issuerRef.kind", _ISSUER)
"""Of the kinds that name an issuer."""


def _condition(name: str, field: str = "status", *, of: str = "Ready", priority: int = 0) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="{of}")].{field}', priority=priority)


def _kind(
    plural: str,
    resource: type[Resource],
    *columns: Column,
    short_names: tuple[str, ...] = (),
    acme: bool = False,
    namespaced: bool = True,
) -> Kind:
    return Kind(
        "acme.cert-manager.io" if acme else "cert-manager.io",
        "v1",
        resource.__name__,
        plural,
        resource_type=resource,
        namespaced=namespaced,
        short_names=short_names,
        categories=("hearthgate", "cert-manager", *(("cert-manager-acme",) if acme else ())),
        status=True,
        upstream_status=True,
        columns=(*columns, _AGE),
        selectable_fields=() if "issuer" in plural else _SELECTABLE,
        whole_table=True,
    )


def _kinds() -> Iterator[Kind]:
    ready, status = _condition("READY"), _condition("STATUS", "message", priority=1)
    yield _kind(
        "certificates",
        certmanager.Certificate,
        ready,
        Column("SECRET", ".spec.secretName"),
        Column("ISSUER", _ISSUER, priority=1),
        status,
        short_names=("cert", "certs"),
    )
    yield _kind(
        "certificaterequests",
        certmanager.CertificateRequest,
        _condition("APPROVED", of="Approved"),
        _condition("DENIED", of="Denied"),
        ready,
        Column("ISSUER", _ISSUER),
        Column("REQUESTER", ".spec.username"),
        status,
        short_names=("cr", "crs"),
    )
    yield _kind("issuers", certmanager.Issuer, ready, status, short_names=("iss",))
    yield _kind(
        "clusterissuers", certmanager.ClusterIssuer, ready, status, short_names=("ciss",), namespaced=False
    )
    state, reason = Column("STATE", ".status.state"), Column("REASON", ".status.reason", priority=1)
    yield _kind("orders", certmanager.Order, state, Column("ISSUER", _ISSUER, priority=1), reason, acme=True)
    domain = Column("DOMAIN", ".spec.dnsName")
    yield _kind("challenges", certmanager.Challenge, state, domain, reason, acme=True)


KINDS: Final = tuple(_kinds())
