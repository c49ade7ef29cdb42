"""Brings CertificateRequests on: approves them, and has them signed by the issuer that they name."""

import base64
from collections.abc import Iterable
from typing import Any, Final, Protocol, assert_never

import structlog

from hearthgate.certificates.issuers.named import (
    AnyIssuer,
    is_ours,
    is_ready,
    issuer_key,
    issuer_of,
    key_of,
    place_of_secrets,
    ready_of,
)
from hearthgate.certificates.requests.signing import KEY_ANNOTATION, self_signed, sign_by_ca
from hearthgate.certificates.requests.states import APPROVED, DENIED, READY, has, is_final
from hearthgate.certificates.requests.verdict import Failed, Issued, Pending, Verdict
from hearthgate.certificates.statuses import conditions_patch
from hearthgate.certificates.tagged import Tagged
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.resources.certmanager import CertificateRequest, ClusterIssuer, Issuer, Order
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Condition, Resource

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (CertificateRequest, Issuer, ClusterIssuer, Order, Secret)
"""What is looked at for them."""
APPROVER: Final = "cert-manager.io"
"""Reason of what the built-in approver says: upstream's."""


class Acme(Protocol):
    """Has requests signed by ACME issuers."""

    async def verdict(self, snapshot: Snapshot, request: CertificateRequest, issuer: AnyIssuer) -> Verdict | None:
        """None: something was done that will come back as another snapshot."""


class RequestReconciler:
    """acme: the way to CAs that speak ACME; without it, such requests wait."""

    kind: type[Resource] = CertificateRequest
    workers = 4
    limit = 60.0

    def __init__(self, tools: Tools, acme: Acme) -> None:
        self._tools = tools
        self._acme = acme
        self._open: Tagged[CertificateRequest] = Tagged(_tags)

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        match changed:
            case Issuer() | ClusterIssuer():
                yield from self._follow(snapshot).keys(key_of(changed))
            case Order():
                for owner in changed.metadata.owner_references:
                    if owner.kind == CertificateRequest.__name__:
                        yield (changed.metadata.namespace, owner.name)
            case Secret():
                yield from self._follow(snapshot).keys(("key", *changed.key))
                yield from self._by_ca(snapshot, changed)
            case _:
                return

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        request = snapshot.get(CertificateRequest, namespace, name)
        if request is None or request.metadata.deletion_timestamp is not None or is_final(request):
            return None
        if not is_ours(request.spec.issuer_ref):
            return None
        if has(request, DENIED):
            await self._end(request, "Denied", "the request was denied: see its condition Denied")
            return None
        if not has(request, APPROVED):
            await self._approve(request)
            return None
        verdict = await self._verdict(snapshot, request)
        return None if verdict is None else await self._carry_out(request, verdict)

    async def _verdict(self, snapshot: Snapshot, request: CertificateRequest) -> Verdict | None:
        ref, namespace = request.spec.issuer_ref, request.metadata.namespace
        issuer = issuer_of(snapshot, ref, namespace)
        _, kind, name = ref.identity
        if issuer is None:
            message = f"{kind} {name} does not exist: create it, or correct issuerRef of the Certificate"
            type_: type[Resource] = Issuer if kind == "Issuer" else ClusterIssuer
            if snapshot.is_refused(type_, namespace if kind == "Issuer" else "", name):
                message = f"{kind} {name} cannot be read: see what is wrong with it"
            return Pending("IssuerNotFound", message)
        if not is_ready(issuer):
            known = ready_of(issuer)
            why = f": {known.message}" if known is not None else " yet"
            return Pending("IssuerNotReady", f"{kind} {name} is not ready{why}")
        now = self._tools.now()
        if issuer.spec.ca is not None:
            place = place_of_secrets(issuer, self._tools.settings.cluster_resource_namespace)
            secret = snapshot.get(Secret, place, issuer.spec.ca.secret_name)
            return sign_by_ca(request, issuer.spec.ca, secret, place, now)
        if issuer.spec.self_signed is not None:
            held = request.metadata.annotations.get(KEY_ANNOTATION, "")
            return self_signed(request, issuer.spec.self_signed, snapshot.get(Secret, namespace, held), now)
        if issuer.spec.acme is not None:
            return await self._acme.verdict(snapshot, request, issuer)
        raise Permanent(f"{issuer.ref} is ready without being of a type that is known")

    async def _carry_out(self, request: CertificateRequest, verdict: Verdict) -> float | None:
        match verdict:
            case Issued():
                await self._issue(request, verdict)
                return None
            case Pending(event, message, again):
                if await self._say(request, "False", "Pending", message):
                    self._tools.events.emit(request, event, message, type="Normal")
                return again
            case Failed(event, message):
                await self._end(request, "Failed", message, event=event)
                return None
            case _:
                assert_never(verdict)

    async def _approve(self, request: CertificateRequest) -> None:
        message = "approved by the built-in approver, which approves all requests to issuers of its own"
        condition = Condition(type=APPROVED, status="True", reason=APPROVER, message=message)
        await self._tools.patch_status(request, conditions_patch(request, self._tools.now(), condition))
        self._tools.events.emit(request, APPROVER, message, type="Normal")

    async def _issue(self, request: CertificateRequest, issued: Issued) -> None:
        message = "the certificate was issued"
        more = {"certificate": _base64(issued.certificate), "ca": _base64(issued.ca) if issued.ca else None}
        await self._say(request, "True", "Issued", message, more)
        self._tools.events.emit(request, "CertificateIssued", message, type="Normal")
        if issued.warning is not None:
            self._tools.events.emit(request, *issued.warning)
        log.info("certificate issued", request="/".join(request.key))

    async def _end(self, request: CertificateRequest, reason: str, message: str, *, event: str = "") -> None:
        more = {"failureTime": rfc3339(self._tools.now())}
        await self._say(request, "False", reason, message, more)
        if event:
            self._tools.events.emit(request, event, message)
        log.warning("certificate request ended", request="/".join(request.key), reason=event or reason)

    async def _say(
        self,
        request: CertificateRequest,
        status: str,
        reason: str,
        message: str,
        more: dict[str, Any] | None = None,
    ) -> bool:
        """Whether that is news."""
        condition = Condition(type=READY, status=status, reason=reason, message=message)
        patch = {**conditions_patch(request, self._tools.now(), condition), **(more or {})}
        if patch:
            await self._tools.patch_status(request, patch)
        return bool(patch)

    def _follow(self, snapshot: Snapshot) -> Tagged[CertificateRequest]:
        return self._open.follow(snapshot.collection(CertificateRequest))

    def _by_ca(self, snapshot: Snapshot, secret: Secret) -> Iterable[Key]:
        """Requests that wait for the key pair of their CA."""
        settings = self._tools.settings
        issuers: tuple[AnyIssuer, ...] = (*snapshot.all(Issuer), *snapshot.all(ClusterIssuer))
        for issuer in issuers:
            ca = issuer.spec.ca
            if ca is not None and secret.key == (
                place_of_secrets(issuer, settings.cluster_resource_namespace),
                ca.secret_name,
            ):
                yield from self._follow(snapshot).keys(key_of(issuer))


def _tags(request: CertificateRequest) -> Iterable[tuple[str, ...]]:
    """Of requests that are not final: their issuer, and the Secret with their key."""
    if is_final(request):
        return
    namespace = request.metadata.namespace
    yield issuer_key(request.spec.issuer_ref, namespace)
    if held := request.metadata.annotations.get(KEY_ANNOTATION, ""):
        yield ("key", namespace, held)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
