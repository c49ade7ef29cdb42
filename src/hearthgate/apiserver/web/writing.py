"""create, replace, patch, apply and delete."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from hearthgate.apiserver.errors import ApiError, bad_request, not_strict
from hearthgate.apiserver.patches.json_patch import apply_json_patch
from hearthgate.apiserver.patches.merge import merge
from hearthgate.apiserver.patches.strategic import merge_strategic
from hearthgate.apiserver.patches.topology import Topology
from hearthgate.apiserver.semantics.admission import FieldValidation
from hearthgate.apiserver.semantics.deletion import Deletion, read_delete_options
from hearthgate.apiserver.store.collection import Entry
from hearthgate.apiserver.store.store import Object, Store
from hearthgate.apiserver.verbs import Options, Result, Verbs
from hearthgate.apiserver.web import protobuf, query
from hearthgate.apiserver.web.answers import list_body, object_body, send
from hearthgate.apiserver.web.body import decode_json, decode_object, decode_yaml
from hearthgate.apiserver.web.duplicates import duplicate_fields
from hearthgate.apiserver.web.gate import ACTING
from hearthgate.apiserver.web.negotiate import Form, wanted_form
from hearthgate.apiserver.web.pages import Page
from hearthgate.apiserver.web.target import Target
from hearthgate.apiserver.worklist import in_batches
from hearthgate.resources import builtin
from hearthgate.resources.kinds import Kind

Change = Callable[[Object], Any]


class Writing:
    """The verbs that change something."""

    def __init__(self, store: Store, verbs: Verbs, now: Callable[[], datetime]) -> None:
        self._store = store
        self._verbs = verbs
        self._now = now

    async def create(self, request: web.Request, target: Target) -> web.StreamResponse:
        form = wanted_form(request.headers.get("Accept", ""))
        body, options = await request.read(), _options(request, target)
        sent = decode_object(request.content_type, body)
        remarks = _duplicates(request, target.kind, options, body, sent)
        obj = target.served.stored(sent)
        _check_unversioned(obj)
        result = await self._verbs.create(target.storage, target.scope, obj, options)
        return await self._send(request, target, form, _remarked(result, remarks))

    async def replace(self, request: web.Request, target: Target) -> web.StreamResponse:
        form = wanted_form(request.headers.get("Accept", ""))
        body, options = await request.read(), _options(request, target)
        sent = decode_object(request.content_type, body)
        remarks = _duplicates(request, target.kind, options, body, sent)
        obj = target.served.stored(sent)
        result = await self._verbs.update(target.storage, target.scope, target.name, lambda current: obj, options)
        return await self._send(request, target, form, _remarked(result, remarks))

    async def patch(self, request: web.Request, target: Target) -> web.StreamResponse:
        form = wanted_form(request.headers.get("Accept", ""))
        body, options = await request.read(), _options(request, target)
        if request.content_type == "application/apply-patch+yaml":
            if not request.query.get("fieldManager"):
                raise bad_request("fieldManager is required for an apply patch")
            sent = decode_yaml(body)
            config, force = target.served.stored(sent), query.flag(request.query, "force")
            place = (target.storage, target.scope, target.name)
            remarks = _duplicates(request, target.kind, options, body, sent)
            result = await self._verbs.apply(*place, config, options, force=force)
        else:
            sent = decode_json(body)
            remarks = _duplicates(request, target.kind, options, body, sent)
            change = target.served.changed(_change(target.kind, request.content_type, sent))
            result = await self._verbs.update(target.storage, target.scope, target.name, change, options)
        return await self._send(request, target, form, _remarked(result, remarks))

    async def delete(self, request: web.Request, target: Target) -> web.StreamResponse:
        form = wanted_form(request.headers.get("Accept", ""))
        options, deletion = await _delete_options(request, target)
        result = await self._verbs.delete(target.storage, target.scope, target.name, options, deletion)
        if result.type == "DELETED":
            return await send(request, msgspec.json.encode(_gone(target, result)))
        return await self._send(request, target, form, result)

    async def delete_collection(self, request: web.Request, target: Target) -> web.StreamResponse:
        options, deletion = await _delete_options(request, target)
        selection = query.selection(request.query, target)
        entries = [
            entry
            for entry in self._store.collection(target.storage.resource).entries(target.namespace)
            if selection.matches(entry.namespace, entry.name, entry.raw)
        ]

        async def delete(entry: Entry) -> None:
            try:
                await self._verbs.delete(target.storage, entry.namespace, entry.name, options, deletion)
            except ApiError as error:
                if error.reason != "NotFound":  # somebody else was faster
                    raise

        await in_batches(entries, delete)
        page = Page(entries, self._store.revision).shown_as(target.served)
        return await send(request, await list_body(target.kind, page, Form.OBJECT, "None", self._now()))

    async def _send(self, request: web.Request, target: Target, form: Form, result: Result) -> web.Response:
        include = query.include_object(request.query)
        body = object_body(target.kind, target.served.shown(result.raw), form, include, self._now())
        status = 201 if result.type == "ADDED" else 200
        return await send(request, body, status=status, warnings=(*target.served.warnings, *result.warnings))


def _check_unversioned(obj: Any) -> None:
    """A client that sends a version took the object from somewhere and means to change it there."""
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if isinstance(metadata, dict) and metadata.get("resourceVersion") not in {None, "", "0"}:
        raise bad_request("resourceVersion should not be set on objects to be created")


def _options(request: web.Request, target: Target) -> Options:
    options = query.write_options(request.query, request.headers.get("User-Agent", ""), target.subresource)
    return options._replace(requester=request[ACTING]) if ACTING in request else options


def _duplicates(request: web.Request, kind: Kind, options: Options, body: bytes, sent: Any) -> tuple[str, ...]:
    """Warnings of keys that a JSON body gives twice. Raises ApiError 400 where validation is strict."""
    if options.validation is FieldValidation.IGNORE or request.content_type == protobuf.MEDIA_TYPE:
        return ()
    said = [f'duplicate field "{field}"' for field in duplicate_fields(body, sent)]
    if said and options.validation is FieldValidation.STRICT:
        raise not_strict(kind, said)
    return tuple(said)


def _remarked(result: Result, remarks: tuple[str, ...]) -> Result:
    return result._replace(warnings=(*remarks, *result.warnings)) if remarks else result


def _change(kind: Kind, content_type: str, patch: Any) -> Change:
    match content_type:
        case "application/json-patch+json":
            return lambda current: apply_json_patch(current, patch)
        case "application/merge-patch+json":
            if not isinstance(patch, dict):
                raise bad_request("a merge patch is an object")
            return lambda current: merge(current, patch)
        case "application/strategic-merge-patch+json" if builtin.is_builtin(kind.api_version, kind.kind):
            # Upstream has strategic merge for its own types only.
            return lambda current: merge_strategic(current, patch, Topology.of(kind))
        case _:
            message = (
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            )
            raise ApiError(415, "UnsupportedMediaType", message)


async def _delete_options(request: web.Request, target: Target) -> tuple[Options, Deletion]:
    """From the body and the query, as DeleteOptions may come either way."""
    body = await request.read()
    given = decode_object(request.content_type, body) if body.strip() else {}
    deletion, dry_run = read_delete_options(given, request.query)
    options = _options(request, target)
    if any(query.is_dry_run(value) for value in dry_run):
        options = options._replace(dry_run=True)
    return options, deletion


def _gone(target: Target, result: Result) -> dict[str, Any]:
    kind = target.kind
    details = {"name": target.name, "kind": kind.plural, **({"group": kind.group} if kind.group else {})}
    if uid := msgspec.json.decode(result.raw)["metadata"].get("uid"):
        details["uid"] = uid
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
