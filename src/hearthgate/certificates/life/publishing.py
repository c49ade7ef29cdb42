"""Writes key and certificate into the Secret: in one write, and only what is ours."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hearthgate.certificates.life.corrections import Published, post_issuance
from hearthgate.certificates.life.requesting import key_in
from hearthgate.certificates.life.situation import Situation
from hearthgate.certificates.life.triggers import Violation, pair_of
from hearthgate.certificates.secrets.contents import (
    ISSUER_GROUP,
    ISSUER_KIND,
    ISSUER_NAME,
    TYPE,
    applied,
    secret_data,
)
from hearthgate.certificates.secrets.formats import NO_PASSWORDS, Passwords
from hearthgate.certificates.secrets.managed import Managed, ManagedFieldsProblem, managed_by
from hearthgate.certificates.tools import MANAGER, Tools
from hearthgate.certificates.x509.keys import Key, encode_key
from hearthgate.cluster.errors import NotFound
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.certmanager.references import IssuerRef, SecretKeyRef
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE

_SECRET: Final = BY_TYPE[Secret]


class Issued(NamedTuple):
    """What goes into a Secret, in PEM. issuer: None for a temporary certificate."""

    key: Key
    chain: bytes
    ca: bytes = b""
    issuer: IssuerRef | None = None


class Publisher:
    """Writes Secrets of Certificates."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def publish(self, snapshot: Snapshot, situation: Situation, issued: Issued) -> None:
        """Of a pair that has been looked at. Raises Transient and Permanent of the API."""
        spec = situation.certificate.spec
        passwords = self.passwords(snapshot, situation.certificate)
        key_pem = encode_key(issued.key, "PKCS8")
        data = secret_data(spec, key_pem, issued.chain, issued.ca, passwords)
        await self._apply(situation, data, issued.issuer)

    async def correct(self, snapshot: Snapshot, situation: Situation) -> Violation | None:
        """Puts right what somebody has changed in the Secret beside key and certificate, or what the spec says
        otherwise since. Returns what it was."""
        secret, certificate = situation.secret, situation.certificate
        if secret is None or isinstance(pair_of(secret), Violation):
            return None
        issuer = _issuer_of(situation, secret)
        passwords = self.passwords(snapshot, certificate)
        published = Published(
            certificate,
            secret,
            issuer,
            await self._managed(secret),
            passwords,
            self._tools.settings.enable_certificate_owner_ref,
        )
        wrong = post_issuance(published)
        if wrong is None:
            return None
        key, chain, ca = key_in(secret), secret.value("tls.crt"), secret.value("ca.crt")
        if key is None or chain is None:
            return None
        data = secret_data(
            certificate.spec,
            _pem(secret, key),
            chain.reveal(),
            ca.reveal() if ca is not None else b"",
            passwords,
        )
        await self._apply(situation, data, issuer)
        return wrong

    def passwords(self, snapshot: Snapshot, certificate: Certificate) -> Passwords:
        """Of the key stores; who lacks one is told, and that store is left out."""
        wanted = certificate.spec.keystores
        if wanted is None:
            return NO_PASSWORDS

        def read(literal: SecretBytes | None, reference: SecretKeyRef | None) -> SecretBytes | None:
            if literal is not None or reference is None:
                return literal
            namespace = certificate.metadata.namespace
            found = snapshot.get(Secret, namespace, reference.name)
            value = found.value(reference.key) if found is not None else None
            if value is None:
                message = f"Secret {reference.name!r} has no key {reference.key!r}: the key store is not written"
                self._tools.events.emit(certificate, "KeystorePasswordSecretNotFound", message)
            return value

        jks, pkcs12 = wanted.jks, wanted.pkcs12
        return Passwords(
            jks=read(jks.password, jks.password_secret_ref) if jks is not None and jks.create else None,
            pkcs12=read(pkcs12.password, pkcs12.password_secret_ref)
            if pkcs12 is not None and pkcs12.create
            else None,
        )

    async def _apply(self, situation: Situation, data: Mapping[str, bytes], issuer: IssuerRef | None) -> None:
        secret = situation.secret
        content = applied(
            situation.certificate,
            data,
            issuer,
            owned=self._tools.settings.enable_certificate_owner_ref,
            existing_type=secret.type if secret is not None else TYPE,
        )
        await self._tools.client.apply(_SECRET, content, manager=MANAGER)

    async def _managed(self, secret: Secret) -> Managed | ManagedFieldsProblem | None:
        try:
            found: Mapping[str, Any] = await self._tools.client.get(_SECRET, *secret.key)
        except NotFound:
            return None
        try:
            return managed_by(found["metadata"].get("managedFields") or (), MANAGER)
        except ManagedFieldsProblem as problem:
            return problem


def secret_references(certificate: Certificate) -> tuple[str, ...]:
    """Names of the Secrets, in its own namespace, that a Certificate looks at."""
    wanted = certificate.spec.keystores
    stores = (wanted.jks, wanted.pkcs12) if wanted is not None else ()
    references = (store.password_secret_ref for store in stores if store is not None)
    return (certificate.spec.secret_name, *(one.name for one in references if one is not None))


def _issuer_of(situation: Situation, secret: Secret) -> IssuerRef | None:
    """As the request of the present certificate names it; of one that was here before us, as the Secret does."""
    request = situation.inputs.current_request
    if request is not None:
        return request.spec.issuer_ref
    marks = secret.metadata.annotations
    if ISSUER_NAME not in marks:
        return None
    return IssuerRef(name=marks[ISSUER_NAME], kind=marks.get(ISSUER_KIND, ""), group=marks.get(ISSUER_GROUP, ""))


def _pem(secret: Secret, key: Key) -> bytes:
    held = secret.value("tls.key")
    return held.reveal() if held is not None else encode_key(key, "PKCS8")
