"""When a certificate is renewed: by its own lifetime and the spec, or within the window that the CA suggests.

Upstream's formula (section by section): `renewBefore`, else `renewBeforePercentage`, else a third of the lifetime
before the end, on a whole second, then moved into a renewal window. ARI (RFC 9773): a moment inside the suggested
window. Upstream draws it by lot and keeps it in the status, where it flips; here it follows from the certificate,
so that whoever computes it finds the same one.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from hearthgate.certificates.life.windows import allowed
from hearthgate.certificates.x509.leaf import Leaf, ari_id
from hearthgate.model.durations import parse_duration
from hearthgate.resources.certmanager.certificate import CertificateSpec, RenewalInformation
from hearthgate.resources.certmanager.cron import CronProblem

_SHORT_LIVED: Final = timedelta(days=10)
ARI_EVERY: Final = timedelta(hours=6)
"""Time between two questions when the CA does not say it (RFC 9773, section 4.3.2 leaves it to it)."""
ARI_LEAST: Final = timedelta(hours=1)
ARI_MOST: Final = timedelta(days=1)
"""Upstream takes up to seven days, which is longer than a short-lived certificate lives; Let's Encrypt asks for
two questions a day at least, and for more patience when it says so."""
_ARI_JITTER: Final = 0.1
_EARLY: Final = 0.45
"""Of the lifetime: suggestions lie about two thirds of it, about half of it for short-lived certificates."""


class Window(NamedTuple):
    """The time in which the CA wants a certificate to be renewed. Aware."""

    start: datetime
    end: datetime


class Renewal(NamedTuple):
    """at: None when it is never renewed by itself. window_error: why the windows of the spec could not be kept."""

    at: datetime | None
    window_error: str | None = None


def renewal_time(spec: CertificateSpec, not_before: datetime, not_after: datetime) -> Renewal:
    """Between the two moments, whatever the spec says."""
    if spec.renewal is not None and spec.renewal.policy == "Disabled":
        return Renewal(None)
    base = not_after - _before(spec, not_after - not_before)
    return _inside_windows(spec, base.replace(microsecond=0), not_before, not_after)


def renewal_by_ari(spec: CertificateSpec, leaf: Leaf, window: Window) -> Renewal:
    """By the window that the CA suggests; moved into a window of the spec, unless it is so early in the life that
    the CA must be about to revoke the certificate."""
    if spec.renewal is not None and spec.renewal.policy == "Disabled":
        return Renewal(None)
    at = pick(window, chance(ari_id(leaf) or leaf.serial_text))
    if window.end < leaf.not_before + _EARLY * leaf.lifetime:
        return Renewal(at)
    return _inside_windows(spec, at, leaf.not_before, leaf.not_after)


def renewal_of(spec: CertificateSpec, leaf: Leaf, ari: RenewalInformation | None = None) -> Renewal:
    """What counts: the window that the CA suggested last for this certificate, else the spec."""
    window = window_of(ari)
    if window is None or window.start <= leaf.not_before:  # the certificate before had that window
        return renewal_time(spec, leaf.not_before, leaf.not_after)
    return renewal_by_ari(spec, leaf, window)


def window_of(ari: RenewalInformation | None) -> Window | None:
    """None without one, or with one that is none: its end must be after its start."""
    if ari is None or ari.suggested_window is None:
        return None
    start, end = read_time(ari.suggested_window.start), read_time(ari.suggested_window.end)
    return Window(start, end) if start is not None and end is not None and start < end else None


def chance(name: str) -> float:
    """A number from 0 to below 1 that is the same for the same name, and spread evenly over names."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def pick(window: Window, chance: float) -> datetime:
    """A moment of the window, on a whole second. chance: from 0 to below 1."""
    return (window.start + chance * (window.end - window.start)).replace(microsecond=0)


def next_check(checked: datetime, chance: float, retry_after: timedelta | None = None) -> datetime:
    """When to ask the CA again. retry_after: what it said; held within an hour and a day, and spread by a tenth
    each way, so that many certificates are not asked for at once."""
    wait = ARI_EVERY if retry_after is None else min(max(retry_after, ARI_LEAST), ARI_MOST)
    return (checked + wait * (1 + _ARI_JITTER * (2 * chance - 1))).replace(microsecond=0)


def read_time(text: str | None) -> datetime | None:
    """A time of a status; None for what is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _before(spec: CertificateSpec, lifetime: timedelta) -> timedelta:
    """How long before its end."""
    if spec.renew_before is not None:
        before = timedelta(seconds=parse_duration(spec.renew_before))
        if timedelta() < before < lifetime:
            return before
    percentage = spec.renew_before_percentage
    if percentage is not None and 0 < percentage < 100:
        return lifetime * percentage / 100
    # Let's Encrypt: half of the life of a short-lived one, or there is no time to try again.
    return lifetime / (2 if lifetime < _SHORT_LIVED else 3)


def _inside_windows(spec: CertificateSpec, base: datetime, not_before: datetime, not_after: datetime) -> Renewal:
    windows = spec.renewal.windows if spec.renewal is not None else ()
    if not windows:
        return Renewal(base)
    try:
        moved = allowed(windows, base, not_before, not_after)
    except CronProblem as problem:
        return Renewal(base, f"spec.renewal.windows: {problem}; renewed without them")
    if moved is None:
        end = not_after.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Renewal(
            base, f"spec.renewal.windows: none opens before the certificate ends at {end}; renewed without"
        )
    return Renewal(moved)
