"""Certificates that are served though their Secrets are gone or spoilt: the last good ones, while they are valid
and something still names them. What nobody names any more goes at once. The memory ends with the program.

Not for Gateways: a listener without its certificate is out of service, as their API says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.ingress.routing.certificates import is_pair
from hearthgate.ingress.routing.model import Built, Certificate, RoutingModel
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.certmanager.certificate import Certificate as CertificateObject
from hearthgate.resources.core import Secret
from hearthgate.resources.networking import Ingress
from hearthgate.resources.traefik import IngressRoute, IngressRouteTCP, TLSStore


class Named(NamedTuple):
    """A Secret that an object names for its certificate, and where it does."""

    secret: Key
    owner: ObjectRef
    field: str


class KeptCertificates:
    """Sees one model after the other, in the order of time."""

    def __init__(self) -> None:
        self._served: dict[ObjectRef, Certificate] = {}
        self._default: Certificate | None = None
        self._since: dict[ObjectRef, float] = {}
        self._seen: tuple[Certificate, ...] | None = None

    def complete(self, snapshot: Snapshot, built: Built, now: float) -> Built:
        """`built` with the certificates that must not go yet, and with what is to be said of that."""
        model = built.model
        if model.certificates is self._seen and model.default_certificate is self._default and not self._since:
            return built
        self._seen = model.certificates
        lost = self._lost(snapshot, model, now)
        named = tuple(_still_named(snapshot, built, lost))
        kept = {_ref(each.secret): lost[_ref(each.secret)] for each in named}
        self._since = {ref: self._since.get(ref, now) for ref in kept}
        if kept:
            model = self._with(model, kept)
            problems = _told(built.problems, [self._problem(each, snapshot, kept) for each in named])
            built = built._replace(model=model, problems=problems)
        self._served = {one.ref: one for one in model.certificates if _is_secret(one)}
        self._default = model.default_certificate
        return built

    def _lost(self, snapshot: Snapshot, model: RoutingModel, now: float) -> dict[ObjectRef, Certificate]:
        """What was served, is still good, and cannot be read any more."""
        current = {
            certificate.ref for certificate in (*model.certificates, model.default_certificate) if certificate
        }
        before = dict(self._served)
        if self._default is not None and _is_secret(self._default):
            before[self._default.ref] = self._default
        return {
            ref: certificate
            for ref, certificate in before.items()
            if ref not in current and certificate.not_after > now and not _is_usable(snapshot, ref)
        }

    def _with(self, model: RoutingModel, kept: Mapping[ObjectRef, Certificate]) -> RoutingModel:
        """What was the default one is so again, unless another Secret has taken its place."""
        served = {ref: certificate for ref, certificate in kept.items() if ref in self._served}
        default = model.default_certificate
        if self._default is not None and self._default.ref in kept and not (default and _is_secret(default)):
            default = self._default
        certificates = sorted((*model.certificates, *served.values()), key=lambda one: one.ref)
        return msgspec.structs.replace(model, certificates=tuple(certificates), default_certificate=default)

    def _problem(self, named: Named, snapshot: Snapshot, kept: Mapping[ObjectRef, Certificate]) -> Problem:
        ref = _ref(named.secret)
        is_there = snapshot.get(Secret, *named.secret) is not None or ref in snapshot.refused
        state = "holds no certificate that can serve" if is_there else "is gone"
        message = (
            f"{ref} {state} since {_moment(self._since[ref])}: the certificate that it held is shown until "
            f"it ends, {_moment(kept[ref].not_after)}, or this program does; put the Secret right before that"
        )
        return Problem(
            ref=named.owner,
            field=named.field,
            reason=Reason.SECRET_INVALID if is_there else Reason.SECRET_NOT_FOUND,
            message=message,
            severity=Severity.WARNING,
        )


def _told(before: Iterable[Problem], now: Sequence[Problem]) -> tuple[Problem, ...]:
    """These in the place of what was said of the same Secrets."""
    places = {(problem.ref, problem.field) for problem in now}
    about = (Reason.SECRET_NOT_FOUND, Reason.SECRET_INVALID)
    others = (p for p in before if (p.ref, p.field) not in places or p.reason not in about)
    return tuple(sorted({*others, *now}))


def _is_usable(snapshot: Snapshot, ref: ObjectRef) -> bool:
    secret = snapshot.get(Secret, ref.namespace, ref.name)
    return secret is not None and is_pair(secret)


def _still_named(snapshot: Snapshot, built: Built, lost: Mapping[ObjectRef, Certificate]) -> Iterator[Named]:
    """Who names the Secrets of lost certificates. Looks at every object, but only when there are such."""
    if not lost:
        return
    keys = {(ref.namespace, ref.name) for ref in lost}
    ours = {ref for ref in built.owned if ref.kind in ("Ingress", "IngressRoute", "IngressRouteTCP", "TLSStore")}
    yield from (
        one
        for one in _named(snapshot)
        if one.secret in keys and (one.owner in ours or one.owner.kind == "Certificate")
    )


def _named(snapshot: Snapshot) -> Iterator[Named]:
    routes: list[IngressRoute | IngressRouteTCP] = [*snapshot.all(IngressRoute), *snapshot.all(IngressRouteTCP)]
    for route in routes:
        if route.spec.tls is not None and route.spec.tls.secret_name:
            secret = (route.metadata.namespace, route.spec.tls.secret_name)
            yield Named(secret, route.ref, "spec.tls.secretName")
    for ingress in snapshot.all(Ingress):
        for index, tls in enumerate(ingress.spec.tls):
            yield Named(
                (ingress.metadata.namespace, tls.secret_name), ingress.ref, f"spec.tls[{index}].secretName"
            )
    for store in snapshot.all(TLSStore):
        namespace = store.metadata.namespace
        for index, reference in enumerate(store.spec.certificates):
            yield Named((namespace, reference.secret_name), store.ref, f"spec.certificates[{index}].secretName")
        if store.spec.default_certificate is not None:
            secret = (namespace, store.spec.default_certificate.secret_name)
            yield Named(secret, store.ref, "spec.defaultCertificate.secretName")
    for certificate in snapshot.all(CertificateObject):
        secret = (certificate.metadata.namespace, certificate.spec.secret_name)
        yield Named(secret, certificate.ref, "spec.secretName")


def _is_secret(certificate: Certificate) -> bool:
    """Not one of our own making."""
    return certificate.ref.kind == Secret.__name__ and bool(certificate.ref.namespace)


def _ref(key: Key) -> ObjectRef:
    return ObjectRef(Secret.__name__, *key)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
