"""What a test may tell a CA to do: refusals of single requests, and moods that last."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tests.acme.ca_parts import Flaw


class Proof(NamedTuple):
    """What a judge is asked: whether the proof of `name` is in place. key: the key authorization."""

    name: str
    type: str
    token: str
    key: str


Judge = Callable[[Proof], Awaitable[str | None]]
"""None: it is. Else what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Refusal(Exception):
    """An answer instead of the right one. body: instead of a problem document. drop: the connection ends.
    stall: no answer, for as long as the client waits."""

    status: int = 400
    type: str = "malformed"
    detail: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    drop: bool = False
    stall: bool = False


def rate_limited(retry_after: str | None = "120", detail: str = "too many requests of this kind") -> Refusal:
    """retry_after: seconds, or an HTTP-date."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Refusal(status=429, type="rateLimited", detail=detail, headers=headers)


def unavailable(retry_after: str | None = None) -> Refusal:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Refusal(status=503, body="<html>down for maintenance</html>", headers=headers)


def dropped() -> Refusal:
    return Refusal(drop=True)


def stalled() -> Refusal:
    return Refusal(stall=True)


def garbage(body: str = '{"status": ') -> Refusal:
    return Refusal(status=200, body=body)


@dataclass(kw_only=True)
class Moods:
    """Set them at any time.

    bad_nonces: how many of the next signed requests are refused for their nonce. clock_offset: seconds that its
    clock is ahead. processing: at how many looks an order that was finalized is not ready yet; math.inf: stuck.
    pause: Retry-After of orders and authorizations under way. flaw: of certificates. life: of certificates;
    profiles: name to life. bindings: key id to MAC key of external accounts; none: no account needs one.
    ari: whether it says when to renew; window: when, for all certificates; None: in the last third of their life.
    orders_left: after so many orders, 429. judge: looks at proofs; None: all are good.
    """

    bad_nonces: int = 0
    clock_offset: float = 0.0
    processing: float = 0
    pause: str | None = None
    flaw: Flaw = Flaw.NONE
    life: timedelta = timedelta(days=90)
    profiles: dict[str, timedelta] = field(default_factory=dict)
    bindings: dict[str, bytes] = field(default_factory=dict)
    ari: bool = True
    window: tuple[datetime, datetime] | None = None
    ari_retry_after: str = "21600"
    orders_left: int | None = None
    judge: Judge | None = None

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset)
