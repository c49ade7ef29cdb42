"""Brings Certificates on: looks whether one is wanted, keeps its Secret right, and knows when to renew it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog

from hearthgate.certificates.life.attempts import Attempts
from hearthgate.certificates.life.publishing import Publisher, secret_references
from hearthgate.certificates.life.renewal import renewal_of
from hearthgate.certificates.life.requesting import surplus
from hearthgate.certificates.life.retries import rest_before_retry
from hearthgate.certificates.life.situation import ISSUING, NEXT_KEY, READY, Situation, is_issuing
from hearthgate.certificates.life.triggers import INCORRECT_CERTIFICATE, Violation, readiness, trigger
from hearthgate.certificates.statuses import conditions_patch
from hearthgate.certificates.tagged import Tagged
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.snapshot import Key as ObjectKey
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Certificate, CertificateRequest
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Condition, Resource

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (Certificate, CertificateRequest, Secret)
"""What is looked at for them."""


class CertificateReconciler:
    """Works on Certificates of whatever issuer: those of other programs take part by their CertificateRequests."""

    kind: type[Resource] = Certificate
    workers = 4
    limit = 60.0

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._publisher = Publisher(tools)
        self._attempts = Attempts(tools, self._publisher)
        self._by_secret: Tagged[Certificate] = Tagged(_secrets_of)
        self._requests: Tagged[CertificateRequest] = Tagged(_owners_of)
        self._next_keys: Tagged[Secret] = Tagged(_owners_of_key)

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[ObjectKey]:
        match changed:
            case Certificate():
                yield from self._wanting(snapshot, changed.metadata.namespace, changed.spec.secret_name)
            case CertificateRequest() | Secret():
                for owner in changed.metadata.owner_references:
                    if owner.kind == Certificate.__name__:
                        yield (changed.metadata.namespace, owner.name)
                if isinstance(changed, Secret):
                    yield from self._wanting(snapshot, *changed.key)
            case _:
                return

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        certificate = snapshot.get(Certificate, namespace, name)
        if certificate is None or certificate.metadata.deletion_timestamp is not None:
            return None
        situation = self._look(snapshot, certificate)
        if situation.owner is not certificate:
            await self._stand_aside(situation)
            return None
        if is_issuing(certificate):
            patch = self._state(situation)
            if patch:
                await self._tools.patch_status(certificate, patch)
            else:
                await self._attempts.step(snapshot, situation)
            return None
        return await self._rest(snapshot, situation)

    def _wanting(self, snapshot: Snapshot, namespace: str, secret: str) -> Iterable[ObjectKey]:
        return self._by_secret.follow(snapshot.collection(Certificate)).keys((namespace, secret))

    def _look(self, snapshot: Snapshot, certificate: Certificate) -> Situation:
        namespace, secret_name = certificate.metadata.namespace, certificate.spec.secret_name
        uid = certificate.metadata.uid
        wanting = self._by_secret.follow(snapshot.collection(Certificate)).of((namespace, secret_name))
        rivals = tuple(
            one for one in wanting if one.spec.secret_name == secret_name and one.key != certificate.key
        )
        return Situation(
            certificate,
            snapshot.get(Secret, namespace, secret_name),
            self._requests.follow(snapshot.collection(CertificateRequest)).of(uid),
            self._next_keys.follow(snapshot.collection(Secret)).of(uid),
            rivals,
        )

    async def _stand_aside(self, situation: Situation) -> None:
        """Another Certificate has the Secret. Upstream says nothing of that."""
        certificate, owner = situation.certificate, situation.owner
        message = (
            f"Certificate {owner.metadata.name!r} has the same spec.secretName {owner.spec.secret_name!r}: "
            "give one of the two another name"
        )
        ready = Condition(type=READY, status="False", reason=INCORRECT_CERTIFICATE, message=message)
        wanted = [ready]
        if is_issuing(certificate):
            wanted.append(msgspec.structs.replace(ready, type=ISSUING))
        patch = conditions_patch(certificate, self._tools.now(), *wanted)
        if patch:
            await self._tools.patch_status(certificate, patch)
            self._tools.events.emit(certificate, "DuplicateSecretName", message)
        for key in situation.next_keys:
            await self._tools.delete(key)

    async def _rest(self, snapshot: Snapshot, situation: Situation) -> float | None:
        """Nothing is under way: is something wanted?"""
        certificate, now = situation.certificate, self._tools.now()
        violation = trigger(situation.inputs, now)
        waits = rest_before_retry(situation, self._tools.settings, now) if violation is not None else None
        if violation is not None and waits is None:
            await self._begin(situation, violation)
            return None
        if await self._clear_up(situation):
            return None
        if patch := self._state(situation):
            await self._tools.patch_status(certificate, patch)
            return None
        if violation is None and await self._correct(snapshot, situation):
            return None
        return _earliest(waits, self._next_moment(situation, now))

    async def _begin(self, situation: Situation, violation: Violation) -> None:
        """The kinds of a snapshot are not of one moment: an issuance must not follow from a Secret, or a lack of
        one, that is over already."""
        certificate = situation.certificate
        if situation.secret is not None:
            await self._tools.ensure_fresh(certificate, situation.secret)
        else:
            await self._tools.ensure_absent(Secret, certificate.metadata.namespace, certificate.spec.secret_name)
        issuing = Condition(type=ISSUING, status="True", reason=violation.reason, message=violation.message)
        await self._tools.patch_status(certificate, conditions_patch(certificate, self._tools.now(), issuing))
        self._tools.events.emit(certificate, "Issuing", violation.message, type="Normal")
        log.info("certificate wanted", certificate="/".join(certificate.key), reason=violation.reason)

    async def _clear_up(self, situation: Situation) -> bool:
        """Removes keys of attempts that are over, and requests beyond the limit. Returns whether it did."""
        stale: list[Resource] = list(situation.next_keys)
        if self._ready(situation, self._tools.now()).status == "True":
            stale.extend(surplus(situation))
        for resource in stale:
            await self._tools.delete(resource)
        return bool(stale)

    async def _correct(self, snapshot: Snapshot, situation: Situation) -> bool:
        wrong = await self._publisher.correct(snapshot, situation)
        if wrong is not None:
            log.info("secret put right", certificate="/".join(situation.certificate.key), what=wrong.message)
        return wrong is not None

    def _state(self, situation: Situation) -> Mapping[str, Any]:
        """What the status must say of the present certificate and does not."""
        now = self._tools.now()
        ready = self._ready(situation, now)
        return {**conditions_patch(situation.certificate, now, ready), **self._times(situation)}

    def _ready(self, situation: Situation, now: datetime) -> Condition:
        violation = readiness(situation.inputs, now)
        if violation is not None:
            return Condition(type=READY, status="False", reason=violation.reason, message=violation.message)
        message = "the certificate is what is asked for, and in force"
        return Condition(type=READY, status="True", reason="Ready", message=message)

    def _times(self, situation: Situation) -> Mapping[str, Any]:
        """Fields of the status that are not what they should be; None takes one away."""
        certificate = situation.certificate
        status, leaf = certificate.status, situation.leaf
        wanted: dict[str, str | None] = {
            "notBefore": rfc3339(leaf.not_before) if leaf is not None else None,
            "notAfter": rfc3339(leaf.not_after) if leaf is not None else None,
            "renewalTime": None,
        }
        if leaf is not None:
            renewal = renewal_of(certificate.spec, leaf, _ari_of(certificate))
            wanted["renewalTime"] = rfc3339(renewal.at) if renewal.at is not None else None
            if renewal.window_error is not None and (status is None or status.not_after != wanted["notAfter"]):
                self._tools.events.emit(certificate, "WindowError", renewal.window_error)
        if not is_issuing(certificate):
            wanted["nextPrivateKeySecretName"] = None
        held = {
            "notBefore": status.not_before if status is not None else None,
            "notAfter": status.not_after if status is not None else None,
            "renewalTime": status.renewal_time if status is not None else None,
            "nextPrivateKeySecretName": status.next_private_key_secret_name if status is not None else None,
        }
        return {name: value for name, value in wanted.items() if held[name] != value}

    def _next_moment(self, situation: Situation, now: datetime) -> float | None:
        """Seconds until the clock alone changes something: the renewal, or the end."""
        leaf = situation.leaf
        if leaf is None:
            return None
        renewal = renewal_of(situation.certificate.spec, leaf, _ari_of(situation.certificate)).at
        moments = [moment for moment in (renewal, leaf.not_after) if moment is not None and moment > now]
        return min(((moment - now).total_seconds() for moment in moments), default=None)


def _secrets_of(certificate: Certificate) -> Iterable[ObjectKey]:
    namespace = certificate.metadata.namespace
    return ((namespace, name) for name in secret_references(certificate))


def _owners_of(resource: Resource) -> Iterable[str]:
    return (owner.uid for owner in resource.metadata.owner_references)


def _owners_of_key(secret: Secret) -> Iterable[str]:
    return _owners_of(secret) if secret.metadata.labels.get(NEXT_KEY) == "true" else ()


def _ari_of(certificate: Certificate) -> Any:
    status = certificate.status
    return status.acme.ari if status is not None and status.acme is not None else None


def _earliest(*seconds: float | None) -> float | None:
    return min((one for one in seconds if one is not None), default=None)
