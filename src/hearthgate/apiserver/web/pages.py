"""Consistent paging: a list that was cut into pages is kept until its last page is read, or five minutes."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Self

from hearthgate.apiserver.errors import bad_request, expired
from hearthgate.apiserver.served import Served
from hearthgate.apiserver.store.collection import Entry

_KEPT: Final = 32
_LIFETIME: Final = 300.0


class Page(NamedTuple):
    """token: for the next page, empty on the last. remaining: how many objects come after this page."""

    entries: Sequence[Entry]
    revision: int
    token: str = ""
    remaining: int = 0

    def shown_as(self, served: Served) -> Self:
        """With the objects in that version."""
        if served.from_storage is None:
            return self
        return self._replace(entries=[entry._replace(raw=served.shown(entry.raw)) for entry in self.entries])


class _Kept(NamedTuple):
    resource: str
    namespace: str | None
    entries: Sequence[Entry]
    revision: int
    until: float


class Pages:
    """`clock` is monotonic seconds. ApiError 410 for a token that is unknown, too old or of another place: who may
    read one namespace shall not go on with the list of another.

    ApiError 400 for what cannot be a token.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lists: OrderedDict[str, _Kept] = OrderedDict()

    def first(
        self, resource: str, namespace: str | None, entries: Sequence[Entry], revision: int, limit: int
    ) -> Page:
        if not 0 < limit < len(entries):
            return Page(entries, revision)
        name = secrets.token_urlsafe(12)
        self._lists[name] = _Kept(resource, namespace, entries, revision, self._clock() + _LIFETIME)
        while len(self._lists) > _KEPT:
            self._lists.popitem(last=False)
        return self._page(name, 0, limit)

    def next(self, resource: str, namespace: str | None, token: str, limit: int) -> Page:
        name, _, start = token.rpartition(".")
        if not (name and start.isascii() and start.isdigit()):
            raise bad_request("continue key is not valid: it is none that this server gave")
        kept = self._lists.get(name)
        if kept is None or (kept.resource, kept.namespace) != (resource, namespace) or kept.until < self._clock():
            raise expired("the continue token is no longer valid: start the list again without it")
        return self._page(name, int(start), limit if limit > 0 else len(kept.entries))

    def _page(self, name: str, start: int, limit: int) -> Page:
        kept = self._lists[name]
        end = start + limit
        page = Page(kept.entries[start:end], kept.revision)
        if end >= len(kept.entries):
            del self._lists[name]
            return page
        return page._replace(token=f"{name}.{end}", remaining=len(kept.entries) - end)
