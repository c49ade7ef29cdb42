"""What CAs answer, as far as it is read here (RFC 8555, section 7.1; RFC 9773, section 4)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Literal

import msgspec

from hearthgate.certificates.acme.errors import AcmeProblem
from hearthgate.resources.meta import Lenient

Url = Annotated[str, msgspec.Meta(pattern=r"^https://[^\s]+$")]
Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]*$")]
"""It becomes a part of paths and records: anything but RFC 8555's alphabet is refused."""


class Identifier(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A name to have in a certificate. In answers about wildcards it has no `*.`."""

    type: str
    value: str

    @classmethod
    def of(cls, name: str) -> "Identifier":
        """A host name, with `*.` or without, or an IP address (RFC 8738)."""
        try:
            return cls(type="ip", value=str(ip_address(name)))
        except ValueError:
            return cls(type="dns", value=name)


class Status(StrEnum):
    """Of orders, authorizations and challenges; each has some of them."""

    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"
    DEACTIVATED = "deactivated"
    EXPIRED = "expired"
    REVOKED = "revoked"


class OrderAnswer(Lenient, frozen=True, kw_only=True):
    """url: of the order itself; the answer to finalize may lack it. retry_after: seconds before the next look.

    replaces: the predecessor that the CA took, of a new order; may be nothing although something was asked.
    """

    status: Status
    finalize: Url
    authorizations: tuple[Url, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    url: str = ""
    expires: datetime | None = None
    not_after: datetime | None = None
    certificate: Url | None = None
    error: AcmeProblem | None = None
    profile: str = ""
    replaces: str = ""
    retry_after: float | None = None


class ChallengeAnswer(Lenient, frozen=True, kw_only=True):
    """type: dns-01, http-01, tls-alpn-01 and whatever else there is. token: empty where the type has none."""

    type: str
    url: Url
    status: Status = Status.PENDING
    token: Token = ""
    error: AcmeProblem | None = None
    validated: datetime | None = None
    retry_after: float | None = None


class AuthorizationAnswer(Lenient, frozen=True, kw_only=True):
    """wildcard: whether it is for `*.` and the identifier."""

    identifier: Identifier
    status: Status
    challenges: tuple[ChallengeAnswer, ...] = ()
    url: str = ""
    expires: datetime | None = None
    wildcard: bool = False
    retry_after: float | None = None

    @property
    def error(self) -> AcmeProblem | None:
        """Why it failed: of the challenge that was tried."""
        return next((challenge.error for challenge in self.challenges if challenge.error is not None), None)


class AccountAnswer(Lenient, frozen=True, kw_only=True):
    status: str = ""
    contact: tuple[str, ...] | None = None


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """uri: the account's URL. email: what the CA says to have, empty when it does not tell (Let's Encrypt).

    created: whether it was made just now.
    """

    uri: str
    email: str
    created: bool


class DirectoryMeta(Lenient, frozen=True, kw_only=True):
    terms_of_service: str = ""
    website: str = ""
    caa_identities: tuple[str, ...] = ()
    external_account_required: bool = False
    profiles: Mapping[str, str] = {}


class Directory(Lenient, frozen=True, kw_only=True):
    """Where the CA takes which request. profiles: name to description. renewal_info: empty without ARI."""

    new_nonce: Url
    new_account: Url
    new_order: Url
    revoke_cert: Url | Literal[""] = ""
    renewal_info: Url | Literal[""] = ""
    meta: DirectoryMeta = DirectoryMeta()

    @property
    def profiles(self) -> Mapping[str, str]:
        return self.meta.profiles


class SuggestedWindow(Lenient, frozen=True, kw_only=True):
    start: datetime
    end: datetime


class RenewalInfo(Lenient, frozen=True, kw_only=True):
    """When the CA would like a certificate to be renewed. retry_after: seconds, as it was sent."""

    suggested_window: SuggestedWindow
    explanation_url: str = msgspec.field(default="", name="explanationURL")
    retry_after: float | None = None
