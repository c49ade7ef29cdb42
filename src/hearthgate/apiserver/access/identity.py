"""Who sends a request: by client certificate of the own authority, or by bearer token."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hearthgate.apiserver.access.authority import ADMIN_GROUP
from hearthgate.apiserver.access.tokens import Tokens


class Identity(NamedTuple):
    user: str
    groups: tuple[str, ...]


def identify(certificate: Mapping[str, Any] | None, authorization: str, tokens: Tokens) -> Identity | None:
    """None for a stranger. `certificate`: the peer's, as `ssl` gives it once it has verified it."""
    subject = [pair for names in (certificate or {}).get("subject", ()) for pair in names]
    groups = tuple(value for key, value in subject if key == "organizationName")
    if ADMIN_GROUP in groups:
        user = next((value for key, value in subject if key == "commonName"), "")
        return Identity(user, groups)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token:
        named = tokens.user_of(token.strip())
        return None if named is None else Identity(named, (ADMIN_GROUP,))
    return None
