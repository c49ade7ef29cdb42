"""Addresses and manifests that the tests of the API share."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.component.apiserver.conftest import Client
from tests.waiting import eventually

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
SERVICES = "/api/v1/namespaces/default/services"
ROUTES = "/apis/traefik.io/v1alpha1/namespaces/default/ingressroutes"
NAMESPACES = "/api/v1/namespaces"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
APPLY = "application/apply-patch+yaml"


def configmap(name: str, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data or {}}


def route(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": name},
        "spec": {"routes": [{"match": "Host(`a`)", "services": [{"name": "web", "port": 80}]}], **spec},
    }


async def names(client: Client, path: str) -> list[str]:
    return [item["metadata"]["name"] for item in (await client.get(path)).body["items"]]


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Waits for an awaitable condition, with a deadline."""
    condition: Callable[[], bool | Awaitable[bool]] = check
    await eventually(condition)
