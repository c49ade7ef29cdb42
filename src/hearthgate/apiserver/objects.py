"""The way in for the same process: objects as mappings, with the rules of the API and without HTTP."""

from typing import NamedTuple

import msgspec

from hearthgate.apiserver.errors import ApiError, bad_request
from hearthgate.apiserver.semantics.admission import FieldValidation
from hearthgate.apiserver.semantics.selection import Selection
from hearthgate.apiserver.served import Served, ServedKinds
from hearthgate.apiserver.store.store import Object, Store
from hearthgate.apiserver.verbs import Options, Verbs
from hearthgate.model.problems import Problem
from hearthgate.model.selectors import LabelSelector
from hearthgate.resources.decode import find_kind
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import BY_API_VERSION

DEFAULT_NAMESPACE = "default"


class Applied(NamedTuple):
    """changed: False when the object already was as asked. warnings: as kubectl would print them."""

    obj: Object
    changed: bool
    warnings: tuple[str, ...]


class Objects:
    """Objects that are returned are the caller's own. Writes return after COMMIT and raise ApiError."""

    def __init__(self, store: Store, verbs: Verbs, served: ServedKinds) -> None:
        self._store = store
        self._verbs = verbs
        self.served = served

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """`namespace` is empty for cluster-scoped kinds."""
        entry = self._store.collection(kind.resource).get(namespace, name)
        return None if entry is None else msgspec.json.decode(entry.raw)

    async def list(
        self, kind: Kind, namespace: str | None = None, selector: LabelSelector | None = None
    ) -> list[Object]:
        """In the order of namespace and name; `namespace` None means all."""
        selection = Selection(namespace, selector or LabelSelector())
        return [
            msgspec.json.decode(entry.raw)
            for entry in self._store.collection(kind.resource).entries(namespace)
            if selection.matches(entry.namespace, entry.name, entry.raw)
        ]

    @property
    def revision(self) -> int:
        """The last revision of any kind, for `changed`."""
        return self._store.revision

    async def changed(self, kind: Kind, revision: int) -> None:
        """Returns once an object of the kind has changed after `revision`, or the API has stopped."""
        await self._store.history(kind.resource).wait(revision)

    async def apply(
        self, obj: Object, *, manager: str, field_validation: str = "Strict", subresource: str = ""
    ) -> Applied:
        """Server-side apply by force: creates the object, or brings the fields it names to what it says.

        Fields that `manager` applied before and leaves out now are removed unless others manage them. An
        object without namespace goes to `default`. subresource: empty, or `status`.
        """
        view = self._view_of(obj)
        kind = view.storage
        metadata = obj.get("metadata")
        if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
            raise bad_request("metadata.name is required")
        namespace = (metadata.get("namespace") or DEFAULT_NAMESPACE) if kind.namespaced else ""
        if not kind.namespaced and metadata.get("namespace"):
            raise bad_request(f"{kind.kind} has no namespace: remove metadata.namespace")
        config = view.stored(msgspec.json.decode(msgspec.json.encode(obj)))
        options = Options(manager=manager, validation=FieldValidation(field_validation), subresource=subresource)
        result = await self._verbs.apply(kind, namespace, metadata["name"], config, options, force=True)
        return Applied(msgspec.json.decode(result.raw), bool(result.type), (*view.warnings, *result.warnings))

    def _view_of(self, obj: Object) -> Served:
        if found := self.served.of(str(obj.get("apiVersion")), str(obj.get("kind"))):
            return found
        why = find_kind(obj)
        message = why.message if isinstance(why, Problem) else f"{why.kind} is not served"
        raise ApiError(404, "NotFound", message) if obj.get("kind") else bad_request(message)

    async def delete(self, kind: Kind, namespace: str, name: str) -> bool:
        """Whether there was such an object. It may still wait for its finalizers."""
        try:
            await self._verbs.delete(kind, namespace, name, Options())
        except ApiError as error:
            if error.reason == "NotFound":
                return False
            raise
        return True

    async def create_namespace(self, name: str, *, manager: str, labels: dict[str, str] | None = None) -> bool:
        """Makes sure that the namespace exists; whether it had to be created."""
        kind = BY_API_VERSION["v1", "Namespace"]
        obj = {"metadata": {"name": name, "labels": dict(labels or {})}}
        try:
            await self._verbs.create(kind, "", obj, Options(manager=manager))
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return False
            raise
        return True
