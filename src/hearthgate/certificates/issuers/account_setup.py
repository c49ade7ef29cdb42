"""ACME issuers: the key of the account, the account at the CA, its e-mail address.

An account that is registered costs no request: a start with a CA that is down keeps issuers ready. What a CA says
no to is tried again all the same, only slowly: accounts get limits lifted and bindings activated. (cert-manager
waits for an edit of the issuer.)
"""

import base64
from typing import Final

import structlog

from hearthgate.certificates.acme.account_key import AccountKey, BadKey
from hearthgate.certificates.acme.answers import Registered
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import AcmeError, Kind, Limited
from hearthgate.certificates.acme.jws import ExternalBinding
from hearthgate.certificates.issuers.accounts import AccountDesk, HeldKey
from hearthgate.certificates.issuers.named import DEFAULT_KEY, AnyIssuer, is_ready, lacking, ready_of, secret_value
from hearthgate.certificates.issuers.outcome import Outcome, not_ready, ready
from hearthgate.certificates.issuers.secrets_named import references, secrets_named
from hearthgate.certificates.issuers.servers import directory_url, is_usable, replacement_for, same_host
from hearthgate.certificates.kept import ensure_own_namespace
from hearthgate.certificates.pace import Pace
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.errors import NotFound
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Permanent, Transient
from hearthgate.model.problems import shorten
from hearthgate.resources.certmanager.issuer import ACMEIssuer
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

_REGISTER: Final = "ErrRegisterACMEAccount"
_VERIFY: Final = "ErrVerifyACMEAccount"
_REFUSED_AGAIN: Final = 900.0
"""Seconds between two tries of what the CA said no to."""
_SKEW_WORTH_NAMING: Final = 120.0


class AccountSetup:
    """desk: gives the clients."""

    def __init__(self, tools: Tools, desk: AccountDesk) -> None:
        self._tools = tools
        self._desk = desk
        self._pace = Pace(tools.now, first=2.0, most=300.0)

    async def judge(self, snapshot: Snapshot, issuer: AnyIssuer, acme: ACMEIssuer) -> Outcome | float | None:
        """None: the key is being made. Seconds: it was tried a moment ago, and will be then."""
        directory = directory_url(acme.server)
        wrong = _wrong_server(acme, directory) or self._lacking_secrets(snapshot, issuer, acme)
        if wrong is not None:
            return wrong
        try:
            held = self._desk.key_of(snapshot, issuer, acme)
        except BadKey as error:
            ref = acme.private_key_secret_ref
            where = f"Secret {self._desk.place(issuer)}/{ref.name}: {ref.key or DEFAULT_KEY}"
            return not_ready(_VERIFY, f"{where}: {error}; delete the Secret to have a new key made")
        if held is None:
            return await self._make_key(snapshot, issuer, acme)
        if _is_registered(issuer, acme, held, directory):
            return _keep(issuer)
        try:
            client = self._desk.client(acme, held.key)
        except Permanent as error:
            return not_ready("InvalidConfig", str(error))
        return await self._register(snapshot, issuer, acme, held, client)

    def _lacking_secrets(self, snapshot: Snapshot, issuer: AnyIssuer, acme: ACMEIssuer) -> Outcome | None:
        """Of solvers and of the external account, each named."""
        place = self._desk.place(issuer)
        for index, solver in enumerate(acme.solvers):
            for path, ref in references(solver, f"spec.acme.solvers[{index}]"):
                if not secret_value(snapshot, place, ref):
                    return not_ready("InvalidSolver", f"{path}: {lacking(snapshot, place, ref)}")
        binding = acme.external_account_binding
        if binding is not None and not secret_value(snapshot, place, binding.key_secret_ref):
            path = "spec.acme.externalAccountBinding.keySecretRef"
            return not_ready(_REGISTER, f"{path}: {lacking(snapshot, place, binding.key_secret_ref)}")
        return None

    async def _make_key(self, snapshot: Snapshot, issuer: AnyIssuer, acme: ACMEIssuer) -> Outcome | None:
        """None: it comes with another snapshot."""
        place, ref = self._desk.place(issuer), acme.private_key_secret_ref
        exists = snapshot.get(Secret, place, ref.name) is not None
        if exists or acme.disable_account_key_generation:
            why = lacking(snapshot, place, ref, DEFAULT_KEY)
            hint = "" if exists else ", or set disableAccountKeyGeneration to false to have it made"
            return not_ready(_VERIFY, f"spec.acme.privateKeySecretRef: {why}{hint}")
        kind = BY_TYPE[Secret]
        pem = AccountKey.generate().to_pem()
        content = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": ref.name, "namespace": place},
            "data": {ref.key or DEFAULT_KEY: base64.b64encode(pem).decode()},
        }
        try:
            await self._tools.create(Secret, content)
        except NotFound:
            if issuer.metadata.namespace:
                raise
            await ensure_own_namespace(self._tools)
            await self._tools.create(Secret, content)
        log.info("account key made", issuer=str(issuer.ref), secret=f"{place}/{ref.name}")
        return None

    async def _register(
        self, snapshot: Snapshot, issuer: AnyIssuer, acme: ACMEIssuer, held: HeldKey, client: AcmeClient
    ) -> Outcome | float:
        thing = self._what_counts(snapshot, issuer)
        if rest := self._pace.rest(thing):
            return rest
        status = issuer.status.acme if issuer.status is not None else None
        ledger = await self._desk.ledgers.of(client.directory)
        now = self._tools.now()
        is_new = status is None or status.last_private_key_hash != held.hash
        if is_new and (wait := ledger.account_allowed(now)) is not None:
            message = f"no account is asked for until {wait.until:%Y-%m-%dT%H:%M:%SZ}: {wait.reason}"
            return not_ready(_REGISTER, message, again=(wait.until - now).total_seconds())
        reason = _REGISTER if is_new else _VERIFY
        try:
            registered = await client.register(email=acme.email, binding=self._binding(snapshot, issuer, acme))
            reason = "ErrUpdateACMEAccount"
            email = await self._email(issuer, acme, client, registered)
        except Limited as error:
            wait = ledger.account_refused(error.detail, error.retry_after, now)
            await self._desk.ledgers.save()
            message = f"{error}; tried again at {wait.until:%Y-%m-%dT%H:%M:%SZ}"
            after = self._pace.again(thing, after=(wait.until - now).total_seconds())
            return not_ready(reason, message, again=after)
        except Transient as error:
            return not_ready(reason, f"{error}", again=self._pace.again(thing, after=error.retry_after))
        except Permanent as error:
            message = f"{error}{_way_out(error)}"
            return not_ready(reason, message, again=self._pace.again(thing, after=_REFUSED_AGAIN))
        if registered.created:
            ledger.account_took(now)
            await self._desk.ledgers.save()
        self._pace.forget(thing)
        account = {"uri": registered.uri, "lastRegisteredEmail": email, "lastPrivateKeyHash": held.hash}
        return ready("ACMEAccountRegistered", _registered_words(client), acme=account)

    def _binding(self, snapshot: Snapshot, issuer: AnyIssuer, acme: ACMEIssuer) -> ExternalBinding | None:
        """Raises BadKey, which names the key id alone."""
        wanted = acme.external_account_binding
        if wanted is None:
            return None
        found = secret_value(snapshot, self._desk.place(issuer), wanted.key_secret_ref)
        return ExternalBinding.parse(wanted.key_id, b"" if found is None else found.reveal())

    async def _email(self, issuer: AnyIssuer, acme: ACMEIssuer, client: AcmeClient, registered: Registered) -> str:
        """The address that the CA knows from now on."""
        wanted = acme.email.lower()
        if registered.created:
            return wanted
        status = issuer.status.acme if issuer.status is not None else None
        known = registered.email or (status.last_registered_email if status is not None else "")
        if known.lower() != wanted:
            await client.update_contact(wanted)
        return wanted

    def _what_counts(self, snapshot: Snapshot, issuer: AnyIssuer) -> tuple[object, ...]:
        """What must change for a try before its time."""
        place = self._desk.place(issuer)
        secrets = [snapshot.get(Secret, place, name) for name in sorted(secrets_named(issuer))]
        versions = [secret.metadata.resource_version for secret in secrets if secret is not None]
        return (issuer.metadata.uid, issuer.metadata.generation, *versions)


