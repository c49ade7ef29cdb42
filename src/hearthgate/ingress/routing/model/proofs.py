"""Proofs of ACME that the proxy gives while a CA asks for them."""

from enum import StrEnum

from hearthgate.ingress.routing.model.values import Value


class ProofKind(StrEnum):
    """How the CA looks, in the words of Challenge.spec.type."""

    HTTP = "HTTP-01"
    TLS_ALPN = "TLS-ALPN-01"


class Proof(Value, frozen=True, kw_only=True, order=True):
    """What a CA must see at a host: the key authorization, which is no secret.

    host: a name in lower case, or an IP address.
    """

    kind: ProofKind
    host: str
    token: str
    key_authorization: str
