"""What may stand in a header (RFC 9110 5.1, 5.5), and which headers are the proxy's own business."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.model.problems import shorten

Fields = tuple[tuple[str, str], ...]
"""Header names, lower case and sorted, with their values."""

MAX_VALUE: Final = 8192
"""Half of what the proxy takes, because `%` is doubled on the way to it."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING: Final = frozenset(
    (
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


def is_header_name(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def check_name(draft: Draft, field: str, name: str) -> bool:
    """Whether `name` may name a header; the reason goes to the draft when not."""
    if not is_header_name(name):
        draft.refuse(field, f"not a header name: {shorten(name)}")
        return False
    if name.lower().startswith(("x-hg-", "x_hg_")):
        draft.refuse(field, f"header names that start with X-Hg- are used inside the proxy: {shorten(name)}")
        return False
    return True


def is_framing(name: str) -> bool:
    """Whether a header says how the message is sent, which the proxy decides."""
    return name.lower() in _FRAMING


def check_value(draft: Draft, field: str, value: str) -> bool:
    """Whether `value` may stand in a header; the reason goes to the draft when not."""
    if _FORBIDDEN.search(value):
        draft.refuse(field, "a header value holds no line breaks or other control characters")
        return False
    if len(value.encode()) > MAX_VALUE:
        draft.refuse(field, f"a header value has at most {MAX_VALUE} bytes, this one {len(value.encode())}")
        return False
    return True


def check_fields(draft: Draft, field: str, fields: Mapping[str, str]) -> Fields:
    """The usable ones, lower case and sorted; those that the proxy manages itself are left out with a warning."""
    checked: dict[str, str] = {}
    for name, value in sorted(fields.items()):
        path = f"{field}.{name}"
        if name.lower() in _FRAMING:
            draft.warn(path, f"{name} is managed by the proxy: has no effect")
        elif check_name(draft, path, name) and check_value(draft, path, value):
            checked[name.lower()] = value.strip()
    return tuple(sorted(checked.items()))


def check_values(draft: Draft, field: str, values: Iterable[str]) -> None:
    """Checks every item of a list that ends up in one header."""
    for index, value in enumerate(values):
        check_value(draft, f"{field}[{index}]", value)