def _wrong_server(acme: ACMEIssuer, directory: str) -> Outcome | None:
    if not is_usable(directory):
        message = (
            f"spec.acme.server {shorten(acme.server)} is not an https URL of an ACME directory "
            "(or 'letsencrypt', 'letsencrypt-staging')"
        )
        return not_ready("InvalidURL", message)
    if (instead := replacement_for(directory)) is not None:
        message = f"spec.acme.server {directory} speaks ACME v1, which has ended: use {instead}"
        return not_ready("InvalidConfig", message)
    return None


def _is_registered(issuer: AnyIssuer, acme: ACMEIssuer, held: HeldKey, directory: str) -> bool:
    """As this issuer is now: an edit is tried out at once, where whoever made it looks."""
    known, status = ready_of(issuer), issuer.status
    if known is None or not is_ready(issuer) or status is None or status.acme is None:
        return False
    account = status.acme
    return (
        known.observed_generation == issuer.metadata.generation
        and same_host(account.uri, directory)
        and account.last_registered_email == acme.email.lower()
        and account.last_private_key_hash == held.hash
    )


def _keep(issuer: AnyIssuer) -> Outcome | None:
    known = ready_of(issuer)
    return None if known is None else Outcome(known)


def _way_out(error: Permanent) -> str:
    match error.kind if isinstance(error, AcmeError) else None:
        case Kind.BINDING_REQUIRED:
            return ": get a key id and a MAC key from the CA and name them in spec.acme.externalAccountBinding"
        case Kind.TERMS_CHANGED:
            return ": visit the page that it names"
        case Kind.BAD_KEY:
            return ": delete the Secret of spec.acme.privateKeySecretRef to have another key made"
        case _:
            return ""


def _registered_words(client: AcmeClient) -> str:
    words = "the account is registered with the CA"
    skew = client.clock_offset
    if skew is None or abs(skew) < _SKEW_WORTH_NAMING:
        return words
    # Rounded, so that it is said once.
    minutes = round(abs(skew) / 60)
    where = "behind" if skew > 0 else "ahead of"
    return f"{words}; the clock of this machine is {minutes} min {where} the CA's: set it right (NTP)"
