"""Keeps the copies of Secrets or ConfigMaps at what their sources hold."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final, assert_never, cast

import structlog

from hearthgate.certificates.mirrors.index import MirrorIndex
from hearthgate.certificates.mirrors.plan import Around, Blocked, Create, Delete, Step, Update, plan
from hearthgate.certificates.mirrors.rules import (
    AT,
    AUTO_REFLECTS,
    REFLECTS,
    VERSION,
    Mirrored,
    rules_of,
    source_of,
)
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.errors import Conflict
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.errors import HearthgateError
from hearthgate.resources.core import ConfigMap, Namespace, Secret
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

KINDS: Final = (Secret, ConfigMap, Namespace)
"""What mirrors are made from."""


class MirrorReconciler:
    """Works on sources of one kind. An edited copy is put right at once."""

    workers = 2
    limit = 60.0

    def __init__(self, tools: Tools, kind: type[Mirrored]) -> None:
        self.kind: type[Resource] = kind
        self._tools = tools
        self._index = MirrorIndex()

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        if isinstance(changed, Namespace):
            self._index.follow(snapshot.collection(self.kind))
            yield from self._index.sources
        elif isinstance(changed, self.kind) and (source := source_of(cast("Mirrored", changed))) is not None:
            yield source

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        objects = snapshot.collection(self.kind)
        self._index.follow(objects)
        key = (namespace, name)
        source = cast("Mirrored | None", objects.objects.get(key))
        mirrors = self._index.mirrors(key)
        if not mirrors and key not in self._index.sources:
            return None
        around = Around(snapshot.all(Namespace), mirrors, cast("Mapping[Key, Mirrored]", objects.objects))
        if source is not None:
            for mistake in rules_of(source).mistakes:
                self._tools.events.emit(source, "InvalidAnnotation", mistake)
        failures = []
        for step in plan(source, around):
            try:
                await self._carry_out(source, key, step)
            except HearthgateError as error:
                failures.append(error)  # one namespace shall not hold up the others
        if failures:
            raise failures[0]
        return None

    async def _carry_out(self, source: Mirrored | None, key: Key, step: Step) -> None:
        match step:
            case Delete(mirror):
                await self._tools.delete(mirror)
                log.info("copy removed", source="/".join(key), namespace=mirror.metadata.namespace)
            case Create(namespace) if source is not None:
                if not await self._tools.create(type(source), self._content(source, namespace)):
                    raise Conflict(f"{namespace}/{source.metadata.name} appeared meanwhile")
                log.info("copied", source="/".join(key), namespace=namespace)
            case Update(mirror) if source is not None:
                await self._update(source, mirror)
                log.info("copy brought up to date", source="/".join(key), namespace=mirror.metadata.namespace)
            case Blocked(namespace, why) if source is not None:
                self._tools.events.emit(source, "MirrorBlocked", f"not copied to namespace {namespace}: {why}")
            case Create() | Update() | Blocked():
                raise AssertionError("nothing is copied from what is gone")
            case _:
                assert_never(step)

    def _marks(self, source: Mirrored, *, automatic: bool) -> dict[str, str]:
        metadata = source.metadata
        return {
            REFLECTS: f"{metadata.namespace}/{metadata.name}",
            AUTO_REFLECTS: str(automatic),
            VERSION: metadata.resource_version,
            AT: rfc3339(self._tools.now()),
        }

    def _content(self, source: Mirrored, namespace: str) -> dict[str, Any]:
        kind = BY_TYPE[type(source)]
        return {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {
                "name": source.metadata.name,
                "namespace": namespace,
                "annotations": self._marks(source, automatic=True),
            },
            **({"type": source.type} if isinstance(source, Secret) else {}),
            **_data(source),
        }

    async def _update(self, source: Mirrored, mirror: Mirrored) -> None:
        """Keys that the source does not have go away."""
        metadata = mirror.metadata
        automatic = metadata.annotations.get(AUTO_REFLECTS, "").lower() == "true"
        patch: dict[str, Any] = {
            "metadata": {
                "resourceVersion": metadata.resource_version,
                "annotations": self._marks(source, automatic=automatic),
            }
        }
        old = _data(mirror)
        for field, values in _data(source).items():
            patch[field] = {**dict.fromkeys(old[field], None), **values}
        await self._tools.client.merge_patch(BY_TYPE[type(mirror)], metadata.namespace, metadata.name, patch)


def _data(source: Mirrored) -> dict[str, dict[str, str]]:
    match source:
        case Secret():
            return {"data": {key: _base64(value.reveal()) for key, value in source.data.items()}}
        case ConfigMap():
            binary = {key: _base64(value.reveal()) for key, value in source.binary_data.items()}
            return {"data": dict(source.data), "binaryData": binary}
        case _:
            assert_never(source)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
