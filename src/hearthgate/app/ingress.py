"""The ingress domain, wired: from snapshots to Envoy's configuration, statuses and Events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from hearthgate.app.envoy import default_transport, proxy_options
from hearthgate.app.self_signed import self_signed_certificate
from hearthgate.app.settings import Settings
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.cluster.status import StatusWriter
from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.controller import IngressController, Outcome
from hearthgate.ingress.envoy.translate import Translator
from hearthgate.ingress.postgres.service import StartTLSService
from hearthgate.ingress.postgres.tables import STARTTLS_SOCKET
from hearthgate.ingress.repeats import with_repeats
from hearthgate.ingress.reporter import Reporter
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.xds.server import AdsServer

Run = Callable[[], Awaitable[None]]


class Ingress:
    """sockets: where Envoy reaches this process. publish: told what became of each snapshot."""

    def __init__(
        self,
        settings: Settings,
        *,
        state: Path,
        sockets: Path,
        client: Client,
        events: EventWriter,
        publish: Callable[[Outcome], None],
    ) -> None:
        self.xds_socket = sockets / "xds.sock"
        self._auth = AuthService(sockets / "auth.sock")
        self._starttls = StartTLSService(sockets / STARTTLS_SOCKET)
        self._statuses = StatusWriter(client)
        self._events = events
        self._reporter = Reporter(self._statuses, events)
        self._publish = publish
        self._self_signed = self_signed_certificate(state)
        self._reloaded = asyncio.Event()
        self._ads = AdsServer(
            self.xds_socket,
            secret_resolver=lambda name: self._controller.secret(name),  # noqa: PLW0108 - made below
            is_known=lambda name: self._controller.is_known(name),  # noqa: PLW0108
        )
        self._controller = IngressController(
            builder=self._builder(settings),
            translator=Translator(proxy_options(sockets / "auth.sock")),
            proxy=self._ads,
            auth=self._auth,
            starttls=self._starttls,
            publish=self._told,
        )

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """The sockets that Envoy asks at are open."""
        async with contextlib.AsyncExitStack() as stack:
            await self._auth.start()
            stack.push_async_callback(self._auth.stop)
            await self._starttls.start()
            stack.push_async_callback(self._starttls.stop)
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
            settings, default_transport=default_transport(settings), self_signed=self._self_signed
        )

    @property
    def parts(self) -> Mapping[str, Run]:
        """What must run beside `follow`."""
        return {
            "status writer": self._statuses.run,
            "event writer": self._events.run,
            "reporter": self._reporter.run,
        }

    def _told(self, outcome: Outcome) -> None:
        self._reporter.publish(outcome)
        self._publish(outcome)
