"""Cuts off what is nested too deep for the decoder: one such object must not break its list. Pure."""

import re
from typing import Final

MOST: Final = 200
"""Levels that are kept: an API object has about 20, and the decoder gives up below 1,000."""
CUT_OFF: Final = b'"hearthgate.dev/nested-too-deep"'
"""Stands where something was cut off."""

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def shallow(text: bytes, most: int = MOST) -> bytes:
    """The JSON `text` with every list and mapping below level `most` replaced by `CUT_OFF`."""
    parts: list[bytes] = []
    kept_from = depth = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in {b"[", b"{"}:
            depth += 1
            if depth == most + 1:
                parts += (text[kept_from : match.start()], CUT_OFF)
        elif token in {b"]", b"}"}:
            if depth == most + 1:
                kept_from = match.end()
            depth -= 1
    if depth <= most:
        parts.append(text[kept_from:])
    return b"".join(parts)
