"""What Let's Encrypt lets its clients do: its rate limits, as published in August 2026.

A limit is a bucket of tokens at the CA, full at first, that refills one token at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

_HOUR: Final = 3600.0
_WEEK: Final = 7 * 24 * _HOUR


class Limit(StrEnum):
    """What is counted; the value stands in stored ledgers."""

    ACCOUNTS = "accounts"
    """New accounts from one address."""
    ORDERS = "orders"
    """New orders of an account."""
    DOMAIN = "domain"
    """Certificates for a registered domain and everything below it, of all accounts."""
    NAMES = "names"
    """Certificates for exactly these names, of all accounts."""
    FAILURES = "failures"
    """Failed authorizations of a name by an account."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """count: the most at once. period: seconds in which an empty bucket fills up."""

    count: int
    period: float

    @property
    def interval(self) -> float:
        """Seconds for one token."""
        return self.period / self.count


PRODUCTION: Final[Mapping[Limit, Rate]] = {
    Limit.ACCOUNTS: Rate(count=10, period=3 * _HOUR),
    Limit.ORDERS: Rate(count=300, period=3 * _HOUR),
    Limit.DOMAIN: Rate(count=50, period=_WEEK),
    Limit.NAMES: Rate(count=5, period=_WEEK),
    Limit.FAILURES: Rate(count=5, period=_HOUR),
}
STAGING: Final[Mapping[Limit, Rate]] = {
    Limit.ACCOUNTS: Rate(count=50, period=3 * _HOUR),
    Limit.ORDERS: Rate(count=1500, period=3 * _HOUR),
    Limit.DOMAIN: Rate(count=30_000, period=_WEEK),
    Limit.NAMES: Rate(count=30_000, period=_WEEK),
    Limit.FAILURES: Rate(count=200, period=_HOUR),
}
_KNOWN: Final = {
    "acme-v02.api.letsencrypt.org": PRODUCTION,
    "acme-staging-v02.api.letsencrypt.org": STAGING,
}


def limits_of(directory: str) -> Mapping[Limit, Rate]:
    """By the URL of the directory. None for CAs that publish no limits: they tell by Retry-After."""
    return _KNOWN.get((urlsplit(directory).hostname or "").lower(), {})
