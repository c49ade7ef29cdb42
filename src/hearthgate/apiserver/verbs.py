"""The verbs of the API on stored objects: create, replace, patch, apply, delete.

Each is one decision from the current entry, made under the object's lock, out of the pure rules of
`semantics` and `patches`; a dry run makes the same decision and stores nothing.
"""

import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.apiserver.access.identity import OWN_USER, Identity
from hearthgate.apiserver.errors import ApiError, Cause, already_exists, conflict, forbidden, invalid, not_found
from hearthgate.apiserver.patches.apply import apply_config
from hearthgate.apiserver.patches.fieldset import leaves
from hearthgate.apiserver.patches.managers import Manager, Writer, track_update, write_managers
from hearthgate.apiserver.patches.topology import Topology
from hearthgate.apiserver.semantics import lifecycle
from hearthgate.apiserver.semantics.admission import FieldValidation, admit
from hearthgate.apiserver.semantics.carryover import carry_over
from hearthgate.apiserver.semantics.custom import admit_custom
from hearthgate.apiserver.semantics.defaults import fill, without_nulls
from hearthgate.apiserver.semantics.definitions import DEFINITIONS, establish
from hearthgate.apiserver.semantics.deletion import ANYHOW, Deletion
from hearthgate.apiserver.semantics.requesters import keep as keep_requester
from hearthgate.apiserver.semantics.requesters import stamp as stamp_requester
from hearthgate.apiserver.semantics.validation import check_status, check_values
from hearthgate.apiserver.store.collection import Entry
from hearthgate.apiserver.store.store import Mutated, Object, Put, Remove, Store
from hearthgate.resources.kinds import Kind

_SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_NAME_ROOM: Final = 58
_GENERATE_TRIES: Final = 8
_PROTECTED: Final = frozenset({"default", "kube-system"})


class Options(NamedTuple):
    """How a write is asked for. `subresource` is empty, `status` or `finalize`. `requester`: who asks."""

    manager: str = "unknown"
    validation: FieldValidation = FieldValidation.WARN
    dry_run: bool = False
    subresource: str = ""
    requester: Identity = Identity(OWN_USER, ())


class Result(NamedTuple):
    """`raw`: the object after the verb. `type`: ADDED, MODIFIED, DELETED or empty for no change."""

    raw: bytes
    type: str
    warnings: tuple[str, ...] = ()


