"""All certificates at one glance. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hearthgate.certificates.mirrors.rules import source_of
from hearthgate.certificates.shim.asks import Entrances, Source, wanted_by
from hearthgate.certificates.shim.owned import controller_of
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.core import Secret
from hearthgate.resources.gateway.gateways import Gateway
from hearthgate.resources.meta import Condition
from hearthgate.resources.networking import Ingress
from hearthgate.resources.traefik.ingressroute import IngressRoute
from hearthgate.resources.traefik.tcp import IngressRouteTCP


class Row(NamedTuple):
    """state: Ready, Issuing, Renewing, Failed or NotReady. used_by: objects that serve it, as Kind namespace/name.
    Times are aware, or None while there is no certificate."""

    namespace: str
    name: str
    names: tuple[str, ...]
    issuer: str
    state: str
    not_after: datetime | None
    renewal: datetime | None
    used_by: tuple[str, ...]
    message: str


def rows(snapshot: Snapshot, namespace: str = "") -> tuple[Row, ...]:
    """Of one namespace, or of all."""
    users = _users(snapshot)
    return tuple(
        _row(certificate, users.get((certificate.metadata.namespace, certificate.spec.secret_name), frozenset()))
        for certificate in snapshot.all(Certificate)
        if namespace in ("", certificate.metadata.namespace)
    )


def state_of(certificate: Certificate) -> str:
    """In one word."""
    status = certificate.status
    conditions = status.conditions if status is not None else ()
    ready = _is_true(conditions, "Ready")
    if _is_true(conditions, "Issuing"):
        return "Renewing" if ready else "Issuing"
    if status is not None and status.failed_issuance_attempts:
        return "Failed"
    return "Ready" if ready else "NotReady"


def condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    return next((one for one in conditions if one.type == type_), None)


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time of a status; None when there is none."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def span(seconds: float) -> str:
    """As people say it: 59d, 7h, 12m; `ago` when it is over."""
    whole = abs(int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= 2 * size:
            text = f"{whole // size}{unit}"
            break
    else:
        text = f"{whole}s"
    return text if seconds >= 0 else f"{text} ago"


def as_json(row: Row) -> dict[str, Any]:
    """Stable: programs read it."""
    return {
        "namespace": row.namespace,
        "name": row.name,
        "names": list(row.names),
        "issuer": row.issuer,
        "state": row.state,
        "notAfter": row.not_after.isoformat() if row.not_after else None,
        "renewalTime": row.renewal.isoformat() if row.renewal else None,
        "usedBy": list(row.used_by),
        "message": row.message,
    }


def _row(certificate: Certificate, used_by: frozenset[str]) -> Row:
    spec, status = certificate.spec, certificate.status
    owner = controller_of(certificate)
    if owner is not None:  # what was made for a route is served there, whatever the route names
        used_by |= {str(ObjectRef(owner.kind, certificate.metadata.namespace, owner.name))}
    ready = condition(status.conditions if status is not None else (), "Ready")
    state = state_of(certificate)
    issuing = condition(status.conditions if status is not None else (), "Issuing")
    told = issuing if state in {"Failed", "Issuing"} and issuing is not None else ready
    return Row(
        certificate.metadata.namespace,
        certificate.metadata.name,
        all_names(certificate),
        f"{spec.issuer_ref.kind}/{spec.issuer_ref.name}",
        state,
        moment(status.not_after) if status is not None else None,
        moment(status.renewal_time) if status is not None else None,
        tuple(sorted(used_by)),
        told.message if told is not None and state != "Ready" else "",
    )


def all_names(certificate: Certificate) -> tuple[str, ...]:
    """The common name first, each once."""
    spec = certificate.spec
    names = (spec.common_name, *spec.dns_names, *spec.ip_addresses, *spec.email_addresses, *spec.uris)
    return tuple(dict.fromkeys(name for name in names if name)) or (spec.literal_subject,)


def _users(snapshot: Snapshot) -> dict[Key, frozenset[str]]:
    """By the Secret that a Certificate fills: who serves it, copies in other namespaces counted for the source."""
    copies = ((secret.key, source_of(secret)) for secret in snapshot.all(Secret))
    origins = {key: origin for key, origin in copies if origin is not None}
    found: dict[Key, list[str]] = {}
    for source in _sources(snapshot):
        for names in wanted_by(source, Entrances()).names:
            key = (source.metadata.namespace, names.secret_name)
            found.setdefault(origins.get(key, key), []).append(str(source.ref))
    return {key: frozenset(names) for key, names in found.items()}


def _sources(snapshot: Snapshot) -> Iterator[Source]:
    yield from snapshot.all(Ingress)
    yield from snapshot.all(Gateway)
    yield from snapshot.all(IngressRoute)
    yield from snapshot.all(IngressRouteTCP)


def _is_true(conditions: Iterable[Condition], type_: str) -> bool:
    found = condition(conditions, type_)
    return found is not None and found.status == "True"
