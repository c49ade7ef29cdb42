"""The Retry-After header (RFC 9110, section 10.2.3)."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = 8 * 24 * 3600.0
"""Seconds. No limit of a CA lasts longer than a week; whatever asks for more is a mistake of theirs."""


def seconds(header: str | None, *, now: float) -> float | None:
    """How long to wait, from 0 to LONGEST; None: not said, or not readable.

    now: Unix time at the sender, from its Date header: a clock of ours that is wrong shifts nothing then.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST)
    when = unix_time(text)
    return None if when is None else min(max(when - now, 0.0), LONGEST)


def unix_time(date: str | None) -> float | None:
    """Of an HTTP-date; None: not said, or not readable."""
    if not date:
        return None
    try:
        when = parsedate_to_datetime(date)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
