"""Decisions of CrowdSec by what they are about, as its stream tells them. Pure.

A decision ends when the stream deletes it, or when its duration is over: then nobody needs to be reachable for it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from hearthgate.ingress.middlewares.ranges import Ranges, Span, joined, span
from hearthgate.model.durations import parse_duration
from hearthgate.model.errors import WireError

_SCOPES: Final = frozenset(("ip", "range", ""))
_REMEDIES: Final = frozenset(("ban", "captcha"))
"""Captchas are not shown: who should solve one is refused, as upstream does without a provider."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """As the API gives it. Other fields are none of our business."""

    type: str = ""
    scope: str = ""
    value: str = ""
    duration: str = ""


class Changes(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What `/v1/decisions/stream` answers; null stands for nothing."""

    new: tuple[Decision, ...] | None = None
    deleted: tuple[Decision, ...] | None = None


_CHANGES: Final = msgspec.json.Decoder(Changes)
_DECISIONS: Final = msgspec.json.Decoder(tuple[Decision, ...] | None)


def parse_changes(body: bytes) -> Changes:
    """Raises WireError."""
    try:
        return _CHANGES.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise WireError("not a stream of decisions") from None


def parse_decisions(body: bytes) -> tuple[Decision, ...]:
    """What `/v1/decisions` answers, those alone that refuse. Raises WireError."""
    try:
        found = _DECISIONS.decode(body) or ()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise WireError("not a list of decisions") from None
    return tuple(decision for decision in found if decision.type.lower() in _REMEDIES)


def seconds(decision: Decision, default: float) -> float:
    """How long a decision still holds, 0 and less: it is over. `default` where it does not say."""
    try:
        return parse_duration(decision.duration)
    except ValueError:
        return default


class _Kept(NamedTuple):
    """ends: a time as the clock tells it."""

    span: Span
    ends: float


class Decisions:
    """What holds now. `forever`: seconds for a decision whose duration cannot be read."""

    def __init__(self, *, forever: float = 365 * 86_400.0) -> None:
        self._forever = forever
        self._kept: dict[tuple[str, str], _Kept] = {}
        self.skipped = 0
        """Decisions of the last changes that are not about addresses, or cannot be read."""

    def __len__(self) -> int:
        return len(self._kept)

    def apply(self, changes: Changes, now: float, *, anew: bool) -> None:
        """Takes changes in. anew: they are all that holds. Deletions come first: the same answer may tell that a
        decision is over and that a longer one took its place."""
        if anew:
            self._kept = {}
        self.skipped = 0
        for decision in changes.deleted or ():
            self._kept.pop(_key(decision), None)
        for decision in changes.new or ():
            self._add(decision, now)

    def _add(self, decision: Decision, now: float) -> None:
        if decision.scope.lower() not in _SCOPES or decision.type.lower() not in _REMEDIES:
            self.skipped += 1
            return
        try:
            found = span(decision.value)
        except ValueError:
            self.skipped += 1
            return
        left = seconds(decision, self._forever)
        key = _key(decision)
        known = self._kept.get(key)
        if left > 0 and (known is None or known.ends < now + left):
            self._kept[key] = _Kept(found, now + left)

    def expire(self, now: float) -> bool:
        """Forgets what is over. Whether anything was."""
        over = [key for key, kept in self._kept.items() if kept.ends <= now]
        for key in over:
            del self._kept[key]
        return bool(over)

    @property
    def ranges(self) -> Ranges:
        return joined(self._spans())

    def _spans(self) -> Iterable[Span]:
        return (kept.span for kept in self._kept.values())


def _key(decision: Decision) -> tuple[str, str]:
    return decision.type.lower(), decision.value
