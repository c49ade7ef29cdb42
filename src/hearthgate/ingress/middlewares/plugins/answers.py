"""What plugins answer clients with, and whose address counts. Pure."""

import re
from http import HTTPStatus
from typing import Final

from hearthgate.ingress.middlewares.access import networks
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.header_fields import check_name, check_value
from hearthgate.ingress.routing.model import Value

FORWARDED_FOR: Final = "x-forwarded-for"
HTML: Final = "text/html; charset=utf-8"
MAX_PAGE: Final = 64 * 1024
"""Bytes. Every route that uses it carries the page."""
_NO_BODY: Final = frozenset((204, 205, 304))


class FixedAnswer(Value, frozen=True, kw_only=True):
    """headers: lower-case names; one line each. Without a page there is no Content-Type."""

    status: int = 403
    page: str = ""
    content_type: str = HTML
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def all_headers(self) -> tuple[tuple[str, str], ...]:
        return (*self.headers, ("content-type", self.content_type)) if self.page else self.headers


class ClientAddress(Value, frozen=True, kw_only=True):
    """Whose address counts: the rightmost of the header that is in no network of `proxies`, else the peer's."""

    header: str = FORWARDED_FOR
    proxies: tuple[str, ...] = ()


def client_address(draft: Draft, proxies: tuple[str, ...], header: str = "") -> ClientAddress:
    """Of the options forwardedHeadersTrustedIps and forwardedHeadersCustomName."""
    if header:
        check_name(draft, "forwardedHeadersCustomName", header)
    found = networks(proxies, draft, "forwardedHeadersTrustedIps")
    return ClientAddress(header=header.lower() or FORWARDED_FOR, proxies=found)


def check_status(draft: Draft, field: str, status: int, *, least: int = 400) -> None:
    if status not in HTTPStatus._value2member_map_ or status < least:
        draft.refuse(field, f"not a status that can be answered with here: {status}")


def check_page(draft: Draft, field: str, page: str, status: int = 0) -> None:
    if len(page.encode()) > MAX_PAGE:
        draft.refuse(field, f"is too long: at most {MAX_PAGE} bytes")
    elif page and status in _NO_BODY:
        draft.refuse(field, f"an answer with status {status} has no body")


def check_type(draft: Draft, field: str, text: str) -> None:
    if not re.fullmatch(r"[\x21-\x7e]+/[\x20-\x7e]+", text):
        draft.refuse(field, "not a media type such as text/html; charset=utf-8")
    else:
        check_value(draft, field, text)
