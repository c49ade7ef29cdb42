"""One attempt to get a certificate: key, request, publication. Every step is one write, found again after a crash:
the key waits in a Secret, the request is an object, and what was issued stays in it until it is published.
"""

import asyncio
import base64
import binascii
from typing import Final

import msgspec
import structlog

from hearthgate.certificates.life.publishing import Issued, Publisher
from hearthgate.certificates.life.requesting import (
    Stuck,
    in_the_way,
    key_in,
    key_secret,
    make_key,
    outdated,
    request_content,
    usable_key,
    verdict_of,
)
from hearthgate.certificates.life.retries import CANNOT_REGENERATE
from hearthgate.certificates.life.situation import ISSUING, READY, Situation
from hearthgate.certificates.life.triggers import temporary
from hearthgate.certificates.requests.states import has
from hearthgate.certificates.statuses import conditions_patch
from hearthgate.certificates.tools import Tools
from hearthgate.certificates.x509 import sign
from hearthgate.certificates.x509.chains import why_not_publish
from hearthgate.certificates.x509.csr import request_of
from hearthgate.certificates.x509.keys import Key
from hearthgate.certificates.x509.leaf import CertificateProblem, Leaf, parse_chain
from hearthgate.certificates.x509.names import names_of
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Certificate, CertificateRequest
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Condition
from hearthgate.resources.walk import Mistake

log = structlog.get_logger(__name__)

TEMPORARY: Final = "cert-manager.io/issue-temporary-certificate"


class Attempts:
    """Brings attempts on that are under way."""

    def __init__(self, tools: Tools, publisher: Publisher) -> None:
        self._tools = tools
        self._publisher = publisher

    async def step(self, snapshot: Snapshot, situation: Situation) -> None:
        """The next one: key, request, verdict, publication. Nothing while somebody else is at work."""
        certificate = situation.certificate
        held = usable_key(situation)
        key = key_in(held)
        if held is None or key is None:
            await self._make_key(situation)
            return
        status = certificate.status
        if status is None or status.next_private_key_secret_name != held.metadata.name:
            await self._tools.patch_status(certificate, {"nextPrivateKeySecretName": held.metadata.name})
            return
        stale = outdated(situation, key)
        for old in stale:
            await self._tools.delete(old)
        request = situation.inputs.next_request
        if stale:
            return
        if request is None:
            await self._request(snapshot, situation, key)
        else:
            await self._take(snapshot, situation, request, key)

    async def _make_key(self, situation: Situation) -> None:
        certificate = situation.certificate
        for secret in situation.next_keys:
            await self._tools.delete(secret)
            self._tools.events.emit(
                certificate,
                "Deleted",
                f"Secret {secret.metadata.name} held no key that can be used",
                type="Normal",
            )
        if situation.next_keys:
            return
        made = await asyncio.to_thread(make_key, situation)
        if isinstance(made, Stuck):
            await self._fail(certificate, CANNOT_REGENERATE, made.message)
            return
        if await self._tools.create(Secret, key_secret(situation, made.key)):
            reason, message = made.event
            self._tools.events.emit(certificate, reason, message, type="Normal")

    async def _request(self, snapshot: Snapshot, situation: Situation, key: Key) -> None:
        certificate = situation.certificate
        csr = request_of(certificate.spec, key)
        if isinstance(csr, Mistake):
            await self._fail(certificate, "RequestFailed", f"{csr.path}: {csr.message}")
            return
        content = request_content(situation, csr, self._tools.settings.copied_annotation_prefixes)
        name = content["metadata"]["name"]
        found = snapshot.get(CertificateRequest, certificate.metadata.namespace, name)
        if (why := in_the_way(situation, found)) is not None:
            await self._fail(certificate, "RequestFailed", why)
        elif await self._tools.create(CertificateRequest, content):
            self._tools.events.emit(certificate, "Requested", f"CertificateRequest {name} was made", type="Normal")

    async def _take(self, snapshot: Snapshot, situation: Situation, request: CertificateRequest, key: Key) -> None:
        """What became of the request."""
        certificate = situation.certificate
        if (verdict := verdict_of(request)) is not None:
            told = f"CertificateRequest {request.metadata.name}: {verdict.message}"
            await self._fail(certificate, verdict.reason, told)
            return
        if not has(request, READY) or request.status is None:
            await self._bridge(snapshot, situation, key)
            return
        try:
            chain_pem = base64.b64decode(request.status.certificate, validate=True)
            ca_pem = base64.b64decode(request.status.ca, validate=True)
            chain = parse_chain(chain_pem)
            why = why_not_publish(
                chain,
                key,
                names_of(certificate.spec),
                self._tools.now(),
                common_name=certificate.spec.common_name,
            )
        except (CertificateProblem, binascii.Error) as error:
            why = f"what the issuer gave is {error}"
        if why is not None:
            await self._fail(certificate, "InvalidCertificate", f"not published: {why}")
            return
        issued = Issued(key, chain_pem, ca_pem, request.spec.issuer_ref)
        await self._publisher.publish(snapshot, situation, issued)
        await self._succeed(situation, chain.leaf)

    async def _bridge(self, snapshot: Snapshot, situation: Situation, key: Key) -> None:
        """A certificate of nobody's, for programs that cannot start without one, while there is none to serve."""
        certificate = situation.certificate
        if certificate.metadata.annotations.get(TEMPORARY) != "true" or temporary(situation.inputs) is None:
            return
        made = sign.temporary(certificate.spec, key, self._tools.now())
        if not isinstance(made, Mistake):
            await self._publisher.publish(snapshot, situation, Issued(key, made))

    async def _succeed(self, situation: Situation, leaf: Leaf) -> None:
        certificate = situation.certificate
        others = [one for one in _conditions(certificate) if one.type != ISSUING]
        await self._tools.patch_status(
            certificate,
            {
                "conditions": [msgspec.to_builtins(one) for one in others],
                "revision": situation.revision + 1,
                "lastFailureTime": None,
                "failedIssuanceAttempts": None,
                "nextPrivateKeySecretName": None,
            },
        )
        message = f"the certificate was issued, and is in Secret {certificate.spec.secret_name}"
        self._tools.events.emit(certificate, "Issuing", message, type="Normal")
        log.info("certificate published", certificate="/".join(certificate.key), serial=leaf.serial_text)

    async def _fail(self, certificate: Certificate, reason: str, message: str) -> None:
        now, status = self._tools.now(), certificate.status
        issuing = Condition(type=ISSUING, status="False", reason=reason, message=message)
        attempts = (status.failed_issuance_attempts or 0) if status is not None else 0
        patch = {
            **conditions_patch(certificate, now, issuing),
            "lastFailureTime": rfc3339(now),
            "failedIssuanceAttempts": attempts + 1,
        }
        await self._tools.patch_status(certificate, patch)
        self._tools.events.emit(certificate, reason, message)
        log.warning("certificate not issued", certificate="/".join(certificate.key), reason=reason, why=message)


def _conditions(certificate: Certificate) -> tuple[Condition, ...]:
    return certificate.status.conditions if certificate.status is not None else ()
