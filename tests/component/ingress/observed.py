"""A data plane with what the settings record and show: access log, counters, spans, and our own services."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hearthgate.app.recording import counted, prepare_files, recording
from hearthgate.app.settings import Settings, decode_settings
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.auth.tables import auth_tables
from hearthgate.ingress.observability.facts import Facts, News, after
from hearthgate.ingress.observability.server import InternalServices
from hearthgate.ingress.proxy.admin import Admin
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.resources.decode import decode_mapping
from tests.component.ingress.certificates import self_signed
from tests.component.ingress.envoy_process import bare_envoy
from tests.component.ingress.gateway import Answer, Backend, Gateway, ask, backend
from tests.component.ingress.site import Manifest, certificate_of, service
from tests.waiting import eventually


class Observed:
    """Serves manifests under settings. The backend `app` is there for all of them; its Service is `app`."""

    def __init__(self, folder: Path, settings: Settings, gateway: Gateway, app: Backend) -> None:
        self.folder, self.settings, self.gateway, self.app = folder, settings, gateway, app
        self.auth = AuthService(folder / "auth.sock")
        self.admin = Admin(folder / "admin.sock")
        self.facts = Facts(started_at=1.0)
        self.internals = InternalServices(
            folder, settings, facts=lambda: self.facts, stats=self.admin.stats, version="1.2.3"
        )

    def port(self, entrypoint: str = "web") -> int:
        return int(self.settings.entry_points[entrypoint].address.rpartition(":")[2])

    async def serve(self, *documents: Manifest) -> list[str]:
        """Returns the problems."""
        decoded = [decode_mapping(document) for document in (*documents, *service("app", self.app.port))]
        snapshot = Snapshot.of(
            [one.resource for one in decoded if one.resource is not None],
            [problem for one in decoded for problem in one.problems],
        )
        built = RoutingBuilder(self.settings, self_signed=certificate_of(self_signed("default.test"))).build(
            snapshot
        )
        self.auth.update(auth_tables(m for router in built.model.routers for m in router.every_middleware))
        translation = await self.gateway.serve(built.model, built.endpoints)
        problems = tuple(sorted({*built.problems, *translation.problems}))
        news = News(snapshot, built.model, built.endpoints, problems, confirmed=True, apply_seconds=0.25)
        self.facts = after(self.facts, news, now=1000.0)
        return [str(problem) for problem in problems]

    async def get(self, path: str = "/", *, entrypoint: str = "web", **options: Any) -> Answer:
        return await ask(self.port(entrypoint), path, **options)


def log_settings(folder: Path, **more: Any) -> dict[str, Any]:
    return {"accessLog": {"filePath": str(folder / "access.log"), **more}}


async def log_lines(folder: Path, count: int) -> list[str]:
    """The access log once it has so many lines; fails when it gets more."""
    file = folder / "access.log"
    await eventually(lambda: file.read_text().count("\n") >= count, what=f"{count} lines of the access log")
    lines = file.read_text().splitlines()
    assert len(lines) == count, lines
    return lines


async def log_entries(folder: Path, count: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in await log_lines(folder, count)]


@asynccontextmanager
async def observed(
    folder: Path, free_port: Callable[[], int], settings: Mapping[str, Any], **entrypoint: Any
) -> AsyncIterator[Observed]:
    """entrypoint: options of the entrypoint `web`."""
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("web", "websecure", "traefik")}
    entry_points = {
        "web": {"address": ports["web"], **entrypoint},
        "websecure": {"address": ports["websecure"], "http": {"tls": {}}},
        "traefik": {"address": ports["traefik"]},
    }
    decoded = decode_settings({"entryPoints": entry_points, **settings}, SETTINGS_REF, privileged=False)
    prepare_files(decoded)
    kept, buckets = counted(decoded)
    gateway = Gateway(folder, auth_socket=str(folder / "auth.sock"), recording=recording(decoded, ""))
    flags = ("--file-flush-interval-msec", "50")
    async with backend("app") as app:
        running = Observed(folder, decoded, gateway, app)
        await running.auth.start()
        await running.internals.start()
        await gateway.server.start()
        try:
            async with bare_envoy(folder, *flags, stats_prefixes=kept, buckets=buckets):
                yield running
        finally:
            await gateway.server.stop()
            await running.internals.stop()
            await running.auth.stop()
