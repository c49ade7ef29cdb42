"""The writing half of the cluster client without the network: straight into the embedded API of this process."""

from collections.abc import Mapping
from typing import Any

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.objects import Objects
from hearthgate.cluster.errors import NotFound, Refused
from hearthgate.model.errors import Transient
from hearthgate.resources.kinds import Kind


class LocalWriter:
    """Raises what the client would raise."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def apply(self, kind: Kind, content: Mapping[str, Any], *, manager: str) -> None:
        """Server-side apply by force; the object says its own kind."""
        try:
            await self._objects.apply(dict(content), manager=manager)
        except ApiError as error:
            raise _failure(kind, error) from error

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        try:
            gone = await self._objects.delete(kind, namespace, name)
        except ApiError as error:
            raise _failure(kind, error) from error
        if not gone:
            raise NotFound(f"{kind.resource} {namespace}/{name} does not exist", named=True)


def _failure(kind: Kind, error: ApiError) -> Exception:
    """A server's own trouble may pass; a refusal stands until the object changes."""
    text = f"{kind.resource}: {error.message}"
    if error.status == 404:
        return NotFound(text, named=True)
    return Transient(text) if error.status >= 500 or error.status in {409, 429} else Refused(text)
