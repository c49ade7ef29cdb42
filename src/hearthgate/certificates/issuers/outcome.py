"""What an issuer turned out to be: the condition Ready, and what people are told beside it. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hearthgate.resources.meta import Condition


class Outcome(NamedTuple):
    """acme: what to merge into `status.acme`. event: reason of the Event when the condition changes; empty: none.
    again: seconds until it should be looked at; None: not before something changes."""

    condition: Condition
    acme: Mapping[str, Any] | None = None
    event: str = ""
    again: float | None = None


def ready(reason: str, message: str, **more: Any) -> Outcome:
    return Outcome(Condition(type="Ready", status="True", reason=reason, message=message), **more)


def not_ready(reason: str, message: str, *, event: str = "", **more: Any) -> Outcome:
    """event: the reason, unless another is given."""
    condition = Condition(type="Ready", status="False", reason=reason, message=message)
    return Outcome(condition, event=event or reason, **more)
