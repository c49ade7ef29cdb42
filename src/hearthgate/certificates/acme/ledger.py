"""The books on what a CA lets us do: asked before a request, so that none is sent that the CA must refuse.

Each limit is kept as the CA keeps it (the generic cell rate algorithm: one moment per bucket, until which it is
spoken for), so what goes out is never more than a bucket holds at once, nor than it holds and refills over any
time. Tokens of certificates are taken when the order is made and given back when it ends without one: a crash in
between errs on the side of waiting. Where a CA refuses all the same (others use the domain too, or its limits are
not known here), its Retry-After is kept for whatever its words name.

State is plain JSON. It holds account URLs and names, nothing secret.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

import msgspec

from hearthgate.certificates.acme.limits import Limit, Rate

T = TypeVar("T")

VERSION: Final = 1
"""A later one may add entries: those that are not known here are left out, the rest still counts."""
LONGEST_PAUSE: Final = 8 * 24 * 3600.0
"""Seconds: no limit lasts longer than a week, so that a later moment comes from a clock that was wrong."""
DEFAULT_PAUSE: Final = 3600.0
"""Seconds, after a refusal that says no time."""


class OrderKind(StrEnum):
    """How an order relates to certificates before it: which limits count it."""

    NEW = "new"
    RENEWAL = "renewal"
    """The CA has issued for exactly these names before: only identical certificates and failures count."""
    REPLACEMENT = "replacement"
    """By ARI, with `replaces`, of a certificate that was not replaced yet: nothing counts."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """An order to be made. account: its URL. names: host names and IP addresses, wildcards with `*.`."""

    account: str
    names: tuple[str, ...]
    kind: OrderKind = OrderKind.NEW

    @property
    def plain(self) -> "Ask":
        """What it is where the CA does not take `replaces`."""
        return replace(self, kind=OrderKind.RENEWAL) if self.kind is OrderKind.REPLACEMENT else self


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Not before `until`. reason: for people, what is used up and by whose limit."""

    until: datetime
    reason: str


class Bucket(NamedTuple):
    limit: Limit
    subject: str

    @property
    def key(self) -> str:
        return f"{self.limit} {self.subject}".rstrip()


class _Pause(msgspec.Struct, frozen=True, kw_only=True):
    until: float
    reason: str = ""


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """buckets: key to the moment (Unix time) until which it is spoken for. pauses: key to a _Pause."""

    buckets: dict[str, msgspec.Raw] = {}
    pauses: dict[str, msgspec.Raw] = {}


_EVERYTHING: Final = "*"
_WORDS: Final[Mapping[Limit, str]] = {
    Limit.ACCOUNTS: "new accounts from one address",
    Limit.ORDERS: "orders of one account",
    Limit.DOMAIN: "certificates for {subject} and names below it",
    Limit.NAMES: "certificates for exactly the same names",
    Limit.FAILURES: "failed proofs of {subject}",
}
# As Boulder says it; other CAs' words match or do not.
_SAME_NAMES: Final = re.compile(r"exact set of")
_ONE_DOMAIN: Final = re.compile(r'certificates .*already issued for "?([^"\s,]+)"?')
_ONE_NAME: Final = re.compile(r'failed authorizations .*for "?([^"\s,]+)"?')
_ONE_ACCOUNT: Final = re.compile(r"new orders")
_THESE_NAMES: Final = re.compile(r"paused|prevented from requesting")
_MOMENT: Final = 1e-3
"""Seconds that two ways of adding up may differ by."""


