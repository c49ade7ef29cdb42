"""plugin.maintenance: a page in the place of a site, but for those who work on it. plugin.static-answer: always
the same answer, without any backend. Both are Hearthgate's own."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from hearthgate.ingress.middlewares.access import networks
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.header_fields import check_name, check_value, is_framing
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.plugins.answers import (
    HTML,
    ClientAddress,
    FixedAnswer,
    check_page,
    check_status,
    check_type,
    client_address,
)
from hearthgate.ingress.middlewares.plugins.nothing import Nothing
from hearthgate.ingress.middlewares.plugins.options import read_options
from hearthgate.resources.meta import Strict, unsupported

_PAGE = "<!doctype html><title>Maintenance</title><h1>Back soon</h1><p>This site is being worked on.</p>"


class MaintenanceOptions(Strict, frozen=True, kw_only=True, rename="camel"):
    """retry_after in seconds, 0 = not told. source_range: who sees the site all the same."""

    enabled: bool = True
    status: int = 503
    body: str = _PAGE
    content_type: str = HTML
    file: Annotated[str, unsupported("files are not read: put the page into body")] = ""
    retry_after: Annotated[int, msgspec.Meta(ge=0)] = 0
    source_range: tuple[str, ...] = ()
    forwarded_headers_trusted_ips: tuple[str, ...] = ()
    forwarded_headers_custom_name: str = ""


class StaticOptions(Strict, frozen=True, kw_only=True, rename="camel"):
    """headers: beside Content-Type and Content-Length."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = {}


class Fixed(Middleware, frozen=True, kw_only=True):
    """Everybody gets one answer, but for those in `spared` (networks)."""

    answer: FixedAnswer
    spared: tuple[str, ...] = ()
    client: ClientAddress = ClientAddress()


def maintenance(given: object, draft: Draft) -> Middleware | None:
    options = read_options(given, MaintenanceOptions, draft)
    if options is None:
        return None
    if not options.enabled:
        return Nothing(name=draft.name)
    check_status(draft, "status", options.status, least=200)
    check_page(draft, "body", options.body, options.status)
    check_type(draft, "contentType", options.content_type)
    wait = (("retry-after", str(options.retry_after)),) if options.retry_after else ()
    return Fixed(
        name=draft.name,
        answer=FixedAnswer(
            status=options.status,
            page=options.body,
            content_type=options.content_type,
            headers=(("cache-control", "no-store"), *wait),
        ),
        spared=networks(options.source_range, draft, "sourceRange"),
        client=client_address(draft, options.forwarded_headers_trusted_ips, options.forwarded_headers_custom_name),
    )


def static_answer(given: object, draft: Draft) -> Middleware | None:
    options = read_options(given, StaticOptions, draft)
    if options is None:
        return None
    check_status(draft, "status", options.status, least=200)
    check_page(draft, "body", options.body, options.status)
    check_type(draft, "contentType", options.content_type)
    for name, value in options.headers.items():
        field = f"headers.{name}"
        if check_name(draft, field, name) and (is_framing(name) or name.lower() == "content-type"):
            draft.refuse(field, "is set by the proxy; the type goes into contentType")
        check_value(draft, field, value)
    return Fixed(
        name=draft.name,
        answer=FixedAnswer(
            status=options.status,
            page=options.body,
            content_type=options.content_type,
            headers=tuple(sorted((name.lower(), value) for name, value in options.headers.items())),
        ),
    )
