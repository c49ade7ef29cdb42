"""What Cloudflare refuses, in words that name the missing permission and the way out. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from hearthgate.cloudflare.answers import ApiError
from hearthgate.model.errors import HearthgateError, Permanent, Transient

PAGE: Final = "https://dash.cloudflare.com/profile/api-tokens"
_LONGEST_TEXT: Final = 300

MALFORMED: Final = frozenset({6003, 6102, 6103, 6111})
"""The header with the credentials is not one: quotes, a line break, encoded in base64 once too often."""
UNKNOWN_KEY: Final = frozenset({9103, 9106})
WRONG: Final = frozenset({9109})
NOT_ALLOWED: Final = frozenset({10000, 9107})
BAD_RECORD: Final = frozenset({1004, 9000, 9004, 9005, 9020, 9021})
NO_SUCH_ZONE: Final = frozenset({1001, 7000, 7003})
NO_SUCH_RECORD: Final = frozenset({81044})
IDENTICAL: Final = frozenset({81057, 81058})
QUOTA: Final = frozenset({81045})
THROTTLED: Final = frozenset({971, 10429})
OF_ACCESS: Final = MALFORMED | UNKNOWN_KEY | WRONG | NOT_ALLOWED

ZONE_READ: Final = "Zone > Zone > Read"
ZONE_SETTINGS_READ: Final = "Zone > Zone Settings > Read"
DNS_READ: Final = "Zone > DNS > Read"
DNS_EDIT: Final = "Zone > DNS > Edit"

_WRONG: Final = (
    "the {which} is wrong, expired or disabled, is not for this zone, or not for requests from this machine's "
    f"address: see {PAGE}"
)
_WORDS: Final = (
    (
        MALFORMED,
        "the {which} is not one: store it as it was shown, in one line, without quotes, not in base64 twice",
    ),
    (UNKNOWN_KEY, "e-mail address and key do not belong together: use the account's own, or better a token"),
    (WRONG, _WRONG),
)
_OF_RECORDS: Final = (
    (IDENTICAL, "the same record is there already"),
    (NO_SUCH_RECORD, "there is no such record any more"),
    (NO_SUCH_ZONE, "there is no such zone in the account any more"),
    (QUOTA, "the zone has as many records as its plan allows: remove some"),
    (
        BAD_RECORD,
        "the record is not valid (domains below .cf, .ga, .gq, .ml and .tk cannot be changed by the API)",
    ),
)


class Unreachable(Transient):
    """No answer, trouble of Cloudflare's own (5xx), or an answer that is none of theirs."""


class Throttled(Transient):
    """1,200 requests in five minutes were too many, by all programs of the account. Nothing is sent meanwhile."""


class Refused(Permanent):
    """errors: Cloudflare's, with those that led to them. status: of HTTP."""

    def __init__(self, message: str, *, status: int, errors: Sequence[ApiError] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.codes = frozenset(_codes(errors))

    @property
    def is_identical(self) -> bool:
        """What was to be written is there already."""
        return bool(self.codes & IDENTICAL)

    @property
    def is_missing_record(self) -> bool:
        return bool(self.codes & NO_SUCH_RECORD)

    @property
    def is_missing_zone(self) -> bool:
        return bool(self.codes & NO_SUCH_ZONE) and not self.is_access

    @property
    def is_access(self) -> bool:
        """The credentials do not let us."""
        return bool(self.codes & OF_ACCESS) or self.status in (401, 403)


class ZoneNotFound(Permanent):
    """None of the zones that the credentials can see is the name's."""


def failure(
    what: str,
    *,
    status: int,
    errors: Sequence[ApiError],
    needs: str,
    is_token: bool,
    retry_after: float | None,
) -> HearthgateError:
    """what: the request. needs: the permission that it takes. retry_after: seconds, as the answer said."""
    codes = frozenset(_codes(errors))
    if status == 429 or codes & THROTTLED:
        wait = 300.0 if retry_after is None else retry_after
        said = f" ({_said(errors)})" if errors else ""
        return Throttled(
            f"Cloudflare takes no more requests for {wait:.0f} s{said}: programs of this account asked too often",
            retry_after=wait,
        )
    said = _said(errors) or f"status {status}"
    if status >= 500:
        more = f": {_said(errors)}" if errors else ""
        return Unreachable(f"Cloudflare has trouble with {what}: status {status}{more}", retry_after=retry_after)
    way_out = _way_out(codes, status, needs, is_token=is_token)
    return Refused(
        f"Cloudflare refuses {what}: {said}{f': {way_out}' if way_out else ''}", status=status, errors=errors
    )


def _way_out(codes: frozenset[int], status: int, needs: str, *, is_token: bool) -> str:
    which = "token" if is_token else "key"
    for known, words in _WORDS:
        if codes & known:
            return words.format(which=which)
    if 1000 in codes and status in (401, 403):
        return _WRONG.format(which=which)
    if codes & NOT_ALLOWED or status in (401, 403):
        if not is_token:
            return "the account of this key may not do that"
        return f"the token lacks the permission {needs}, or is for other zones: edit it at {PAGE}"
    return next((words for known, words in _OF_RECORDS if codes & known), "")


def _said(errors: Sequence[ApiError]) -> str:
    """`code text`, of all of them, on one line."""
    parts = []
    for error in _flat(errors):
        part = f"{error.code} {' '.join(error.message.split())}".strip()
        if part not in parts:
            parts.append(part)
    text = "; ".join(parts)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _codes(errors: Sequence[ApiError]) -> Iterator[int]:
    return (error.code for error in _flat(errors))


def _flat(errors: Sequence[ApiError]) -> Iterator[ApiError]:
    for error in errors:
        yield error
        yield from error.chain[:8]
