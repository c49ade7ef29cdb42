"""The TLSStore `default`: the certificate for names that no other one covers, and more certificates."""

from collections.abc import Iterator

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.certificates import built_certificate
from hearthgate.ingress.routing.issued import Awaited, IssuedCertificates, uncovered
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, Certificate
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik import TLSOption, TLSStore
from hearthgate.resources.traefik.tls import DefaultGeneratedCert


def stored_certificates(
    tracker: Tracker,
    snapshot: Snapshot,
    issued: IssuedCertificates,
    certificates: dict[ObjectRef, Certificate],
    problems: list[Problem],
) -> Certificate | None:
    """The default certificate of the store; its other certificates join `certificates`. A generated one is what a
    Certificate beside the store has for the domain; a named one goes before it."""
    stores = [s for s in snapshot.all(TLSStore) if s.metadata.name == DEFAULT_TLS_OPTIONS]
    problems.extend(_unused(store) for store in snapshot.all(TLSStore) if store not in stores)
    problems.extend(only_one(stores))
    if len(stores) != 1:
        return None
    store = stores[0]
    default = None
    wanted = [(f"spec.certificates[{i}].secretName", c) for i, c in enumerate(store.spec.certificates)]
    if store.spec.default_certificate is not None:
        wanted.append(("spec.defaultCertificate.secretName", store.spec.default_certificate))
    for field, reference in wanted:
        secret = snapshot.get(Secret, store.metadata.namespace, reference.secret_name)
        certificate = None
        if secret is not None:
            certificate, found = built_certificate(tracker, secret)
            problems.extend(found)
        if certificate is None:
            message = f"Secret {store.metadata.namespace}/{reference.secret_name} does not exist or cannot serve"
            problems.append(Problem(ref=store.ref, field=field, reason=Reason.SECRET_NOT_FOUND, message=message))
        elif reference is store.spec.default_certificate:
            default = certificate
        else:
            certificates[certificate.ref] = certificate
    if store.spec.default_certificate is None and store.spec.default_generated_cert is not None:
        return _generated(store, store.spec.default_generated_cert, issued, problems)
    return default


def _generated(
    store: TLSStore, wanted: DefaultGeneratedCert, issued: IssuedCertificates, problems: list[Problem]
) -> Certificate | None:
    field = "spec.defaultGeneratedCert"
    if wanted.domain is None or not wanted.domain.main:
        message = "without domain.main no certificate can be issued"
        problems.append(
            Problem(ref=store.ref, field=f"{field}.domain", reason=Reason.MISSING_FIELD, message=message)
        )
        return None
    found = issued.covering(store.metadata.namespace, wanted.domain.main)
    if found is None:
        problems.extend(uncovered([Awaited(store.ref, field, (wanted.domain.main.lower(),))], ()))
    return found


def only_one(objects: list[TLSOption] | list[TLSStore]) -> Iterator[Problem]:
    """Upstream drops all objects called `default` when there are several."""
    if len(objects) > 1:
        for item in objects:
            others = ", ".join(str(other.ref) for other in objects if other is not item)
            message = f"only one may be called default in all namespaces, and there is {others}: none is used"
            yield Problem(ref=item.ref, field="metadata.name", reason=Reason.DUPLICATE_OBJECT, message=message)


def _unused(store: TLSStore) -> Problem:
    message = "only the TLSStore called default is used: its certificates belong there"
    return Problem(ref=store.ref, field="metadata.name", reason=Reason.UNSUPPORTED, message=message)
