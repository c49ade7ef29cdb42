"""Asks ACME CAs when certificates should be renewed (RFC 9773), and writes that into `status.acme.ari`.

On for every issuer whose CA has it, unless `renewalInformationSource: None`; cert-manager has it off. What is done
with the answer is the Certificate's reconciler's business. A CA that does not answer changes nothing there: the
last window holds, and after it the renewal time of the spec.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import AcmeError
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
from hearthgate.model.errors import Permanent
from hearthgate.resources.certmanager import Certificate, ClusterIssuer, Issuer
from hearthgate.resources.certmanager.certificate import RenewalInformation
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = (Certificate, Secret, Issuer, ClusterIssuer)
"""What is looked at."""
_AFTER_TROUBLE: Final = timedelta(hours=1)
"""A window is a matter of days, so an hour without the CA costs nothing."""
_WITHOUT_ARI: Final = 86400.0
"""Seconds until a CA without ARI is asked whether it has it now."""


class RenewalInfoReconciler:
    """One question for each certificate, not before its `nextCheck`."""

    kind: type[Resource] = Certificate
    workers = 2
    limit = 120.0

    def __init__(self, tools: Tools, desk: AccountDesk) -> None:
        self._tools = tools
        self._desk = desk
        self._asked: dict[Key, str] = {}
        """Of which certificate the window in the status is; after a restart its time tells."""
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
            self._asked.pop((namespace, name), None)
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
        known = _ari_of(certificate)
        if known is not None and self._is_about(certificate.key, known, leaf, cert_id):
            due = read_time(known.next_check)
            if due is not None and (left := (due - self._tools.now()).total_seconds()) > 0:
                return left
        client = self._desk.ready_client(snapshot, issuer)
        return None if isinstance(client, str) else await self._ask(certificate, client, cert_id)

    async def _ask(self, certificate: Certificate, client: AcmeClient, cert_id: str) -> float | None:
        now, luck = self._tools.now(), chance(cert_id)
        try:
            answer = await client.renewal_info(cert_id)
        except (*PASSING, Permanent) as error:
            after = error.retry_after if isinstance(error, (AcmeError, *PASSING)) else None
            wait = _AFTER_TROUBLE if after is None else timedelta(seconds=after)
            due = next_check(now, luck, wait)
            await self._write(
                certificate, {"lastError": str(error), "lastChecked": rfc3339(now), "nextCheck": rfc3339(due)}
            )
            self._tools.events.emit(certificate, "ARIError", str(error))
            self._asked[certificate.key] = cert_id
            return (due - now).total_seconds()
        if answer is None:
            await self._clear(certificate)
            return _WITHOUT_ARI
        after = answer.retry_after
        due = next_check(now, luck, None if after is None else timedelta(seconds=after))
        window = answer.suggested_window
        await self._write(
            certificate,
            {
                "suggestedWindow": {"start": rfc3339(window.start), "end": rfc3339(window.end)},
                "explanationURL": answer.explanation_url or None,
                "lastChecked": rfc3339(now),
                "nextCheck": rfc3339(due),
                "lastError": None,
            },
        )
        self._asked[certificate.key] = cert_id
        return (due - now).total_seconds()

    async def _write(self, certificate: Certificate, ari: Mapping[str, Any]) -> None:
        await self._tools.patch_status(certificate, {"acme": {"ari": dict(ari)}})

    async def _clear(self, certificate: Certificate) -> None:
        self._asked.pop(certificate.key, None)
        if _ari_of(certificate) is not None:
            await self._tools.patch_status(certificate, {"acme": {"ari": None}})

    def _is_about(self, key: Key, known: RenewalInformation, leaf: Leaf, cert_id: str) -> bool:
        """Whether what the status says was asked for this very certificate."""
        if (asked := self._asked.get(key)) is not None:
            return asked == cert_id
        checked, window = read_time(known.last_checked), window_of(known)
        if checked is None or checked < leaf.not_before:
            return False
        return window is None or window.start > leaf.not_before


def _ari_of(certificate: Certificate) -> RenewalInformation | None:
    status = certificate.status
    return status.acme.ari if status is not None and status.acme is not None else None


def _tags(certificate: Certificate) -> Iterable[tuple[str, str, str]]:
    """Its Secret and its issuer."""
    namespace = certificate.metadata.namespace
    yield ("Secret", namespace, certificate.spec.secret_name)
    yield issuer_key(certificate.spec.issuer_ref, namespace)
