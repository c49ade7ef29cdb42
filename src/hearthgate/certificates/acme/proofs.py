"""What a CA wants to see as the proof that a name is ours (RFC 8555, section 8; RFC 8737)."""

import hashlib

from hearthgate.certificates.acme import base64url
from hearthgate.certificates.acme.account_key import AccountKey


def key_authorization(token: str, key: AccountKey) -> str:
    """The content of the HTTP-01 file."""
    return f"{token}.{key.thumbprint}"


def dns_value(key_authorization: str) -> str:
    """The text of the DNS-01 record."""
    return base64url.encode(alpn_digest(key_authorization))


def alpn_digest(key_authorization: str) -> bytes:
    """The content of the acmeIdentifier extension in the TLS-ALPN-01 certificate."""
    return hashlib.sha256(key_authorization.encode("ascii")).digest()
