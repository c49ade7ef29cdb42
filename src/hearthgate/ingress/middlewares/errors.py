"""errors (traefik.io Middleware): pages of another service in the place of answers with certain statuses."""

import re
from typing import Final, NamedTuple

import msgspec

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.external import NO_LINKS
from hearthgate.ingress.middlewares.header_fields import check_name
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.model import Service
from hearthgate.model.problems import Reason, Severity, shorten
from hearthgate.resources.traefik import middleware as spec

_RANGE: Final = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_QUERY: Final = re.compile(r"[\x21-\x7e]*")
_MAX_QUERY: Final = 4096
_NO_BODY: Final = frozenset((101, 204, 205, 304))


class StatusRange(NamedTuple):
    """Both ends included."""

    first: int
    last: int


class Rewrite(NamedTuple):
    """What statuses become."""

    range: StatusRange
    status: int


class ErrorPages(Middleware, frozen=True, kw_only=True):
    """query: path of the page, with its placeholders; starts with a slash. request_headers: the only ones that the
    service sees, lower case; None: all. service None: it cannot be used, and answers pass as they are."""

    ranges: tuple[StatusRange, ...]
    rewrites: tuple[Rewrite, ...] = ()
    service: Service | None = None
    query: str = "/"
    request_headers: tuple[str, ...] | None = None

    def services(self) -> tuple[Service, ...]:
        return (self.service,) if self.service is not None else ()


def errors(options: spec.Errors, draft: Draft) -> ErrorPages:
    if not _QUERY.fullmatch(options.query) or len(options.query) > _MAX_QUERY:
        draft.refuse("query", f"is a path of at most {_MAX_QUERY} ASCII characters without spaces")
    for index, name in enumerate(options.error_request_headers or ()):
        check_name(draft, f"errorRequestHeaders[{index}]", name)
    asked = options.error_request_headers
    return ErrorPages(
        name=draft.name,
        ranges=_ranges(options.status, draft),
        rewrites=_rewrites(options, draft),
        service=_service(options, draft),
        query="/" + options.query.removeprefix("/"),
        request_headers=None if asked is None else tuple(sorted({name.lower() for name in asked})),
    )


def _ranges(texts: tuple[str, ...], draft: Draft) -> tuple[StatusRange, ...]:
    if not texts:
        draft.refuse("status", 'is required: statuses such as "404" or "500-599"', Reason.MISSING_FIELD)
    found: set[StatusRange] = set()
    for index, text in enumerate(texts):
        found.update(parse_ranges(draft, f"status[{index}]", text))
    return tuple(sorted(found))


def parse_ranges(draft: Draft, field: str, text: str) -> tuple[StatusRange, ...]:
    """The ranges in `404`, `500-599` or several of them with commas; what is none goes to the draft."""
    found = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            draft.refuse(field, f"not a status or a range of them (500-599): {shorten(text)}")
            return ()
        first = int(match[1])
        found.append(StatusRange(first, int(match[2] or first)))
        if found[-1].last < first:
            draft.refuse(field, f"the range ends before it begins: {shorten(text)}")
            return ()
    return tuple(found)


def _rewrites(options: spec.Errors, draft: Draft) -> tuple[Rewrite, ...]:
    """The narrowest range first: it decides where several hold a status, which upstream leaves to chance."""
    found = []
    for text, status in options.status_rewrites.items():
        field = f"statusRewrites.{text}"
        if not 200 <= status <= 599 or status in _NO_BODY:
            draft.refuse(field, f"{status} is not a status of an answer with a body")
        found += [Rewrite(each, status) for each in parse_ranges(draft, field, text)]
    return tuple(sorted(found, key=lambda rewrite: (rewrite.range.last - rewrite.range.first, rewrite)))


def _service(options: spec.Errors, draft: Draft) -> Service | None:
    """Without its pages a site is better than no site (upstream takes the router away)."""
    if options.service is None:
        message = "is required: the service that has the pages; until then answers pass as they are"
        draft.warn("service", message, Reason.MISSING_FIELD)
        return None
    service, problems = (draft.links or NO_LINKS).service(options.service, draft.path("service"))
    for problem in problems:
        message = problem.message if service is not None else f"{problem.message}; answers pass as they are"
        draft.problems.append(msgspec.structs.replace(problem, message=message, severity=Severity.WARNING))
    return service
