"""A route that cannot be translated is not in service, and nothing says that it is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.controller import IngressController, Outcome
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.translate import Translator
from hearthgate.ingress.guards.guards import Guards
from hearthgate.ingress.health.monitor import HealthMonitor
from hearthgate.ingress.observability.api.views import views_of
from hearthgate.ingress.observability.facts import Facts
from hearthgate.ingress.postgres.service import StartTLSService
from hearthgate.ingress.proofs.service import ProofService
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.routing.gateway.verdicts import RouteVerdict
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.ingress.xds.resources import Resources, Versioned
from hearthgate.ingress.xds.server import Applied
from hearthgate.resources.decode import decode_mapping
from tests.waiting import eventually


class Proxy:
    """Confirms everything."""

    def __init__(self) -> None:
        self.in_sync = asyncio.Event()
        self.in_sync.set()

    async def apply(self, resources: Resources) -> Applied:
        return Applied(acked=True)

    async def update_endpoints(self, endpoints: Mapping[str, Versioned]) -> Applied:
        return Applied(acked=True)

    async def refresh_secrets(self) -> Applied:
        return Applied(acked=True)


def _object(kind: str, name: str, spec: Mapping[str, Any], version: str = "traefik.io/v1alpha1") -> Any:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _snapshot(number: int, *routes: list[str]) -> Snapshot:
    """An IngressRoute whose routes have these middlewares."""
    documents = [
        _object("Service", "app", {"ports": [{"port": 80}]}, "v1"),
        _object("Middleware", "strip", {"stripPrefix": {"prefixes": ["/api"]}}),
        _object("Middleware", "strict", {"encodedCharacters": {}}),
        _object(
            "IngressRoute",
            "app",
            {
                "routes": [
                    {
                        "match": f"Host(`{index}.test`)",
                        "middlewares": [{"name": name} for name in names],
                        "services": [{"name": "app", "port": 80}],
                    }
                    for index, names in enumerate(routes)
                ]
            },
        ),
    ]
    decoded = map(decode_mapping, documents)
    return Snapshot.of([one.resource for one in decoded if one.resource is not None], number=number)


async def _outcomes(folder: Path, *snapshots: Snapshot) -> list[Outcome]:
    ensure_schema()
    outcomes, health = list[Outcome](), HealthMonitor()
    controller = IngressController(
        builder=RoutingBuilder(IngressSettings(entry_points={"web": EntryPoint(address=":80")})),
        translator=Translator(ProxyOptions()),
        proxy=Proxy(),
        auth=AuthService(folder / "auth.sock"),
        guards=Guards(folder),
        health=health,
        starttls=StartTLSService(folder / "starttls.sock"),
        proofs=ProofService(folder / "proofs.sock"),
        publish=outcomes.append,
    )

    async def given() -> AsyncIterator[Snapshot]:
        for snapshot in snapshots:
            yield snapshot
        await asyncio.Event().wait()

    loop = asyncio.create_task(controller.run(given()))
    await eventually(lambda: len(outcomes) >= len(snapshots), what="an outcome of each snapshot")
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await health.stop()
    return outcomes


def _accepted(outcome: Outcome) -> tuple[str, str]:
    (found,) = (conditions for ref, conditions in outcome.conditions().items() if ref.kind == "IngressRoute")
    condition = next(one for one in found if one.type == "Accepted")
    return condition.status, condition.reason


async def test_an_object_without_a_route_that_serves_is_not_accepted(tmp_path: Path) -> None:
    refused = _snapshot(1, ["strip", "strict"])
    first, again, repaired, half = await _outcomes(
        tmp_path,
        refused,
        refused,
        _snapshot(2, ["strict", "strip"]),
        _snapshot(3, ["strict", "strip"], ["strip", "strict"]),
    )
    assert [_accepted(one) for one in (first, again)] == [("False", "Unsupported")] * 2
    assert [_accepted(one) for one in (repaired, half)] == [("True", "Accepted")] * 2
    assert [len(one.built.model.routers) for one in (first, again, repaired, half)] == [0, 0, 1, 1]


async def test_the_api_calls_its_router_disabled(tmp_path: Path) -> None:
    (outcome,) = await _outcomes(tmp_path, _snapshot(1, ["strip", "strict"]))
    facts = Facts(model=outcome.built.model, problems=outcome.problems, snapshot=outcome.snapshot)
    (router,) = views_of(facts).routers
    assert router["status"] == "disabled"
    assert "the path is already changed" in str(router["error"])


def _gateway_route(*, both: bool) -> Snapshot:
    """An HTTPRoute with a rule that cannot be translated, and with one more."""
    gateway = "gateway.networking.k8s.io/v1"
    strict = {"group": "traefik.io", "kind": "Middleware", "name": "strict"}
    bad = [
        {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/z"}}},
        {"type": "ExtensionRef", "extensionRef": strict},
    ]
    backends = [{"name": "app", "port": 80}]
    rules = [{"filters": bad, "backendRefs": backends}, *([{"backendRefs": backends}] if both else [])]
    listener = {"name": "web", "port": 80, "protocol": "HTTP"}
    documents = [
        _object("Service", "app", {"ports": [{"port": 80}]}, "v1"),
        _object("Middleware", "strict", {"encodedCharacters": {}}),
        _object("GatewayClass", "home", {"controllerName": "hearthgate.dev/gateway-controller"}, gateway),
        _object("Gateway", "front", {"gatewayClassName": "home", "listeners": [listener]}, gateway),
        _object("HTTPRoute", "app", {"parentRefs": [{"name": "front"}], "rules": rules}, gateway),
    ]
    del documents[2]["metadata"]["namespace"]
    decoded = map(decode_mapping, documents)
    return Snapshot.of([one.resource for one in decoded if one.resource is not None])


@pytest.mark.parametrize(
    ("both", "told"),
    [
        (False, {"Accepted": ("False", "UnsupportedValue")}),
        (True, {"Accepted": ("True", "Accepted"), "PartiallyInvalid": ("True", "UnsupportedValue")}),
    ],
)
async def test_a_route_of_the_gateway_api(tmp_path: Path, both: bool, told: Mapping[str, tuple[str, str]]) -> None:
    (outcome,) = await _outcomes(tmp_path, _gateway_route(both=both))
    (verdict,) = (one for one in outcome.built.verdicts if isinstance(one, RouteVerdict))
    found = {one.type: (one.status, one.reason) for one in verdict.parents[0].conditions}
    assert found == {**told, "ResolvedRefs": ("True", "ResolvedRefs")}
