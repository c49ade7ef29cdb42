"""get, list and watch."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic

from aiohttp import web

from hearthgate.apiserver.errors import ApiError, expired
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Verbs
from hearthgate.apiserver.web import query
from hearthgate.apiserver.web.answers import list_body, object_body, send
from hearthgate.apiserver.web.negotiate import wanted_form
from hearthgate.apiserver.web.pages import Page, Pages
from hearthgate.apiserver.web.target import Target
from hearthgate.apiserver.web.watching import Watching, parse_revision


class Reading:
    """The verbs that change nothing."""

    def __init__(self, store: Store, verbs: Verbs, now: Callable[[], datetime]) -> None:
        self._store = store
        self._verbs = verbs
        self._now = now
        self._pages = Pages(monotonic)
        self._watching = Watching(store, now)

    async def get(self, request: web.Request, target: Target) -> web.StreamResponse:
        form = wanted_form(request.headers.get("Accept", ""))
        if query.flag(request.query, "watch"):
            return await self._watch(request, target)
        raw = target.served.shown(self._verbs.entry(target.storage, target.scope, target.name).raw)
        include = query.include_object(request.query)
        body = object_body(target.kind, raw, form, include, self._now())
        return await send(request, body, warnings=target.served.warnings)

    async def list(self, request: web.Request, target: Target) -> web.StreamResponse:
        if query.flag(request.query, "watch"):
            return await self._watch(request, target)
        form = wanted_form(request.headers.get("Accept", ""))
        page = self._page(request, target).shown_as(target.served)
        include = query.include_object(request.query)
        body = await list_body(target.kind, page, form, include, self._now())
        return await send(request, body, warnings=target.served.warnings)

    def _page(self, request: web.Request, target: Target) -> Page:
        resource = target.storage.resource
        limit = query.number(request.query, "limit") or 0
        if token := request.query.get("continue"):
            return self._pages.next(resource, target.namespace, token, limit)
        self._check_revision(request)
        selection = query.selection(request.query, target)
        entries = self._store.collection(resource).entries(target.namespace)
        if not selection.is_everything:
            entries = [e for e in entries if selection.matches(e.namespace, e.name, e.raw)]
        return self._pages.first(resource, target.namespace, entries, self._store.revision, limit)

    def _check_revision(self, request: web.Request) -> None:
        """A list is always the newest state: that satisfies every wish but an exact or a future one."""
        text = request.query.get("resourceVersion", "")
        if text in {"", "0"}:
            return
        wanted, current = parse_revision(text), self._store.revision
        if wanted > current:
            message = f"Too large resource version: {wanted}, current: {current}"
            raise ApiError(504, "Timeout", message)
        if request.query.get("resourceVersionMatch") == "Exact" and wanted != current:
            raise expired(f"the state at resource version {wanted} is no longer kept")

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        form = wanted_form(request.headers.get("Accept", ""))
        options = query.watch_options(request.query, form)
        selection = query.selection(request.query, target)
        return await self._watching.serve(request, target.served, selection, options)
