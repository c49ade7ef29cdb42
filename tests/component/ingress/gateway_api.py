"""Objects of the Gateway API in few words, for tests on the wire."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.component.ingress.site import Manifest, Site, manifest

API = "gateway.networking.k8s.io/v1"


def gateway_class(name: str = "home", controller: str = "traefik.io/gateway-controller") -> Manifest:
    return manifest(API, "GatewayClass", name, "", spec={"controllerName": controller})


def front(*listeners: Mapping[str, Any], name: str = "front") -> Manifest:
    return manifest(API, "Gateway", name, spec={"gatewayClassName": "home", "listeners": list(listeners)})


def http_route(name: str, *rules: Mapping[str, Any], namespace: str = "default", **spec: Any) -> Manifest:
    parents = {"parentRefs": [{"name": "front", "namespace": "default"}]}
    return manifest(API, "HTTPRoute", name, namespace, spec={**parents, **spec, "rules": list(rules)})


def to(name: str, port: int = 80, **more: Any) -> dict[str, Any]:
    return {"name": name, "port": port, **more}


async def serve(site: Site, *documents: Manifest | Sequence[Manifest]) -> list[str]:
    """Serves these objects behind a Gateway with one listener for everything, unless one is among them."""
    flat: list[Manifest] = [gateway_class()]
    for document in documents:
        flat += [document] if isinstance(document, dict) else document
    if not any(one["kind"] == "Gateway" for one in flat):
        flat.append(front({"name": "http", "port": site.plain, "protocol": "HTTP"}))
    return await site.apply(flat)
