"""What a failed request to a CA means for the object it was made for. Pure."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from hearthgate.certificates.acme.errors import AcmeError, BadAnswer, Kind, Limited, NetworkTrouble, Unavailable
from hearthgate.model.errors import HearthgateError
from hearthgate.resources.certmanager.orders import State


class Trouble(NamedTuple):
    """words: for the status. after: seconds that the CA asked to wait; None: as long as usual. state: the end,
    where the CA has given a verdict; empty: it is tried again. account_gone: the CA knows no such account."""

    words: str
    after: float | None = None
    state: State = ""
    account_gone: bool = False


LIMITED_FOR: Final = 600.0
"""Seconds, after a refusal by a limit that says no time."""
PASSING: Final = (NetworkTrouble, BadAnswer, Limited, Unavailable)
"""What says nothing about the request: never the end of anything."""


def trouble_of(error: HearthgateError, now: datetime) -> Trouble:
    """error: one of PASSING, or Rejected."""
    if isinstance(error, PASSING):
        after = error.retry_after
        if after is None and isinstance(error, Limited):
            after = LIMITED_FOR
        until = "" if after is None else f"; tried again at {now + timedelta(seconds=after):%Y-%m-%dT%H:%M:%SZ}"
        return Trouble(f"{error}{until}", after)
    kind = error.kind if isinstance(error, AcmeError) else None
    match kind:
        case Kind.ACCOUNT_MISSING:
            return Trouble(f"{error}: the issuer registers anew", account_gone=True)
        case Kind.GONE:
            return Trouble(f"{error}: it has expired at the CA", state="expired")
        case _:
            return Trouble(f"{error}", state="errored")
