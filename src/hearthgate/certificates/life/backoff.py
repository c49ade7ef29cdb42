"""How long a Certificate waits after an issuance that failed."""

from datetime import timedelta
from typing import Final

_STEPS: Final = 64
"""More doublings than any maximum has."""
SHARE: Final = 20
"""So many attempts at least fit into what remains of a life, once that is short."""
CLOSEST: Final = timedelta(minutes=15)
"""Let's Encrypt forgives one failed proof of a name in twelve minutes."""


def wait(attempts: int | None, minimum: timedelta, maximum: timedelta) -> timedelta:
    """Upstream's: the minimum, doubled with each further attempt, up to the maximum."""
    doublings = min(max((attempts or 1) - 1, 0), _STEPS)
    factor: int = 2**doublings
    return minimum * factor if minimum <= maximum / factor else maximum


def wait_before_end(
    attempts: int | None, minimum: timedelta, maximum: timedelta, remaining: timedelta | None
) -> timedelta:
    """The same, cut to a twentieth of what remains of the life: upstream's 1 to 32 hours are too coarse
    for certificates that live for six days. remaining: None when there is nothing to lose, because there is no
    certificate, or one that has ended."""
    usual = wait(attempts, minimum, maximum)
    if remaining is None or remaining <= timedelta():
        return usual
    return min(usual, max(remaining / SHARE, CLOSEST))
