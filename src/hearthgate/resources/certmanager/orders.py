"""Order and Challenge: an ACME order under way and the proofs that it needs. Their specs never change."""

from typing import Annotated, Literal

import msgspec

from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.certmanager.solvers import Solver
from hearthgate.resources.meta import Lenient, Resource, Strict, differs
from hearthgate.resources.scalars import Duration

State = Literal["", "valid", "ready", "pending", "processing", "invalid", "expired", "errored"]
"""RFC 8555's words, empty for unknown, and `errored` for what the client gave up on."""


class OrderSpec(Strict, frozen=True, kw_only=True):
    """An ACME order for one certificate. It never changes.

    request: The CSR: PEM in base64.
    issuer_ref: The issuer with the ACME account.
    common_name: The common name of the CSR.
    dns_names: The host names to prove.
    ip_addresses: The IP addresses to prove.
    duration: How long the certificate shall be valid.
    profile: The profile of the certificate.
    replaces: The certificate that this one follows (RFC 9773).
    """

    request: str
    issuer_ref: IssuerRef
    common_name: str = ""
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    duration: Duration | None = None
    profile: str = ""
    replaces: str = ""


class OfferedChallenge(Lenient, frozen=True, kw_only=True):
    """A proof that the CA would take.

    url: Its URL at the CA.
    token: What must be presented.
    type: dns-01 or http-01, as the CA writes it.
    """

    url: str = ""
    token: str = ""
    type: str = ""


class Authorization(Lenient, frozen=True, kw_only=True):
    """One name to prove.

    url: Its URL at the CA.
    identifier: The name, without *.
    wildcard: Whether it is about *.name; none while the CA was not asked.
    initial_state: Its state when the order was made.
    challenges: Proofs that the CA would take.
    """

    url: str
    identifier: str = ""
    wildcard: bool | None = None
    initial_state: State = ""
    challenges: tuple[OfferedChallenge, ...] = ()


class OrderStatus(Lenient, frozen=True, kw_only=True):
    """How far the order is.

    url: Its URL at the CA.
    finalize_url: Where the CSR is sent in the end.
    authorizations: The names to prove.
    certificate: The certificate and its chain: PEM in base64.
    state: The state of RFC 8555; errored: given up here.
    reason: Why it is in this state.
    failure_time: When it failed.
    """

    url: str = ""
    finalize_url: str = msgspec.field(default="", name="finalizeURL")
    authorizations: tuple[Authorization, ...] = ()
    certificate: str = ""
    state: State = ""
    reason: str = ""
    failure_time: str | None = None


class Order(Resource, frozen=True, kw_only=True):
    """An ACME order."""

    spec: OrderSpec
    status: OrderStatus | None = None


class ChallengeSpec(Strict, frozen=True, kw_only=True):
    """One proof to give. It never changes.

    url: Its URL at the CA.
    authorization_url: The URL of the authorization that it belongs to.
    dns_name: The name to prove, without *.
    type: HTTP-01, DNS-01 or TLS-ALPN-01.
    token: The CA's token.
    key: What the CA wants to see: the key authorization, or its digest for DNS-01.
    solver: How it is given.
    issuer_ref: The issuer with the ACME account.
    wildcard: Whether it is about *.dnsName.
    """

    url: str
    authorization_url: str = msgspec.field(name="authorizationURL")
    dns_name: str
    type: Annotated[Literal["HTTP-01", "DNS-01", "TLS-ALPN-01"], differs("TLS-ALPN-01 is known here alone")]
    token: str
    key: str
    solver: Solver
    issuer_ref: IssuerRef
    wildcard: bool = False


class ChallengeStatus(Lenient, frozen=True, kw_only=True):
    """How far the proof is.

    processing: Whether it is being worked on.
    presented: Whether the proof is in place.
    presented_at: Since when it is in place.
    reason: Why it is in this state.
    state: The state of RFC 8555; errored: given up here.
    """

    processing: bool = False
    presented: bool = False
    presented_at: str | None = None
    reason: str = ""
    state: State = ""


class Challenge(Resource, frozen=True, kw_only=True):
    """One proof that an ACME order needs."""

    spec: ChallengeSpec
    status: ChallengeStatus | None = None
