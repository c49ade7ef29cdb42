"""Regular expressions as the proxy runs them: RE2, searched, compiled before anything is sent."""

import functools
from typing import Any, Final

import re2

_MEMORY: Final = 1 << 20
_MAX_PROGRAM: Final = 3000
"""RE2 instructions. A host name takes some 20; the translation for the proxy widens some patterns 40 times, and
Envoy refuses those of more than 350,000 (8 MiB)."""


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return options


_OPTIONS: Final = _options()


def regex_error(pattern: str) -> str | None:
    """Why RE2 refuses `pattern`, or None."""
    compiled = _compiled(pattern)
    return compiled if isinstance(compiled, str) else None


def found(pattern: str, text: str) -> bool:
    """Whether `pattern` (one that compiles) matches anywhere in `text`."""
    # Half surrogate pairs stand for bytes that are no text.
    return _compiled(pattern).search(text.encode(errors="replace")) is not None


def covers(pattern: str, text: str) -> bool:
    """Whether `pattern` (one that compiles) matches all of `text`."""
    return _compiled(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    try:
        compiled = re2.compile(pattern, _OPTIONS)
        if compiled.programsize > _MAX_PROGRAM:
            return f"it is too large: {compiled.programsize} instructions, at most {_MAX_PROGRAM} are allowed"
        return compiled
    except re2.error as error:
        reason = error.args[0]
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
