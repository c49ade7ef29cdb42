"""URLs of ACME directories. Pure."""

from typing import Final
from urllib.parse import urlsplit

LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING: Final = "https://acme-staging-v02.api.letsencrypt.org/directory"
_NAMES: Final = {"letsencrypt": LETS_ENCRYPT, "letsencrypt-staging": LETS_ENCRYPT_STAGING}
_ENDED: Final = {
    "acme-v01.api.letsencrypt.org": LETS_ENCRYPT,
    "acme-staging.api.letsencrypt.org": LETS_ENCRYPT_STAGING,
}


def directory_url(server: str) -> str:
    """`letsencrypt` and `letsencrypt-staging` stand for their directories; anything else is a URL itself."""
    return _NAMES.get(server.strip().lower(), server.strip())


def replacement_for(directory: str) -> str | None:
    """The directory to use instead of one of ACME v1, which Let's Encrypt has switched off."""
    return _ENDED.get((urlsplit(directory).hostname or "").lower())


def is_usable(directory: str) -> bool:
    """Whether it is an https URL with a host (RFC 8555, section 6.1)."""
    try:
        parts = urlsplit(directory)
        return parts.scheme == "https" and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def same_host(one: str, other: str) -> bool:
    return urlsplit(one).netloc == urlsplit(other).netloc
