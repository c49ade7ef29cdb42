"""Order and Challenge: an ACME order under way and the proofs that it needs. Their specs never change."""

from typing import Literal

import msgspec

from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.certmanager.solvers import Solver
from hearthgate.resources.meta import Lenient, Resource, Strict
from hearthgate.resources.scalars import Duration

State = Literal["", "valid", "ready", "pending", "processing", "invalid", "expired", "errored"]
"""RFC 8555's words, empty for unknown, and `errored` for what the client gave up on."""


class OrderSpec(Strict, frozen=True, kw_only=True):
    """request: the PEM of the CSR in base64. replaces: the certificate that this one follows (RFC 9773)."""

    request: str
    issuer_ref: IssuerRef
    common_name: str = ""
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    duration: Duration | None = None
    profile: str = ""
    replaces: str = ""


class OfferedChallenge(Lenient, frozen=True, kw_only=True):
    """type as the CA writes it: `dns-01`, `http-01`."""

    url: str = ""
    token: str = ""
    type: str = ""


class Authorization(Lenient, frozen=True, kw_only=True):
    """identifier: without `*.`; wildcard None while the CA was not asked."""

    url: str
    identifier: str = ""
    wildcard: bool | None = None
    initial_state: State = ""
    challenges: tuple[OfferedChallenge, ...] = ()


class OrderStatus(Lenient, frozen=True, kw_only=True):
    """certificate: the PEM chain in base64."""

    url: str = ""
    finalize_url: str = msgspec.field(default="", name="finalizeURL")
    authorizations: tuple[Authorization, ...] = ()
    certificate: str = ""
    state: State = ""
    reason: str = ""
    failure_time: str | None = None


class Order(Resource, frozen=True, kw_only=True):
    spec: OrderSpec
    status: OrderStatus | None = None


class ChallengeSpec(Strict, frozen=True, kw_only=True):
    """key: what the CA wants to see: of HTTP-01 the key authorization, of DNS-01 its digest. dnsName: without
    `*.`, wildcard says whether it was there."""

    url: str
    authorization_url: str = msgspec.field(name="authorizationURL")
    dns_name: str
    type: Literal["HTTP-01", "DNS-01"]
    token: str
    key: str
    solver: Solver
    issuer_ref: IssuerRef
    wildcard: bool = False


class ChallengeStatus(Lenient, frozen=True, kw_only=True):
    processing: bool = False
    presented: bool = False
    presented_at: str | None = None
    reason: str = ""
    state: State = ""


class Challenge(Resource, frozen=True, kw_only=True):
    spec: ChallengeSpec
    status: ChallengeStatus | None = None
