"""What must outlive this process and is no object's status: small documents in a ConfigMap, nothing secret.

Several changes at once are one write: whoever waits for its own is told by the next write that holds it.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from hearthgate.certificates.tools import Tools
from hearthgate.cluster.errors import NotFound
from hearthgate.resources.core import ConfigMap, Namespace
from hearthgate.resources.registry import BY_TYPE

MANAGER: Final = "hearthgate-certificates"
_KIND: Final = BY_TYPE[ConfigMap]


class Kept:
    """name: of the ConfigMap, in the namespace of the Secrets of ClusterIssuers. content: its data, asked for at
    each write."""

    def __init__(self, tools: Tools, name: str, content: Callable[[], Mapping[str, str]]) -> None:
        self._tools = tools
        self._name = name
        self._content = content
        self._wanted = 0
        self._written = 0
        self._writing = asyncio.Lock()

    async def load(self) -> Mapping[str, str]:
        """What was written last; nothing at first."""
        namespace = self._tools.settings.cluster_resource_namespace
        try:
            found = await self._tools.client.get(_KIND, namespace, self._name)
        except NotFound:
            return {}
        data: Any = found.get("data") or {}
        return {str(key): str(value) for key, value in data.items()}

    async def save(self) -> None:
        """Returns once what `content` gives now is written. Raises Transient and Permanent as the client does."""
        self._wanted += 1
        mine = self._wanted
        async with self._writing:
            if self._written >= mine:
                return
            held = self._wanted
            try:
                await self._tools.client.apply(_KIND, self._object(), manager=MANAGER)
            except NotFound:
                await ensure_own_namespace(self._tools)
                await self._tools.client.apply(_KIND, self._object(), manager=MANAGER)
            self._written = held

    def _object(self) -> Mapping[str, Any]:
        namespace = self._tools.settings.cluster_resource_namespace
        return {
            "apiVersion": _KIND.api_version,
            "kind": _KIND.kind,
            "metadata": {"name": self._name, "namespace": namespace},
            "data": dict(self._content()),
        }


async def ensure_own_namespace(tools: Tools) -> None:
    """Makes the namespace of the Secrets of ClusterIssuers where there is none: on a box nobody else does."""
    kind = BY_TYPE[Namespace]
    content = {"name": tools.settings.cluster_resource_namespace}
    await tools.create(Namespace, {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": content})
