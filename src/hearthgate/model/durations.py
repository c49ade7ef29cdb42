"""Durations as Kubernetes manifests write them: an integer of seconds, or Go's notation (`1h30m`, `250ms`)."""

import re
from typing import Final

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_TEXT: Final = re.compile(rf"([+-]?)((?:{_PART.pattern})+)")
_WHOLE: Final = re.compile(r"[+-]?\d+")


def parse_duration(value: int | str) -> float:
    """Seconds. Raises ValueError that names the value and the accepted forms."""
    if isinstance(value, int):
        return float(value)
    text = value.strip()
    if _WHOLE.fullmatch(text):
        return float(text)
    if match := _TEXT.fullmatch(text):
        total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(match[2]))
        return -total if match[1] == "-" else total
    raise ValueError(f"not a duration: {value!r} (use seconds, or a number with ns, us, ms, s, m or h: 1m30s)")
