"""One account at one CA: the requests of RFC 8555 and of RFC 9773, each sent until the CA has taken its nonce.

Nothing here waits for orders or proofs: callers look again, after `retry_after` of the answer where it has one.
Every method raises NetworkTrouble, BadAnswer, and Limited, Unavailable or Rejected with the CA's words.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec

from hearthgate import __version__
from hearthgate.certificates.acme import chains
from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.answers import (
    AccountAnswer,
    AuthorizationAnswer,
    ChallengeAnswer,
    Directory,
    Identifier,
    OrderAnswer,
    Registered,
    RenewalInfo,
)
from hearthgate.certificates.acme.base64url import encode
from hearthgate.certificates.acme.errors import BadAnswer, Kind, Rejected
from hearthgate.certificates.acme.exchange import Exchange
from hearthgate.certificates.acme.jws import ExternalBinding
from hearthgate.certificates.acme.proofs import dns_value, key_authorization
from hearthgate.certificates.acme.transport import Answer, Call, Transport
from hearthgate.model.errors import Permanent

__all__ = ["AcmeClient", "dns_value", "key_authorization"]


class AcmeClient:
    """`account`: the account's URL, once known; may be set to one that an earlier `register` has given."""

    def __init__(
        self,
        directory: str,
        key: AccountKey,
        *,
        ca_bundle: str = "",
        skip_tls_verify: bool = False,
        observe: Callable[[Call], None] = lambda _: None,
        user_agent: str = f"hearthgate/{__version__}",
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises Permanent for a directory that is not https (RFC 8555, section 6.1) and a broken ca_bundle."""
        if urlsplit(directory).scheme != "https" or not urlsplit(directory).netloc:
            raise Permanent(f"the directory {directory!r} is not an https URL")
        self.directory = directory
        self.key = key
        self.account = ""
        self._host = urlsplit(directory).netloc
        self._transport = Transport(
            ca_bundle=ca_bundle, skip_tls_verify=skip_tls_verify, user_agent=user_agent, observe=observe, now=now
        )
        self._exchange = Exchange(directory, key, self._transport)

    @property
    def clock_offset(self) -> float | None:
        """Seconds that the CA's clock is ahead of ours, as of its latest answer; None: not known yet."""
        return self._transport.clock_offset

    async def close(self) -> None:
        await self._transport.close()

    async def directory_info(self) -> Directory:
        return await self._exchange.directory()

    async def register(self, *, email: str, binding: ExternalBinding | None = None) -> Registered:
        """Finds the account of the key, or makes one and agrees to the CA's terms. Sets `account`.

        An account that is there is left as it is: a binding is used up by some CAs when it is shown again.
        """
        directory = await self._exchange.directory()
        try:
            answer = await self._exchange.post(
                directory.new_account, {"onlyReturnExisting": True}, "get_registration", account=""
            )
        except Rejected as error:
            if error.kind in (Kind.BAD_KEY, Kind.UNAUTHORIZED):
                raise
            # accountDoesNotExist; a CA that knows no onlyReturnExisting may say something else
            wanted: dict[str, object] = {"termsOfServiceAgreed": True}
            if email:
                wanted["contact"] = _contact(email)
            if binding is not None:
                wanted["externalAccountBinding"] = binding.sign(self.key, directory.new_account)
            answer = await self._exchange.post(directory.new_account, wanted, "register_account", account="")
        account = self._exchange.decoded(answer, AccountAnswer, "register_account")
        uri = answer.headers.get("Location", "")
        if not uri.startswith("https://"):
            raise BadAnswer(f"register_account at {self._host}: the answer names no account URL")
        if account.status not in ("", "valid"):
            raise Permanent(f"the account {uri} is {account.status}: use another key")
        self.account = uri
        return Registered(uri=uri, email=_email(account.contact), created=answer.status == 201)

    async def update_contact(self, email: str) -> None:
        """email: empty takes the contact away."""
        await self._post(self.account, {"contact": _contact(email)}, "update_registration")

    async def new_order(
        self,
        identifiers: Sequence[Identifier],
        *,
        not_after: datetime | None = None,
        profile: str = "",
        replaces: str = "",
    ) -> OrderAnswer:
        """replaces: certID of the predecessor (RFC 9773). Where the CA will not have it, the order is made
        without: `replaces` of the answer tells."""
        directory = await self._exchange.directory()
        wanted: dict[str, object] = {
            "identifiers": [msgspec.to_builtins(identifier) for identifier in identifiers]
        }
        if not_after is not None:
            wanted["notAfter"] = not_after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if profile:
            wanted["profile"] = profile
        offered = wanted | ({"replaces": replaces} if replaces and directory.renewal_info else {})
        try:
            answer = await self._post(directory.new_order, offered, "authorize_order")
        except Rejected as error:
            if "replaces" not in offered or not _about_replaces(error):
                raise
            offered = wanted
            answer = await self._post(directory.new_order, wanted, "authorize_order")
        order = self._exchange.decoded(answer, OrderAnswer, "authorize_order")
        url = answer.headers.get("Location", "")
        if not url.startswith("https://"):
            raise BadAnswer(f"authorize_order at {self._host}: the answer names no order URL")
        taken = replaces if "replaces" in offered else ""
        return msgspec.structs.replace(order, url=url, replaces=taken, retry_after=answer.retry_after)

    async def order(self, url: str) -> OrderAnswer:
        answer = await self._read_at(url, "get_order")
        order = self._exchange.decoded(answer, OrderAnswer, "get_order")
        return msgspec.structs.replace(order, url=url, retry_after=answer.retry_after)

    async def authorization(self, url: str) -> AuthorizationAnswer:
        answer = await self._read_at(url, "get_authorization")
        found = self._exchange.decoded(answer, AuthorizationAnswer, "get_authorization")
        return msgspec.structs.replace(found, url=url, retry_after=answer.retry_after)

    async def challenge(self, url: str) -> ChallengeAnswer:
        answer = await self._read_at(url, "get_challenge")
        found = self._exchange.decoded(answer, ChallengeAnswer, "get_challenge")
        return msgspec.structs.replace(found, retry_after=answer.retry_after)

    async def accept(self, url: str) -> ChallengeAnswer:
        """Tells the CA that the proof is in place."""
        answer = await self._post(url, {}, "accept_challenge", reading=True)
        found = self._exchange.decoded(answer, ChallengeAnswer, "accept_challenge")
        return msgspec.structs.replace(found, retry_after=answer.retry_after)

    async def finalize(self, url: str, csr_der: bytes, *, order: str = "") -> OrderAnswer:
        """order: its URL, so that one that was finalized before, by a request whose answer was lost, is read
        again instead of being an error."""
        try:
            answer = await self._post(url, {"csr": encode(csr_der)}, "create_order_cert")
        except Rejected as error:
            if not order or (error.kind is not Kind.NOT_READY and error.status != 403):
                raise
            found = await self.order(order)
            if found.status not in ("processing", "valid"):
                raise
            return found
        found = self._exchange.decoded(answer, OrderAnswer, "create_order_cert")
        where = order or answer.headers.get("Location", "")
        return msgspec.structs.replace(found, url=where, retry_after=answer.retry_after)

    async def certificate(self, url: str, *, preferred_chain: str = "") -> str:
        """PEM, leaf first. preferred_chain: common name of the issuer of the last certificate; where no chain has
        it, the CA's default is given."""
        answer = await self._chain_at(url, "fetch_cert")
        default = chains.read_chain(answer.body, asked=f"fetch_cert at {self._host}")
        if not preferred_chain or chains.ends_with(default, preferred_chain):
            return default
        for alternate in chains.alternates(answer.links, url):
            try:
                other = await self._chain_at(alternate, "list_cert_alternates")
                chain = chains.read_chain(other.body, asked=f"list_cert_alternates at {self._host}")
            except (Rejected, BadAnswer):
                continue
            if chains.ends_with(chain, preferred_chain):
                return chain
        return default

    async def renewal_info(self, cert_id: str) -> RenewalInfo | None:
        """None: the CA has no ARI."""
        directory = await self._exchange.directory()
        if not directory.renewal_info:
            return None
        answer = await self._exchange.get(f"{directory.renewal_info.rstrip('/')}/{cert_id}", "get_renewal_info")
        found = self._exchange.decoded(answer, RenewalInfo, "get_renewal_info")
        if found.suggested_window.end <= found.suggested_window.start:
            raise BadAnswer(f"get_renewal_info at {self._host}: the suggested window ends before it starts")
        return msgspec.structs.replace(found, retry_after=answer.retry_after)

    async def deactivate_authorization(self, url: str) -> None:
        await self._post(url, {"status": "deactivated"}, "deactivate_authorization", reading=True)

    async def revoke(self, der: bytes, reason: int | None = None) -> None:
        """reason: code of RFC 5280, section 5.3.1. Raises Permanent where the CA has no such request."""
        directory = await self._exchange.directory()
        if not directory.revoke_cert:
            raise Permanent(f"the CA at {self._host} takes no revocations by ACME")
        wanted: dict[str, object] = {"certificate": encode(der)}
        if reason is not None:
            wanted["reason"] = reason
        await self._post(directory.revoke_cert, wanted, "revoke_cert")

    async def _read_at(self, url: str, action: str) -> Answer:
        return await self._post(url, None, action, reading=True)

    async def _chain_at(self, url: str, action: str) -> Answer:
        return await self._post(url, None, action, accept="application/pem-certificate-chain", reading=True)

    async def _post(
        self, url: str, payload: object, action: str, *, accept: str = "application/json", reading: bool = False
    ) -> Answer:
        if not self.account:
            raise ValueError("the account is not known yet: register first, or set its URL")
        return await self._exchange.post(
            url, payload, action, account=self.account, accept=accept, reading=reading
        )


def _contact(email: str) -> list[str]:
    """As upstream writes it: in lower case."""
    return [f"mailto:{email.lower()}"] if email else []


def _email(contact: Sequence[str] | None) -> str:
    addresses = [url.removeprefix("mailto:") for url in contact or () if url.startswith("mailto:")]
    return addresses[0] if addresses else ""


def _about_replaces(error: Rejected) -> bool:
    """Whether the CA would take the same order without a predecessor."""
    return error.kind is Kind.ALREADY_REPLACED or error.status == 409 or "replaces" in error.detail.lower()
