"""Who sends a request: by client certificate of the own authority, or by bearer token. Pure."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

ADMIN_GROUP: Final = "system:masters"
ROLE_PREFIX: Final = "hearthgate:"
AUTHENTICATED: Final = "system:authenticated"
ANONYMOUS: Final = "system:anonymous"
UNAUTHENTICATED: Final = "system:unauthenticated"
OWN_USER: Final = "system:hearthgate"
"""This program's controllers. Users cannot have a name with a colon."""
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"


class Identity(NamedTuple):
    """`namespaces`: the only ones this identity may enter; empty for all."""

    user: str
    groups: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    uid: str = ""


class PeerCertificate(NamedTuple):
    """A certificate that TLS has verified. `fingerprint`: SHA-256 of its DER form, hexadecimal."""

    user: str
    groups: tuple[str, ...]
    fingerprint: str

    @classmethod
    def of(cls, subject: Mapping[str, Any], fingerprint: str) -> "PeerCertificate":
        """`subject`: as `ssl.SSLSocket.getpeercert` gives it."""
        pairs = [pair for names in subject.get("subject", ()) for pair in names]
        groups = tuple(value for key, value in pairs if key == "organizationName")
        return cls(next((value for key, value in pairs if key == "commonName"), ""), groups, fingerprint)


class Known(Protocol):
    """The users of the state folder. A method gives None for a stranger."""

    def by_token(self, token: str) -> Identity | None: ...

    def by_certificate(self, certificate: PeerCertificate) -> Identity | None: ...

    def by_name(self, name: str) -> Identity | None: ...


def identify(certificate: PeerCertificate | None, authorization: str, known: Known) -> Identity | None:
    """None for a stranger. Groups in a certificate count for the first administrator's only: a user's role is
    the one in the list of users now."""
    if certificate is not None:
        if ADMIN_GROUP in certificate.groups:
            return Identity(certificate.user, (ADMIN_GROUP, AUTHENTICATED))
        if (found := known.by_certificate(certificate)) is not None:
            return found
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return known.by_token(token.strip())
    return None


def assumed(user: str, groups: tuple[str, ...], uid: str, known: Known) -> Identity:
    """The identity that a review or an impersonation speaks of: a user's own role and namespaces come with the
    name, other groups as they are given."""
    own = known.by_name(user)
    given = groups if own is None else (*own.groups, *groups)
    if user.startswith(_SERVICE_ACCOUNT) and user.count(":") == 3:
        namespace = user.split(":")[2]
        given = (*given, "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    if user == ANONYMOUS:
        given = (*given, UNAUTHENTICATED)
    elif UNAUTHENTICATED not in given:
        given = (*given, AUTHENTICATED)
    return Identity(user, tuple(dict.fromkeys(given)), own.namespaces if own else (), uid)
