"""The ingress loop on a real Envoy: manifests go in as snapshots, outcomes come out, servers are asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.controller import IngressController, Outcome
from hearthgate.ingress.guards.guards import Guards
from hearthgate.ingress.health.monitor import HealthMonitor
from hearthgate.ingress.postgres.service import StartTLSService
from hearthgate.ingress.proofs.service import ProofService
from hearthgate.ingress.providers import KubernetesCRD
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.settings import EntryPoint, IngressSettings, Providers
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource
from tests.component.ingress.gateway import Answer, Gateway, ask, gateway
from tests.component.ingress.site import Manifest
from tests.waiting import eventually


class Live:
    """`serve` gives the loop the next snapshot; `outcomes` are what it published."""

    def __init__(self, running: Gateway, port: int) -> None:
        self.gateway, self.port = running, port
        self.outcomes: list[Outcome] = []
        self._snapshots: asyncio.Queue[Snapshot] = asyncio.Queue()
        self._known: dict[tuple[str, str, str], tuple[Manifest, Resource]] = {}
        self._collections: dict[type[Resource], Collection] = {}
        self._number = 0
        self.health = HealthMonitor()
        folder = running.folder
        crd = KubernetesCRD(allow_external_name_services=True)
        self._settings = IngressSettings(
            entry_points={"web": EntryPoint(address=f"127.0.0.1:{port}")},
            providers=Providers(kubernetes_crd=crd),
        )
        self.controller = IngressController(
            builder=RoutingBuilder(self._settings),
            translator=running.translator,
            proxy=running.server,
            auth=AuthService(folder / "auth.sock"),
            guards=Guards(folder),
            health=self.health,
            starttls=StartTLSService(folder / "starttls.sock"),
            proofs=ProofService(folder / "proofs.sock"),
            publish=self.outcomes.append,
        )

        running.index = self.controller

    async def run(self) -> None:
        await self.controller.run(self._given())

    async def _given(self) -> AsyncIterator[Snapshot]:
        while True:
            yield await self._snapshots.get()

    async def serve(self, documents: Sequence[Manifest]) -> Outcome:
        """What is alike in two snapshots is the same object in both, as in life."""
        self._number += 1
        kinds: dict[type[Resource], dict[tuple[str, str], Resource]] = {}
        for document in documents:
            key = (document["kind"], document["metadata"].get("namespace", ""), document["metadata"]["name"])
            known = self._known.get(key)
            if known is None or known[0] != document:
                decoded = decode_mapping(document)
                assert decoded.resource is not None, decoded.problems
                known = self._known[key] = (document, decoded.resource)
            kinds.setdefault(type(known[1]), {})[known[1].key] = known[1]
        for kind, objects in kinds.items():
            if kind not in self._collections or self._collections[kind].objects != objects:
                self._collections[kind] = Collection(objects)
        collections = {kind: self._collections[kind] for kind in kinds}
        self._snapshots.put_nowait(Snapshot(self._number, collections, {}))

        def is_served() -> bool:
            return bool(self.outcomes) and self.outcomes[-1].snapshot.number == self._number and self.programmed

        await eventually(is_served, what="the outcome")
        return self.outcomes[-1]

    @property
    def programmed(self) -> bool:
        return self.outcomes[-1].programmed

    async def ask(self, path: str = "/", **options: object) -> Answer:
        return await ask(self.port, path, host="t.test", **options)  # type: ignore[arg-type]

    async def answers(self, times: int = 6) -> set[str]:
        """Bodies of answers with 200, statuses of the others."""
        found = [await self.ask() for _ in range(times)]
        return {answer.body.decode() if answer.status == 200 else str(answer.status) for answer in found}

    async def becomes(self, wanted: set[str], times: int = 6) -> None:
        """Waits until exactly these answer so many requests."""
        async with asyncio.timeout(10):
            while await self.answers(times) != wanted:
                pass

    @property
    def problems(self) -> list[str]:
        return [str(problem) for problem in self.outcomes[-1].problems]


@asynccontextmanager
async def live(folder: Path, free_port: Callable[[], int]) -> AsyncIterator[Live]:
    async with gateway(folder, system_cas="") as running:
        loop = Live(running, free_port())
        task = asyncio.create_task(loop.run())
        try:
            yield loop
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await loop.health.stop()
