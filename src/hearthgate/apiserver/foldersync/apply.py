"""Applies and prunes objects in the API, and knows which of them came from a folder."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.foldersync.marks import MANAGER, OWNER_LABEL, SELECTOR, source_of
from hearthgate.apiserver.foldersync.plan import Wanted
from hearthgate.apiserver.served import ServedKinds
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.model.selectors import LabelSelector, parse_label_selector
from hearthgate.resources.kinds import Kind
from hearthgate.resources.manifests import Located

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 64
"""Writes under way at one time: the store commits them together."""

_TRANSIENT: Final = frozenset({403, 404, 409, 429})
"""Besides 5xx: a namespace that is going away or not there yet, a write that crossed ours, a full queue."""

Object = dict[str, Any]


class Objects(Protocol):
    """The API as seen from inside its process. Raises ApiError."""

    served: ServedKinds

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None: ...
    async def list(
        self, kind: Kind, namespace: str | None = None, selector: LabelSelector | None = None
    ) -> list[Object]: ...
    async def apply(self, obj: Object, *, manager: str, field_validation: str = "Strict") -> object: ...
    async def delete(self, kind: Kind, namespace: str, name: str) -> bool: ...


class Applier:
    """owned: what came from a folder and is stored, with the key of its file and the line."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._applied: dict[ObjectRef, Mapping[str, Any]] = {}
        self._loaded = False
        self.owned: dict[ObjectRef, Source] = {}
        self.should_retry = False

    async def load_owned(self) -> None:
        """Reads the marks of earlier runs, once. Starts a round."""
        self.should_retry = False
        if self._loaded:
            return
        for kind in self._objects.served.stored:
            for obj in await self._objects.list(kind, selector=parse_label_selector(SELECTOR)):
                if source := source_of(obj):
                    self.owned[_ref(kind, obj)] = source
        self._loaded = True

    async def apply(self, wave: Sequence[Wanted]) -> list[Located]:
        """Brings the objects to what is wanted; those that already are cost nothing. Returns what was refused."""
        gate = asyncio.Semaphore(_AT_ONCE)
        changed = [one for one in wave if self._applied.get(one.ref) != one.obj]

        async def apply_one(one: Wanted) -> list[Located]:
            async with gate:
                return await self._apply(one)

        found = await asyncio.gather(*(apply_one(one) for one in changed))
        if changed:
            log.debug("manifests applied", objects=len(changed), refused=sum(map(bool, found)))
        return [located for problems in found for located in problems]

    async def _apply(self, one: Wanted) -> list[Located]:
        kind = self._kind_of(one.ref)
        if kind is None:
            self.should_retry = True
            message = f"{one.ref.kind} is not served yet: its definition is refused, or on its way"
            return [Located(one.place, Problem(ref=one.ref, reason=Reason.REJECTED, message=message))]
        try:
            present = await self._objects.get(kind, one.ref.namespace, one.ref.name)
            if present is not None and source_of(present) is None:
                self._forget(one.ref)
                return [] if _is_content(one, present) else [_somebody_elses(one)]
            # An unknown field of a built-in kind is a warning that was given when the folder was read.
            await self._objects.apply(dict(one.obj), manager=MANAGER, field_validation="Warn")
        except ApiError as error:
            self.should_retry = self.should_retry or error.status in _TRANSIENT or error.status >= 500
            return _refusal(one, error, stays=one.ref in self.owned)
        self._applied[one.ref] = one.obj
        self.owned[one.ref] = one.source
        return []

    async def prune(self, refs: Iterable[ObjectRef]) -> list[Located]:
        """Deletes objects that came from a folder, unless somebody has taken the mark off them meanwhile."""
        problems = []
        for ref in refs:
            kind = self._kind_of(ref)
            if kind is None:
                self._forget(ref)  # gone with its definition
                continue
            try:
                present = await self._objects.get(kind, ref.namespace, ref.name)
                if present is not None and source_of(present) is not None:
                    if await self._holds_others(ref):
                        problems.append(self._kept(ref))
                        continue
                    await self._objects.delete(kind, ref.namespace, ref.name)
                    log.info("pruned", object=str(ref), source=str(self.owned.get(ref, "")))
            except ApiError as error:
                self.should_retry = True
                message = f"gone from its folder and cannot be deleted: {error.message}"
                problem = Problem(ref=ref, reason=Reason.REJECTED, message=message)
                problems.append(Located(self.owned.get(ref, Source("", 0)), problem))
                continue
            self._forget(ref)
        return problems

    def _kind_of(self, ref: ObjectRef) -> Kind | None:
        return next((kind for kind in self._objects.served.stored if kind.title == ref.kind), None)

    async def _holds_others(self, ref: ObjectRef) -> bool:
        """Whether deleting a namespace or a definition would take anything along. Events are only remarks."""
        served = self._objects.served
        match ref.kind:
            case "Namespace":
                below = [kind for kind in served.stored if kind.namespaced and kind.kind != "Event"]
                namespace: str | None = ref.name
            case "CustomResourceDefinition" if not served.is_native(ref.name):
                below = [kind for kind in served.stored if kind.resource == ref.name]
                namespace = None
            case _:
                return False
        for kind in below:
            if await self._objects.list(kind, namespace):
                return True
        return False

    def _kept(self, ref: ObjectRef) -> Located:
        message = "gone from its folder, and kept because it holds objects that came from elsewhere"
        problem = Problem(ref=ref, reason=Reason.REJECTED, message=message, severity=Severity.WARNING)
        return Located(self.owned.get(ref, Source("", 0)), problem)

    def _forget(self, ref: ObjectRef) -> None:
        self._applied.pop(ref, None)
        self.owned.pop(ref, None)


def _ref(kind: Kind, obj: Mapping[str, Any]) -> ObjectRef:
    metadata = obj["metadata"]
    return ObjectRef(kind.title, metadata.get("namespace", ""), metadata["name"])


def _is_content(one: Wanted, present: Mapping[str, Any]) -> bool:
    """Whether a namespace that somebody else made will do."""
    if one.ref.kind != "Namespace":
        return False
    if one.document is None:
        return True
    wanted = one.document.data.get("metadata") or {}
    found = present.get("metadata") or {}
    return all(
        (wanted.get(field) or {}).items() <= (found.get(field) or {}).items()
        for field in ("labels", "annotations")
    )


def _somebody_elses(one: Wanted) -> Located:
    message = (
        "exists and did not come from a folder: it is left alone"
        f" (to hand it over: kubectl label {one.ref.kind.lower()} {one.ref.name} {OWNER_LABEL}={MANAGER})"
    )
    return Located(one.place, Problem(ref=one.ref, reason=Reason.REJECTED, message=message))


def _refusal(one: Wanted, error: ApiError, *, stays: bool) -> list[Located]:
    """One Problem for each cause, at its line."""
    remark = " (the version applied before stays)" if stays else ""
    causes = [(cause.field, cause.message) for cause in error.causes] or [("", error.message)]
    return [
        Located(
            one.document.source_of(field) if one.document is not None else one.source,
            Problem(ref=one.ref, field=field, reason=Reason.REJECTED, message=f"{message}{remark}"),
        )
        for field, message in causes
    ]
