"""Asks ACME CAs when certificates should be renewed (RFC 9773), and writes that into `status.acme.ari`.

On for every issuer whose CA has it, unless `renewalInformationSource: None`; cert-manager has it off. What is done
with the answer is the Certificate's reconciler's business. A CA that does not answer changes nothing there: the
last window holds, and after it the renewal time of the spec.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Rejected
from hearthgate.certificates.issuers.accounts import AccountDesk
from hearthgate.certificates.issuers.named import is_ready, issuer_key, issuer_of, key_of
from hearthgate.certificates.life.renewal import chance, next_check, read_time, window_of
from hearthgate.certificates.orders.trouble import PASSING
from hearthgate.certificates.predecessor import issued_by, leaf_of
from hearthgate.certificates.tagged import Tagged
from hearthgate.certificates.tools import Tools
from hearthgate.certificates.x509.leaf import Leaf, ari_id
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.certmanager import Certificate, ClusterIssuer, Issuer
from hearthgate.resources.certmanager.certificate import RenewalInformation
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = (Certificate, Secret, Issuer, ClusterIssuer)
"""What is looked at."""
_AFTER_TROUBLE: Final = timedelta(hours=1)
"""A window is a matter of days, so an hour without the CA costs nothing."""
_WITHOUT_ARI: Final = timedelta(days=1)
"""Until a CA without ARI is asked whether it has it now."""


class _Heard(NamedTuple):
    """ari: what to merge into `status.acme.ari`; None: the CA has none."""

    cert_id: str
    ari: Mapping[str, Any] | None
    due: datetime


class RenewalInfoReconciler:
    """One question for each certificate, not before its `nextCheck`."""

    kind: type[Resource] = Certificate
    workers = 2
    limit = 120.0

    def __init__(self, tools: Tools, desk: AccountDesk) -> None:
        self._tools = tools
        self._desk = desk
        self._heard: dict[Key, _Heard] = {}
        """So that nothing is asked twice when the status cannot be written at once, or a snapshot lags."""
        self._named: Tagged[Certificate] = Tagged(_tags)

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        self._named.follow(snapshot.collection(Certificate))
        match changed:
            case Secret():
                yield from self._named.keys(("Secret", *changed.key))
            case Issuer() | ClusterIssuer():
                yield from self._named.keys(key_of(changed))
            case _:
                return

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        certificate = snapshot.get(Certificate, namespace, name)
        if certificate is None or certificate.metadata.deletion_timestamp is not None:
            self._heard.pop((namespace, name), None)
            return None
        ref = certificate.spec.issuer_ref
        issuer = issuer_of(snapshot, ref, namespace)
        if issuer is None or issuer.spec.acme is None or issuer.spec.acme.renewal_information_source == "None":
            await self._clear(certificate)
            return None
        secret = snapshot.get(Secret, namespace, certificate.spec.secret_name)
        leaf = leaf_of(secret) if secret is not None and issued_by(secret, ref) else None
        if leaf is None or (cert_id := ari_id(leaf)) is None or not is_ready(issuer):
            return None  # nothing from this issuer yet, or nobody to ask: the next change brings it back
        known, now = _ari_of(certificate), self._tools.now()
        heard = self._heard.get(certificate.key)
        if heard is None or heard.cert_id != cert_id or heard.due <= now:
            due = _due(known, leaf) if heard is None and known is not None else None
            if due is not None and due > now:
                return (due - now).total_seconds()
            client = self._desk.ready_client(snapshot, issuer)
            if isinstance(client, str):
                return None
            heard = self._heard[certificate.key] = await self._ask(certificate, client, cert_id)
        if not _shows(known, heard):
            ari = None if heard.ari is None else dict(heard.ari)
            await self._tools.patch_status(certificate, {"acme": {"ari": ari}})
        return (heard.due - now).total_seconds()

    async def _ask(self, certificate: Certificate, client: AcmeClient, cert_id: str) -> _Heard:
        now, luck = self._tools.now(), chance(cert_id)
        try:
            answer = await client.renewal_info(cert_id)
        except (*PASSING, Rejected) as error:
            after = error.retry_after
            due = next_check(now, luck, _AFTER_TROUBLE if after is None else timedelta(seconds=after))
            self._tools.events.emit(certificate, "ARIError", str(error))
            ari: dict[str, Any] = {"lastError": str(error), "lastChecked": rfc3339(now), "nextCheck": rfc3339(due)}
            return _Heard(cert_id, ari, due)
        if answer is None:
            return _Heard(cert_id, None, now + _WITHOUT_ARI)
        after = answer.retry_after
        due = next_check(now, luck, None if after is None else timedelta(seconds=after))
        window = answer.suggested_window
        ari = {
            "suggestedWindow": {"start": rfc3339(window.start), "end": rfc3339(window.end)},
            "explanationURL": answer.explanation_url or None,
            "lastChecked": rfc3339(now),
            "nextCheck": rfc3339(due),
            "lastError": None,
        }
        return _Heard(cert_id, ari, due)

    async def _clear(self, certificate: Certificate) -> None:
        self._heard.pop(certificate.key, None)
        if _ari_of(certificate) is not None:
            await self._tools.patch_status(certificate, {"acme": {"ari": None}})


def _due(known: RenewalInformation, leaf: Leaf) -> datetime | None:
    """When to ask again, after a restart; None: now, since the status is about the certificate before this one."""
    checked, window = read_time(known.last_checked), window_of(known)
    if checked is None or checked < leaf.not_before or (window is not None and window.start <= leaf.not_before):
        return None
    return read_time(known.next_check)


def _shows(known: RenewalInformation | None, heard: _Heard) -> bool:
    """Whether the status has it; a snapshot may lag behind."""
    if known is None or heard.ari is None:
        return (known is None) == (heard.ari is None)
    return bool(known.last_checked == heard.ari["lastChecked"])


def _ari_of(certificate: Certificate) -> RenewalInformation | None:
    status = certificate.status
    return status.acme.ari if status is not None and status.acme is not None else None


def _tags(certificate: Certificate) -> Iterable[tuple[str, str, str]]:
    """Its Secret and its issuer."""
    namespace = certificate.metadata.namespace
    yield ("Secret", namespace, certificate.spec.secret_name)
    yield issuer_key(certificate.spec.issuer_ref, namespace)
