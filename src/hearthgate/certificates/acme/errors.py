"""What a CA says no to, mapped once from its problem documents (RFC 7807; RFC 8555, section 6.7).

Only a verdict that the CA itself gives in ACME's words is Permanent. A time-out, a page of a proxy in between, a
5xx or a rate limit say nothing about the request: all of them are Transient. (cert-manager gives an order up on
every 4xx, 429 included, and starts anew after an hour at the earliest.)
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from hearthgate.model.errors import HearthgateError, Permanent, Transient

PREFIX: Final = "urn:ietf:params:acme:error:"
_LONGEST_TEXT: Final = 1000


class Kind(StrEnum):
    """What a caller does differently about."""

    UNAVAILABLE = "unavailable"
    """The CA, or something between, has trouble of its own."""
    RATE_LIMITED = "rate limited"
    ACCOUNT_MISSING = "account missing"
    """The CA knows no account of this key, or at this URL: register."""
    BINDING_REQUIRED = "binding required"
    """It takes only accounts that are bound to one of its own: externalAccountBinding."""
    TERMS_CHANGED = "terms changed"
    """Somebody must agree to new terms on a page of the CA."""
    GONE = "gone"
    """What was asked for is no longer known: an order or authorization that expired."""
    NOT_READY = "not ready"
    """The order is in another state than the request needs: read it."""
    ALREADY_REPLACED = "already replaced"
    """`replaces` names a certificate that has its successor, or one that the CA does not know."""
    BAD_PROFILE = "bad profile"
    NAME_REFUSED = "name refused"
    """By policy, CAA or its kind: no other try will do."""
    BAD_KEY = "bad key"
    BAD_CSR = "bad CSR"
    UNAUTHORIZED = "unauthorized"
    OTHER = "other"


_KINDS: Final[Mapping[str, Kind]] = {
    "accountDoesNotExist": Kind.ACCOUNT_MISSING,
    "alreadyReplaced": Kind.ALREADY_REPLACED,
    "badCSR": Kind.BAD_CSR,
    "badNonce": Kind.UNAVAILABLE,
    "badPublicKey": Kind.BAD_KEY,
    "badSignatureAlgorithm": Kind.BAD_KEY,
    "caa": Kind.NAME_REFUSED,
    "externalAccountRequired": Kind.BINDING_REQUIRED,
    "invalidProfile": Kind.BAD_PROFILE,
    "orderNotReady": Kind.NOT_READY,
    "rateLimited": Kind.RATE_LIMITED,
    "rejectedIdentifier": Kind.NAME_REFUSED,
    "serverInternal": Kind.UNAVAILABLE,
    "unauthorized": Kind.UNAUTHORIZED,
    "unsupportedIdentifier": Kind.NAME_REFUSED,
    "userActionRequired": Kind.TERMS_CHANGED,
}


class ProblemIdentifier(msgspec.Struct, frozen=True, kw_only=True):
    type: str = ""
    value: str = ""


class AcmeProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document: of an answer, of an order, of a challenge. Texts are the CA's: see `describe`."""

    type: str = ""
    detail: str = ""
    status: int = 0
    identifier: ProblemIdentifier | None = None
    subproblems: "tuple[AcmeProblem, ...]" = ()

    @property
    def word(self) -> str:
        """The type without its prefix, where it has ACME's."""
        return self.type.removeprefix(PREFIX)

    def describe(self) -> str:
        """For people, on one line of bounded length, whatever the CA has put there."""
        name = f"{self.identifier.value}: " if self.identifier is not None and self.identifier.value else ""
        text = ": ".join(part for part in (self.word, self.detail) if part) or "no reason given"
        more = "; ".join(problem.describe() for problem in self.subproblems[:10])
        return clean(f"{name}{text}" + (f" ({more})" if more else ""))


def clean(text: str) -> str:
    """One line without control characters, of bounded length."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= _LONGEST_TEXT else line[:_LONGEST_TEXT] + "…"


class NetworkTrouble(Transient):
    """No answer: no connection, TLS failed, silence, a connection that broke. The request may have been carried
    out nevertheless."""


class BadAnswer(Transient):
    """An answer that is not ACME: a page of a proxy, broken JSON, something missing. It says nothing about the
    request, which therefore is worth another try."""


class AcmeError(HearthgateError):
    """The CA said no. Raised as Limited, Unavailable or Rejected, which also say whether to try again."""

    def __init__(
        self, problem: AcmeProblem, *, asked: str, kind: Kind, status: int, retry_after: float | None = None
    ) -> None:
        """asked: which request of which CA, for the message. retry_after: seconds."""
        wait = "" if retry_after is None else f"; it asks to wait {retry_after:.0f} s"
        super().__init__(f"{asked}: the CA answered {status}: {problem.describe()}{wait}")
        self.problem = problem
        self.kind = kind
        self.status = status
        self.retry_after = retry_after

    @property
    def type(self) -> str:
        return self.problem.type

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def subproblems(self) -> tuple[AcmeProblem, ...]:
        return self.problem.subproblems


class Limited(AcmeError, Transient):
    """A rate limit: the same request before `retry_after` is over will be refused, and may be held against us."""


class Unavailable(AcmeError, Transient):
    """Trouble of the CA's own."""


class Rejected(AcmeError, Permanent):
    """A verdict: the same request will not succeed."""


def failure(
    body: bytes, *, asked: str, status: int, retry_after: float | None = None, reading: bool = False
) -> AcmeError:
    """reading: of an order, an authorization or a challenge by its URL: then `malformed` means that there is no
    such thing any more, which is how CAs say it."""
    problem = _parse(body)
    kind = classify(problem, status, reading=reading)
    shape = {Kind.RATE_LIMITED: Limited, Kind.UNAVAILABLE: Unavailable}.get(kind, Rejected)
    return shape(problem, asked=asked, kind=kind, status=status, retry_after=retry_after)


def classify(problem: AcmeProblem, status: int, *, reading: bool = False) -> Kind:
    if status == 429:
        return Kind.RATE_LIMITED
    if reading and status in (404, 410):
        return Kind.GONE  # Pebble, for one, says no more than the status
    kind = _KINDS.get(problem.word, Kind.OTHER)
    if kind in (Kind.RATE_LIMITED, Kind.UNAVAILABLE) or status >= 500 or not problem.type:
        return kind if kind is Kind.RATE_LIMITED else Kind.UNAVAILABLE
    return Kind.GONE if reading and problem.word == "malformed" else kind


def _parse(body: bytes) -> AcmeProblem:
    """Whatever cannot be read is a problem without a type."""
    try:
        return msgspec.json.decode(body, type=AcmeProblem, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return AcmeProblem(detail=clean(body[:200].decode("utf-8", "replace")))