class Ledger:
    """Of one directory. registered: the registered domain of a name, or the network of an address."""

    def __init__(self, rates: Mapping[Limit, Rate], registered: Callable[[str], str]) -> None:
        self._rates = rates
        self._registered = registered
        self._buckets: dict[str, float] = {}
        self._pauses: dict[str, _Pause] = {}

    @classmethod
    def from_json(cls, text: bytes, rates: Mapping[Limit, Rate], registered: Callable[[str], str]) -> "Ledger":
        """What cannot be read counts as nothing: at worst a CA refuses, and says for how long."""
        ledger = cls(rates, registered)
        try:
            stored = msgspec.json.decode(text, type=_Written)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ledger
        ledger._buckets = dict(_readable(stored.buckets, float))
        ledger._pauses = dict(_readable(stored.pauses, _Pause))
        return ledger

    def to_json(self, now: datetime) -> bytes:
        """Same books, same bytes. What lies in the past is dropped."""
        here = now.timestamp()
        written = {
            "version": VERSION,
            "buckets": {key: until for key, until in sorted(self._buckets.items()) if until > here},
            "pauses": {key: pause for key, pause in sorted(self._pauses.items()) if pause.until > here},
        }
        return msgspec.json.encode(written)

    def allowed(self, ask: Ask, now: datetime) -> Wait | None:
        """None: send it. Else when at the earliest, and why."""
        buckets = tuple(self._counting(ask))
        always = (Bucket(Limit.ORDERS, ask.account), _same_names(ask))
        pauses = (_EVERYTHING, *(bucket.key for bucket in (*buckets, *always)))
        return self._wait(buckets, pauses, now.timestamp())

    def took(self, ask: Ask, now: datetime) -> None:
        """The CA has made the order. Where it made one without `replaces`: `ask.plain`."""
        for bucket in self._counting(ask):
            if bucket.limit is not Limit.FAILURES:
                self._spend(bucket, now.timestamp())

    def gave_back(self, ask: Ask, now: datetime) -> None:
        """The order that was taken has ended without a certificate: it counts as an order, as nothing else."""
        for bucket in self._counting(ask):
            if bucket.limit in (Limit.DOMAIN, Limit.NAMES):
                self._return(bucket, now.timestamp())

    def failed(self, account: str, name: str, now: datetime) -> None:
        """The CA did not accept a proof of this name."""
        self._spend(_failures(account, name), now.timestamp())

    def refused(self, ask: Ask, detail: str, retry_after: float | None, now: datetime) -> Wait:
        """The CA refused the order by a limit. detail: its words, which tell whom else that concerns."""
        keys = {_same_names(ask).key}
        lowered = detail.lower()
        if found := _ONE_NAME.search(lowered):
            keys.add(_failures(ask.account, found[1]).key)
        elif _ONE_ACCOUNT.search(lowered):
            keys.add(Bucket(Limit.ORDERS, ask.account).key)
        elif not _SAME_NAMES.search(lowered) and (found := _ONE_DOMAIN.search(lowered)):
            keys.add(Bucket(Limit.DOMAIN, found[1]).key)
        elif not (_SAME_NAMES.search(lowered) or _THESE_NAMES.search(lowered)):
            keys.add(_EVERYTHING)
        return self._pause(keys, f"the CA refused: {detail or 'rate limited'}", retry_after, now)

    def unavailable(self, retry_after: float, now: datetime) -> Wait:
        """The CA asks everybody to stay away for some seconds (503)."""
        return self._pause({_EVERYTHING}, "the CA has trouble and asked to wait", retry_after, now)

    def account_allowed(self, now: datetime) -> Wait | None:
        """Whether another account may be made from this machine."""
        bucket = Bucket(Limit.ACCOUNTS, "")
        return self._wait((bucket,), (_EVERYTHING, bucket.key), now.timestamp())

    def account_took(self, now: datetime) -> None:
        self._spend(Bucket(Limit.ACCOUNTS, ""), now.timestamp())

    def account_refused(self, detail: str, retry_after: float | None, now: datetime) -> Wait:
        keys = {Bucket(Limit.ACCOUNTS, "").key}
        return self._pause(keys, f"the CA refused: {detail or 'rate limited'}", retry_after, now)

    def _counting(self, ask: Ask) -> Iterator[Bucket]:
        """The buckets that this order takes from or must find open."""
        if ask.kind is OrderKind.REPLACEMENT:
            return
        if ask.kind is OrderKind.NEW:
            yield Bucket(Limit.ORDERS, ask.account)
            domains = {self._registered(_base(name)) for name in ask.names}
            yield from (Bucket(Limit.DOMAIN, domain) for domain in sorted(domains))
        yield _same_names(ask)
        yield from (_failures(ask.account, name) for name in sorted({_base(name) for name in ask.names}))

    def _wait(self, buckets: Iterable[Bucket], pauses: Iterable[str], now: float) -> Wait | None:
        found = [(pause.until, pause.reason) for key in pauses if (pause := self._paused(key, now)) is not None]
        for bucket in buckets:
            rate = self._rates.get(bucket.limit)
            if rate is None:
                continue
            opens = self._until(bucket, rate, now) + rate.interval - rate.period
            if opens > now + _MOMENT:
                what = _WORDS[bucket.limit].format(subject=bucket.subject.rpartition(" ")[2])
                found.append((opens, f"the CA's limit is {rate.count} {what} in {_spell(rate.period)}"))
        if not found:
            return None
        until, reason = max(found)
        return Wait(until=_moment(until), reason=reason)

    def _paused(self, key: str, now: float) -> _Pause | None:
        pause = self._pauses.get(key)
        if pause is None or pause.until <= now:
            return None
        return _Pause(until=min(pause.until, now + LONGEST_PAUSE), reason=pause.reason)

    def _until(self, bucket: Bucket, rate: Rate, now: float) -> float:
        """Until when its tokens are spoken for: never longer than an empty bucket takes to fill up, since a later
        moment was written while the clock was wrong."""
        return min(max(self._buckets.get(bucket.key, now), now), now + rate.period)

    def _spend(self, bucket: Bucket, now: float) -> None:
        if (rate := self._rates.get(bucket.limit)) is not None:
            self._buckets[bucket.key] = self._until(bucket, rate, now) + rate.interval

    def _return(self, bucket: Bucket, now: float) -> None:
        if (rate := self._rates.get(bucket.limit)) is not None:
            self._buckets[bucket.key] = self._until(bucket, rate, now) - rate.interval

    def _pause(self, keys: Iterable[str], reason: str, retry_after: float | None, now: datetime) -> Wait:
        seconds = DEFAULT_PAUSE if retry_after is None else min(max(retry_after, 0.0), LONGEST_PAUSE)
        until = now.timestamp() + seconds
        for key in keys:
            known = self._paused(key, now.timestamp())
            if known is None or known.until < until:
                self._pauses[key] = _Pause(until=until, reason=reason)
        return Wait(until=_moment(until), reason=reason)


def _readable(entries: Mapping[str, msgspec.Raw], kind: type[T]) -> Iterator[tuple[str, T]]:
    for key, text in entries.items():
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            yield key, msgspec.json.decode(text, type=kind)


def _base(name: str) -> str:
    return name.lower().removeprefix("*.")


def _failures(account: str, name: str) -> Bucket:
    return Bucket(Limit.FAILURES, f"{account} {_base(name)}")


def _same_names(ask: Ask) -> Bucket:
    names = ",".join(sorted({name.lower() for name in ask.names}))
    return Bucket(Limit.NAMES, hashlib.blake2b(names.encode(), digest_size=16).hexdigest())


def _spell(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} h"


def _moment(seconds: float) -> datetime:
    """The next whole second, so that asking then is not too early."""
    return datetime.fromtimestamp(math.ceil(seconds - _MOMENT), UTC)
