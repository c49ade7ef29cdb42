"""The ingress loop: what health checks find never brings an older snapshot back, and never spins."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.controller import IngressController, Outcome
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.translate import Translator
from hearthgate.ingress.guards.guards import Guards
from hearthgate.ingress.health.monitor import HealthMonitor
from hearthgate.ingress.postgres.service import StartTLSService
from hearthgate.ingress.proofs.service import ProofService
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.ingress.xds.resources import Resources, Versioned
from hearthgate.ingress.xds.server import Applied
from tests.waiting import eventually


class SlowProxy:
    """Confirms when it is let go."""

    def __init__(self) -> None:
        self.in_sync = asyncio.Event()
        self.in_sync.set()
        self.free = asyncio.Event()
        self.asked = 0

    async def apply(self, resources: Resources) -> Applied:
        self.asked += 1
        await self.free.wait()
        return Applied(acked=True)

    async def update_endpoints(self, endpoints: Mapping[str, Versioned]) -> Applied:
        self.asked += 1
        await self.free.wait()
        return Applied(acked=True)

    async def refresh_secrets(self) -> Applied:
        return Applied(acked=True)


async def test_news_of_health_while_a_snapshot_is_on_its_way(tmp_path: Path) -> None:
    ensure_schema()
    proxy, health, outcomes = SlowProxy(), HealthMonitor(), list[Outcome]()
    controller = IngressController(
        builder=RoutingBuilder(IngressSettings(entry_points={"web": EntryPoint(address=":80")})),
        translator=Translator(ProxyOptions()),
        proxy=proxy,
        auth=AuthService(tmp_path / "auth.sock"),
        guards=Guards(tmp_path),
        health=health,
        starttls=StartTLSService(tmp_path / "starttls.sock"),
        proofs=ProofService(tmp_path / "proofs.sock"),
        publish=outcomes.append,
    )
    given: asyncio.Queue[Snapshot] = asyncio.Queue()

    async def snapshots() -> AsyncIterator[Snapshot]:
        while True:
            yield await given.get()

    loop = asyncio.create_task(controller.run(snapshots()))
    health.changed.set()  # before there is anything to do with it
    given.put_nowait(Snapshot(1))
    await eventually(lambda: proxy.asked == 1, what="the first snapshot at the proxy")
    proxy.free.set()
    await eventually(lambda: outcomes, what="the first outcome")
    proxy.free.clear()
    given.put_nowait(Snapshot(2))
    await eventually(lambda: proxy.asked == 2, what="the second snapshot at the proxy")
    health.changed.set()
    await asyncio.wait([loop], timeout=0.05)  # whoever waits for the news waits for its turn now
    proxy.free.set()
    await eventually(lambda: len(outcomes) == 3, what="the news of health")
    numbers = [outcome.snapshot.number for outcome in outcomes]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 2
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await health.stop()
