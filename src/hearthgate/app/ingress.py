"""The ingress domain, wired: from snapshots to Envoy's configuration, statuses and Events."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from hearthgate import __version__
from hearthgate.app.envoy import default_transport, proxy_options
from hearthgate.app.recording import prepare_files
from hearthgate.app.self_signed import self_signed_certificate
from hearthgate.app.settings import Settings
from hearthgate.cluster.client import Client
from hearthgate.cluster.documents import DocumentWriter
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.cluster.status import StatusWriter
from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.controller import IngressController, Outcome
from hearthgate.ingress.envoy.options import PROOF_SOCKET
from hearthgate.ingress.envoy.translate import Translator
from hearthgate.ingress.guards.guards import Guards
from hearthgate.ingress.health.monitor import HealthMonitor
from hearthgate.ingress.observability.facts import Facts, News, after
from hearthgate.ingress.observability.server import InternalServices, Stats
from hearthgate.ingress.postgres.service import StartTLSService
from hearthgate.ingress.postgres.tables import STARTTLS_SOCKET
from hearthgate.ingress.proofs.service import ProofService
from hearthgate.ingress.repeats import with_repeats
from hearthgate.ingress.reporter import Reporter
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.xds.server import AdsServer
from hearthgate.model.errors import Transient


async def _no_stats(pattern: str) -> str:
    raise Transient("the proxy has not been started yet")


Run = Callable[[], Awaitable[None]]


class Ingress:
    """sockets: where Envoy reaches this process. publish: told what became of each snapshot. addresses: of this
    machine, where no cluster stands between it and its clients. metrics: lines of other domains."""

    def __init__(
        self,
        settings: Settings,
        *,
        state: Path,
        sockets: Path,
        client: Client,
        events: EventWriter,
        publish: Callable[[Outcome], None],
        addresses: tuple[str, ...] = (),
        metrics: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._addresses = addresses
        self.xds_socket = sockets / "xds.sock"
        self._guards = Guards(sockets)
        self._health = HealthMonitor()
        self._auth = AuthService(sockets / "auth.sock", other=self._guards)
        self._starttls = StartTLSService(sockets / STARTTLS_SOCKET)
        self._proofs = ProofService(sockets / PROOF_SOCKET)
        self._statuses = StatusWriter(client)
        self._events = events
        self._documents = DocumentWriter(client)
        self._reporter = Reporter(self._statuses, self._documents, events)
        self._publish = publish
        prepare_files(settings)
        self._facts = Facts(started_at=time.time())
        self._stats: Stats = _no_stats
        self.internals = InternalServices(
            sockets,
            settings,
            facts=lambda: self._facts,
            stats=lambda pattern: self._stats(pattern),  # noqa: PLW0108 - known once the proxy is
            version=__version__,
            others=metrics,
        )
        self._self_signed = self_signed_certificate(state)
        self._reloaded = asyncio.Event()
        self._ads = AdsServer(
            self.xds_socket,
            secret_resolver=lambda name: self._controller.secret(name),  # noqa: PLW0108 - made below
            is_known=lambda name: self._controller.is_known(name),  # noqa: PLW0108
        )
        self._controller = IngressController(
            builder=self._builder(settings),
            translator=Translator(proxy_options(sockets / "auth.sock", settings)),
            proxy=self._ads,
            auth=self._auth,
            guards=self._guards,
            health=self._health,
            starttls=self._starttls,
            proofs=self._proofs,
            publish=self._told,
        )

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """The sockets that Envoy asks at are open."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._health.stop)
            await self._auth.start()
            stack.push_async_callback(self._auth.stop)
            await self._starttls.start()
            stack.push_async_callback(self._starttls.stop)
            await self._proofs.start()
            stack.push_async_callback(self._proofs.stop)
            await self.internals.start()
            stack.push_async_callback(self.internals.stop)
            await self._ads.start()
            stack.push_async_callback(self._ads.stop)
            yield

    async def follow(self, snapshots: AsyncIterator[Snapshot]) -> None:
        await self._controller.run(with_repeats(snapshots, self._reloaded))

    def reload(self, settings: Settings) -> None:
        """Puts other settings in force, soon. Raises SettingsError, and then nothing changes."""
        self._controller.use(self._builder(settings))
        self._reloaded.set()

    def _builder(self, settings: Settings) -> RoutingBuilder:
        return RoutingBuilder(
            settings,
            default_transport=default_transport(settings),
            self_signed=self._self_signed,
            addresses=self._addresses,
        )

    @property
    def parts(self) -> Mapping[str, Run]:
        """What must run beside `follow`."""
        return {
            "guards": self._guards.run,
            "status writer": self._statuses.run,
            "status document writer": self._documents.run,
            "event writer": self._events.run,
            "reporter": self._reporter.run,
        }

    def read_from(self, stats: Stats) -> None:
        """Where the numbers of requests are asked for."""
        self._stats = stats

    def _told(self, outcome: Outcome) -> None:
        built = outcome.built
        news = News(
            outcome.snapshot,
            built.model,
            built.endpoints,
            outcome.problems,
            outcome.programmed,
            outcome.seconds,
        )
        self._facts = after(self._facts, news, now=time.time())
        self._reporter.publish(outcome)
        self._publish(outcome)
