"""The ACME accounts of issuers: a client for each, and the books on what its CA allows."""

import base64
import binascii
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.accounts import AccountAt, Accounts
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.transport import Call
from hearthgate.certificates.issuers.ledgers import Ledgers
from hearthgate.certificates.issuers.named import (
    DEFAULT_KEY,
    AnyIssuer,
    is_ready,
    lacking,
    place_of_secrets,
    ready_of,
    secret_value,
)
from hearthgate.certificates.issuers.servers import directory_url
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.errors import Conflict
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.issuer import ACMEIssuer
from hearthgate.resources.registry import BY_TYPE


class HeldKey(NamedTuple):
    """hash: as the status of an issuer holds it."""

    key: AccountKey
    hash: str


class AccountDesk:
    """observe: hears of every request to a CA."""

    def __init__(self, tools: Tools, observe: Callable[[Call], None] = lambda _: None) -> None:
        self._tools = tools
        self._accounts = Accounts(observe)
        self.ledgers = Ledgers(tools)

    async def close(self) -> None:
        await self._accounts.close()

    def place(self, issuer: AnyIssuer) -> str:
        """The namespace of its Secrets."""
        return place_of_secrets(issuer, self._tools.settings.cluster_resource_namespace)

    def key_of(self, snapshot: Snapshot, issuer: AnyIssuer, acme: ACMEIssuer) -> HeldKey | None:
        """None: there is no such Secret, or no such key in it. Raises Permanent when it is no key for accounts."""
        found = secret_value(snapshot, self.place(issuer), acme.private_key_secret_ref, DEFAULT_KEY)
        return None if found is None else held_key(found)

    def client(self, acme: ACMEIssuer, key: AccountKey) -> AcmeClient:
        """Raises Permanent for a URL or a caBundle that cannot be used."""
        bundle = ca_bundle(acme)
        where = AccountAt(directory_url(acme.server), key, bundle, acme.skip_tls_verify)
        return self._accounts.client(where)

    def ready_client(self, snapshot: Snapshot, issuer: AnyIssuer) -> AcmeClient | str:
        """For requests in the name of the issuer's account, or why there can be none now."""
        acme, status = issuer.spec.acme, issuer.status
        if acme is None:
            return f"{issuer.ref} is no ACME issuer"
        if not is_ready(issuer) or status is None or status.acme is None or not status.acme.uri:
            found = ready_of(issuer)
            return f"{issuer.ref} is not ready" + (f": {found.message}" if found is not None else " yet")
        try:
            held = self.key_of(snapshot, issuer, acme)
            if held is None:
                return lacking(snapshot, self.place(issuer), acme.private_key_secret_ref, DEFAULT_KEY)
            if held.hash != status.acme.last_private_key_hash:
                return f"{issuer.ref} has another account key than it was registered with: it is looked at"
            client = self.client(acme, held.key)
        except Permanent as error:
            return f"{issuer.ref}: {error}"
        client.account = status.acme.uri
        return client

    async def forget_account(self, issuer: AnyIssuer) -> None:
        """The CA knows the account no more: the issuer's reconciler shall find or make it anew."""
        status = {"acme": {"uri": None, "lastPrivateKeyHash": None}}
        try:
            await self._tools.patch_status(issuer, status)
        except Conflict:
            return  # it is being looked at
        message = f"the CA does not know the account any more: {BY_TYPE[type(issuer)].kind} registers anew"
        self._tools.events.emit(issuer, "ErrVerifyACMEAccount", message)


@lru_cache(maxsize=256)
def held_key(secret: SecretBytes) -> HeldKey:
    """An RSA key takes milliseconds to read. Raises Permanent."""
    key = AccountKey.parse(secret.reveal())
    return HeldKey(key, key.hash())


def ca_bundle(acme: ACMEIssuer) -> str:
    """PEM. Raises Permanent when it is not base64."""
    try:
        text = base64.b64decode("".join(acme.ca_bundle.split()), validate=True)
        return text.decode("ascii")
    except (binascii.Error, ValueError):
        raise Permanent("spec.acme.caBundle is not PEM in base64") from None
