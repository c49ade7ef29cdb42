"""From the bytes of a question to those of the answer, which are kept for the next who asks the same. Pure."""

from collections import Counter
from typing import Final

from hearthgate.dns.nameserver.wire import (
    LONGEST,
    Answer,
    Code,
    Malformed,
    Question,
    Type,
    is_internet,
    read,
    refusal,
    write,
)
from hearthgate.dns.nameserver.zones import Zones, lookup

KEPT: Final = 10_000
"""Answers; a flood of different questions starts anew."""
_QUERY: Final = 0
_TYPES: Final = {kind.value: kind.name for kind in Type} | {33: "SRV", 15: "MX", 65: "HTTPS", 64: "SVCB"}

Counted = tuple[str, str]
"""Of a question: its type and what became of it."""


class Responder:
    """forwards: whether what is none of our business is asked elsewhere, for those who may. falls_through: whether
    names of our zones that there are not are, too."""

    def __init__(self, *, forwards: bool = False, falls_through: bool = False) -> None:
        self._forwards = forwards
        self._falls_through = falls_through and forwards
        self._zones: Zones | None = None
        self._kept: dict[tuple[bytes, bool, bool], tuple[bytes, Counted]] = {}
        self.counts: Counter[Counted] = Counter()

    def take(self, zones: Zones) -> None:
        """Until then nobody is told anything."""
        self._zones = zones
        self._kept.clear()

    def answer(self, message: bytes, *, stream: bool = False, may_forward: bool = False) -> bytes | None:
        """Empty: nothing is said. None: it is to be asked elsewhere. stream: it came by TCP. may_forward: whether
        who asks may have that."""
        key = message[2:], stream, may_forward
        if (kept := self._kept.get(key)) is not None:
            self.counts[kept[1]] += 1
            return message[:2] + kept[0]
        try:
            question = read(message)
        except Malformed as malformed:
            self.counts["", Code.FORMERR.name] += 1
            return refusal(malformed)
        found = self._decide(question, may_forward=may_forward and self._forwards)
        kind = _TYPES.get(question.type, "other")
        if found is None:
            self.counts[kind, "forwarded"] += 1
            return None
        counted = kind, found.code.name
        self.counts[counted] += 1
        limit = LONGEST if stream else question.size
        made = write(question, found, limit=limit, recursion=self._forwards)
        if self._zones is not None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = made[2:], counted
        return made

    def failure(self, message: bytes) -> bytes:
        """That nobody could be asked."""
        return write(read(message), Answer(Code.SERVFAIL, authoritative=False), limit=LONGEST, recursion=True)

    def _decide(self, question: Question, *, may_forward: bool) -> Answer | None:
        if question.version:
            return Answer(Code.BADVERS, authoritative=False)
        if question.opcode != _QUERY:
            return Answer(Code.NOTIMP, authoritative=False)
        if self._zones is None:
            return Answer(Code.SERVFAIL, authoritative=False)
        found = lookup(self._zones, question.labels, question.type) if is_internet(question) else None
        if found is not None and not (found.code is Code.NXDOMAIN and self._falls_through and may_forward):
            return found
        return None if may_forward else Answer(Code.REFUSED, authoritative=False)
