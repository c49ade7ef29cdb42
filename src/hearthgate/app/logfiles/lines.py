"""The form of a part's log file, and which of its lines a reader asked for. Pure.

A line is `TIME | text`, TIME being RFC 3339 in UTC with nine digits, so that times compare as bytes. A line
`TIME ^` marks where a run of the part begins. Text cannot forge a mark: each of its lines has a prefix of its own.
"""

from datetime import UTC, datetime
from typing import Final

from hearthgate.apiserver.web.logs import LogLine

_TIME: Final = len("2006-01-02T15:04:05.000000000Z")
_TEXT: Final = b" | "
_MARK: Final = b" ^\n"
_SECOND: Final = 1_000_000_000


def log_time(nanoseconds: int) -> str:
    """Nanoseconds since 1970 as a log file has them."""
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def written(nanoseconds: int, text: str) -> bytes:
    """What stands in the file for one entry, which may have several lines."""
    prefix = log_time(nanoseconds).encode() + _TEXT
    encoded = text.encode(errors="backslashreplace")
    return b"".join(prefix + line + b"\n" for line in encoded.splitlines() or [b""])


def mark(nanoseconds: int) -> bytes:
    """What stands where a run begins."""
    return log_time(nanoseconds).encode() + _MARK


def is_mark(line: bytes) -> bool:
    """`line` with its newline."""
    return len(line) == _TIME + len(_MARK) and line.endswith(_MARK)


def parse(line: bytes) -> LogLine | None:
    """None for a mark, and for what a full disk left of a line."""
    text = line.removesuffix(b"\n")
    if text[_TIME : _TIME + len(_TEXT)] != _TEXT or text[_TIME - 1 : _TIME] != b"Z":
        return None
    return LogLine(text[:_TIME].decode(errors="replace"), text[_TIME + len(_TEXT) :])


def current_run(data: bytes) -> bytes:
    """What the last run has written so far. When its mark has been rotated away: all that is left."""
    return data[_run_start(data, len(data)) :]


def previous_run(data: bytes) -> bytes | None:
    """What the run before the last one wrote; None when nothing is left of it."""
    end = _mark_before(data, len(data))
    if end is None or not end:
        return None
    return data[_run_start(data, end) : end]


def last_lines(data: bytes, count: int | None) -> list[LogLine]:
    """The last `count` entries of a run; None = all."""
    if count == 0:
        return []
    found = (
        data.removesuffix(b"\n").split(b"\n") if count is None else data.removesuffix(b"\n").rsplit(b"\n", count)
    )
    parsed = [line for raw in found if (line := parse(raw)) is not None]
    return parsed if count is None else parsed[-count:]


def _run_start(data: bytes, end: int) -> int:
    begin = _mark_before(data, end)
    return 0 if begin is None else data.index(b"\n", begin) + 1


def _mark_before(data: bytes, end: int) -> int | None:
    """Where the last mark line before `end` begins."""
    while (found := data.rfind(_MARK, 0, end)) >= 0:
        begin = found - _TIME
        if begin == 0 or (begin > 0 and data[begin - 1 : begin] == b"\n"):
            return begin
        end = found
    return None
