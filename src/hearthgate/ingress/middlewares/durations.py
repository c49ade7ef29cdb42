"""Durations among the options of middlewares."""

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.model.durations import parse_duration


def seconds(value: int | str | None, draft: Draft, field: str, *, default: float) -> float:
    """Seconds, never negative. A mistake is the draft's problem, and gives the default."""
    if value is None or value == "":
        return default
    try:
        parsed = parse_duration(value)
    except ValueError as error:
        draft.refuse(field, str(error))
        return default
    if parsed < 0:
        draft.refuse(field, f"must not be negative: {value}")
        return default
    return parsed


def go_duration(seconds: float) -> str:
    """A time as Go prints it: `1m30s`, `1.5s`, `250ms`, `80µs`."""
    nanos = round(seconds * 1e9)
    if nanos < 1_000_000_000:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000)):
            if nanos >= size:
                return f"{_decimal(nanos, size)}{unit}"
        return f"{nanos}ns" if nanos else "0s"
    minutes, rest = divmod(nanos, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{text}{_decimal(rest, 1_000_000_000)}s"


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    return f"{whole}.{rest:0{len(str(size)) - 1}d}".rstrip("0").rstrip(".")
