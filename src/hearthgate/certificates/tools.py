"""What every reconciler of this domain works with: the API, Events, the clock, the settings."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from hearthgate.certificates.settings import CertificateSettings
from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import AlreadyExists, Conflict, NotFound
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.status import now_utc
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

MANAGER: Final = "cert-manager-certificates"
"""Field manager of what is written into Secrets: upstream's, so that a Secret can go over to us and back."""


class Tools:
    """settings: may be put in force anew at any time."""

    def __init__(
        self,
        client: Client,
        events: EventWriter,
        settings: CertificateSettings,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self.client = client
        self.events = events
        self.settings = settings
        self.now = now

    async def ensure_fresh(self, *resources: Resource) -> None:
        """Before something that must not happen twice: raises Conflict when an object is no longer what the
        snapshot has, or is gone; the next snapshot will tell."""
        for resource in resources:
            kind = BY_TYPE[type(resource)]
            try:
                found = await self.client.get(kind, resource.metadata.namespace, resource.metadata.name)
            except NotFound as error:
                raise Conflict(f"{resource.ref}: gone") from error
            metadata = found["metadata"]
            known = (resource.metadata.uid, resource.metadata.resource_version)
            if (metadata.get("uid", ""), metadata.get("resourceVersion", "")) != known:
                raise Conflict(f"{resource.ref}: changed meanwhile")

    async def ensure_absent(self, kind: type[Resource], namespace: str, name: str) -> None:
        """Raises Conflict when there is such an object by now."""
        try:
            await self.client.get(BY_TYPE[kind], namespace, name)
        except NotFound:
            return
        raise Conflict(f"{kind.__name__} {namespace}/{name}: appeared meanwhile")

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> None:
        """Merges into the status; None takes a field away. Raises Conflict when the object has changed."""
        metadata = resource.metadata
        version = {"resourceVersion": metadata.resource_version}
        await self.client.patch_status(
            BY_TYPE[type(resource)],
            metadata.namespace,
            metadata.name,
            {"metadata": version, "status": status},
        )

    async def create(self, kind: type[Resource], content: Mapping[str, Any]) -> bool:
        """Whether it was created: names are deterministic, so that what exists already is what was wanted."""
        try:
            await self.client.create(BY_TYPE[kind], content)
        except AlreadyExists:
            return False
        return True

    async def delete(self, resource: Resource) -> None:
        """Gone already is fine."""
        metadata = resource.metadata
        try:
            await self.client.delete(BY_TYPE[type(resource)], metadata.namespace, metadata.name, uid=metadata.uid)
        except NotFound:
            return