class Verbs:
    """Every method raises ApiError."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def now(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def entry(self, kind: Kind, namespace: str, name: str) -> Entry:
        entry = self._store.collection(kind.resource).get(namespace, name)
        if entry is None:
            raise not_found(kind, name)
        return entry

    async def create(self, kind: Kind, namespace: str, obj: Any, options: Options) -> Result:
        asked = lifecycle.envelope(kind, obj, namespace)
        prefix = asked["metadata"].get("generateName")
        if asked["metadata"].get("name") or not isinstance(prefix, str) or not prefix:
            return await self._create(kind, asked, options)
        for _ in range(_GENERATE_TRIES):
            suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
            named = {**asked, "metadata": {**asked["metadata"], "name": prefix[:_NAME_ROOM] + suffix}}
            try:
                return await self._create(kind, named, options)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
        raise ApiError(409, "AlreadyExists", f"no free name found for {prefix!r}: try again")

    async def _create(self, kind: Kind, asked: Object, options: Options) -> Result:
        def decide(current: Object | None) -> Object:
            if current is not None:
                raise already_exists(kind, asked["metadata"]["name"])
            fresh = self._fresh(kind, asked, options, warnings)
            return track_update(None, fresh, self._writer(kind, options), Topology.of(kind))

        warnings: list[str] = []
        return await self._write(kind, asked, decide, options, warnings)

    async def update(
        self, kind: Kind, namespace: str, name: str, change: Callable[[Object], Any], options: Options
    ) -> Result:
        """Replaces the object by what `change` makes of it (PUT and the patches other than apply)."""

        def decide(current: Object | None) -> Object:
            if current is None:
                raise not_found(kind, name)
            asked = lifecycle.envelope(kind, change(current), namespace, name)
            return self._changed(kind, current, asked, options, warnings)

        warnings: list[str] = []
        place = {"metadata": {"namespace": namespace, "name": name}}
        return await self._write(kind, place, decide, options, warnings)

    def _changed(
        self, kind: Kind, current: Object, asked: Object, options: Options, warnings: list[str]
    ) -> Object:
        if options.subresource == "finalize":
            new = lifecycle.finalized(current, asked)
        else:
            new = lifecycle.updated(kind, current, asked, status=options.subresource == "status")
        new = self._admitted(kind, new, options, warnings, current)
        return track_update(current, new, self._writer(kind, options), Topology.of(kind))

    async def apply(
        self, kind: Kind, namespace: str, name: str, config: Any, options: Options, *, force: bool
    ) -> Result:
        """Server-side apply: creates the object when there is none."""
        asked = lifecycle.envelope(kind, config, namespace, name)
        if asked["metadata"].get("managedFields"):
            raise invalid(kind, name, [Cause("metadata.managedFields", "must be nil")])
        status_only = options.subresource == "status"
        if status_only:
            asked = {key: asked[key] for key in ("apiVersion", "kind", "status") if key in asked} | {
                "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}
            }
        elif kind.status:
            asked.pop("status", None)
        topology = Topology.of(kind)

        def decide(current: Object | None) -> Object:
            writer = self._writer(kind, options)._replace(operation="Apply")
            if current is None:
                if status_only:
                    raise not_found(kind, name)
                return self._applied_fresh(kind, asked, writer, options, warnings)
            merged = apply_config(current, asked, writer, topology, force=force)
            new = lifecycle.updated(kind, current, merged, status=status_only)
            return self._admitted(kind, new, options, warnings, current)

        warnings: list[str] = []
        return await self._write(kind, asked, decide, options, warnings)

    def _applied_fresh(
        self, kind: Kind, asked: Object, writer: Writer, options: Options, warnings: list[str]
    ) -> Object:
        if asked["metadata"].get("resourceVersion") or asked["metadata"].get("uid"):
            raise conflict(kind, asked["metadata"]["name"], "it does not exist, yet a version or uid is asked for")
        fields = frozenset(leaves(asked, Topology.of(kind)))
        fresh = self._fresh(kind, asked, options, warnings)
        write_managers(fresh, [Manager.of(writer, fields)])
        return fresh

    async def delete(
        self, kind: Kind, namespace: str, name: str, options: Options, deletion: Deletion = ANYHOW
    ) -> Result:
        """Marks the object when finalizers wait for it, else removes it."""

        def decide(entry: Entry | None) -> Put | Remove | None:
            if entry is None:
                raise not_found(kind, name)
            obj: Object = msgspec.json.decode(entry.raw)
            _check_preconditions(kind, obj, deletion)
            if kind.resource == lifecycle.NAMESPACES and name in _PROTECTED:
                raise forbidden(kind, name, "this namespace may not be deleted")
            ending = lifecycle.deleted(kind, obj, deletion.propagation, now=self.now())
            if lifecycle.is_released(kind, ending):
                return Remove(obj)
            return None if ending == obj else Put(ending)

        if options.dry_run:
            entry = self.entry(kind, namespace, name)
            change = decide(entry)
            return Result(entry.raw, "DELETED" if isinstance(change, Remove) else "MODIFIED")
        return _result(await self._store.mutate(kind.resource, (namespace, name), decide))

    async def _write(
        self,
        kind: Kind,
        place: Object,
        decide: Callable[[Object | None], Object],
        options: Options,
        warnings: list[str],
    ) -> Result:
        """Stores what `decide` makes of the current object, if it differs."""
        key = (place["metadata"].get("namespace", ""), place["metadata"].get("name") or "")

        def change(entry: Entry | None) -> Put | Remove | None:
            current: Object | None = None if entry is None else _current(kind, entry)
            if current is None:
                self._check_namespace(kind, *key)
            new = decide(current)
            # `new` may share parts with `current` and have been filled in place: compare with the stored bytes.
            if entry is not None and new == msgspec.json.decode(entry.raw):
                return None
            if current is not None and lifecycle.is_released(kind, new):
                return Remove(new)
            return Put(new)

        if options.dry_run:
            entry = self._store.collection(kind.resource).get(*key)
            planned = change(entry)
            if planned is None:
                return Result(entry.raw if entry else b"", "", tuple(warnings))
            raw = msgspec.json.encode(planned.object)
            return Result(raw, "MODIFIED" if entry else "ADDED", tuple(warnings))
        return _result(await self._store.mutate(kind.resource, key, change), tuple(warnings))

    def _fresh(self, kind: Kind, asked: Object, options: Options, warnings: list[str]) -> Object:
        fresh = lifecycle.created(kind, asked, now=self.now(), uid=str(uuid.uuid4()))
        fresh["metadata"].pop("managedFields", None)
        stamp_requester(kind.resource, fresh, options.requester)
        return self._admitted(kind, fresh, options, warnings)

    def _admitted(
        self, kind: Kind, obj: Object, options: Options, warnings: list[str], old: Object | None = None
    ) -> Object:
        """`obj` as it may be stored. Raises ApiError."""
        obj = without_nulls(kind, obj)
        if kind.schema is not None:
            warnings.extend(admit_custom(kind, kind.schema, obj, options.validation, old))
            return obj
        warnings.extend(admit(kind, obj, options.validation))
        if old is not None and not options.subresource:
            carry_over(kind.resource, old, obj)
            keep_requester(kind.resource, old, obj)
        fill(kind.resource, obj)
        if not options.subresource:
            check_values(kind, obj, old)
        elif options.subresource == "status" and old is not None:
            check_status(kind, obj, old)
        if kind.resource == DEFINITIONS and not options.subresource:
            warnings.extend(establish(kind, obj, old, self.now()))
        return obj

    def _writer(self, kind: Kind, options: Options) -> Writer:
        return Writer(options.manager, "Update", options.subresource, kind.api_version, self.now())

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        entry = self._store.collection("namespaces").get("", namespace)
        if entry is None:
            raise ApiError(404, "NotFound", f'namespaces "{namespace}" not found', name=namespace)
        if is_terminating(entry):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            said = f"namespace {namespace} is being terminated"
            raise forbidden(kind, name, why, [Cause("metadata.namespace", said, "NamespaceTerminating")])


def is_terminating(entry: Entry) -> bool:
    """Whether the object has been deleted and waits for its finalizers."""
    if b'"deletionTimestamp"' not in entry.raw:
        return False
    return "deletionTimestamp" in msgspec.json.decode(entry.raw)["metadata"]


def _current(kind: Kind, entry: Entry) -> Object:
    obj: Object = msgspec.json.decode(entry.raw)
    if kind.schema is not None:
        obj["apiVersion"] = kind.api_version  # it may have been stored when another version was the stored one
    return obj


def _result(mutated: Mutated, warnings: tuple[str, ...] = ()) -> Result:
    return Result(b"" if mutated.entry is None else mutated.entry.raw, mutated.type, warnings)


def _check_preconditions(kind: Kind, obj: Object, wanted: Deletion) -> None:
    metadata = obj["metadata"]
    if wanted.uid and wanted.uid != metadata["uid"]:
        why = f"Precondition failed: UID in precondition: {wanted.uid}, UID in object meta: {metadata['uid']}"
        raise conflict(kind, metadata["name"], why)
    if wanted.resource_version and wanted.resource_version != metadata["resourceVersion"]:
        held = metadata["resourceVersion"]
        why = (
            f"Precondition failed: ResourceVersion in precondition: {wanted.resource_version}, "
            f"ResourceVersion in object meta: {held}"
        )
        raise conflict(kind, metadata["name"], why)
