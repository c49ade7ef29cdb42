"""The role `up`: everything on one box, in one process, with Envoy as its child.

Order of the start: the embedded API with its stored objects, the folders' manifests into it, then the watches,
then the first configuration for Envoy, which listens only once it has all of it. Order of the end: Envoy
finishes what it has begun, then everything else stops.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import shutil
import signal
import ssl
from asyncio import sslproto
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import structlog

from hearthgate import __version__
from hearthgate.apiserver.access.identity import OWN_USER
from hearthgate.apiserver.foldersync.sync import FolderSync
from hearthgate.apiserver.objects import Objects
from hearthgate.apiserver.server import ApiServer
from hearthgate.apiserver.store.lock import FolderLock
from hearthgate.app.box.controller import Box
from hearthgate.app.box.facts import host_name, process_run, read_facts
from hearthgate.app.box.pod_logs import PartPodLogs
from hearthgate.app.domains import Around, Domain, kinds_read, make_domains
from hearthgate.app.envoy import socket_folder
from hearthgate.app.ingress import Ingress
from hearthgate.app.local_writer import LocalWriter
from hearthgate.app.logfiles.writer import PartLogs
from hearthgate.app.logs import set_log_level
from hearthgate.app.parts import CONTROLLER, PROXY, Part
from hearthgate.app.problem_log import ProblemLog
from hearthgate.app.recording import counted
from hearthgate.app.reload import Reloader, SettingsSource
from hearthgate.app.reopening import reopening
from hearthgate.app.settings import Settings, api_address, pod_namespace
from hearthgate.app.settings_use import accept_grace, drain_grace, settings_warnings, unused_settings
from hearthgate.app.sites import list_sites, print_sites, site_console
from hearthgate.app.state import key_file, prepare_state_folder
from hearthgate.app.stopping import until_stopped
from hearthgate.app.supervisor import supervised
from hearthgate.backends.controller import BackendsController
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig, Token, from_files
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.lastgood import LastGood
from hearthgate.ingress.controller import Outcome
from hearthgate.ingress.proxy.binary import envoy_version
from hearthgate.ingress.proxy.bootstrap import BootstrapOptions
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.proxy.process import Proxy
from hearthgate.model.problems import Problem
from hearthgate.resources import certmanager, core, discovery, gateway, networking, traefik
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

ENDPOINTS_WITHIN = 10.0
"""Seconds that the first configuration waits for EndpointSlices to be written; then it goes without."""


GC_THRESHOLDS = (50_000, 20, 100)
"""Of gc.set_threshold. The defaults cost twice the time of decoding when many objects arrive at once."""
TLS_BUFFER = 32 * 1024
"""Bytes that each TLS connection of this process sets aside. asyncio's own 256 KiB, for each of the 85 ends of
watches on our own API, were 22 MB."""
READ = (
    certmanager.Certificate,
    certmanager.Challenge,
    core.ConfigMap,
    core.Endpoints,
    core.Namespace,
    core.Node,
    core.Secret,
    core.Service,
    discovery.EndpointSlice,
    gateway.BackendTLSPolicy,
    gateway.GRPCRoute,
    gateway.Gateway,
    gateway.GatewayClass,
    gateway.HTTPRoute,
    gateway.ReferenceGrant,
    gateway.TCPRoute,
    gateway.TLSRoute,
    gateway.UDPRoute,
    networking.Ingress,
    networking.IngressClass,
    traefik.IngressRoute,
    traefik.IngressRouteTCP,
    traefik.IngressRouteUDP,
    traefik.Middleware,
    traefik.MiddlewareTCP,
    traefik.ServersTransport,
    traefik.ServersTransportTCP,
    traefik.TLSOption,
    traefik.TLSStore,
    traefik.TraefikService,
)
"""The kinds that some controller reads: every other change would only cost."""


class UpOptions(NamedTuple):
    """What the command line asks for. `kubeconfig`: of the cluster to serve; None = the embedded API.
    `logs`: takes the log lines of the parts, for `kubectl logs`. `source`: where the settings come from, to read
    them again when they change; None = they stay as they are."""

    paths: tuple[Path, ...]
    settings: Settings
    state: Path
    kubeconfig: Path | None = None
    logs: PartLogs | None = None
    source: SettingsSource | None = None


async def run_up(options: UpOptions) -> None:
    """Runs until SIGINT or SIGTERM. Raises HearthgateError when it cannot start."""
    role = Up(options)

    async def serve() -> None:
        async with role.running():
            await asyncio.Future()

    await until_stopped(serve(), hurry=role.hurry)


class Up:
    """One run of the role. `outcome` is what the proxy serves now."""

    def __init__(self, options: UpOptions) -> None:
        self._options = options
        self._settings = options.settings
        self._console = site_console()
        self._missing_sources: list[Callable[[], list[str]]] = []
        self._problems = ProblemLog()
        self._writer: LocalWriter | None = None
        self._objects: Objects | None = None
        self._box: Box | None = None
        self._domains: tuple[Domain, ...] = ()
        self._hurry: Callable[[], None] = lambda: None
        self._hurried = asyncio.Event()
        self.outcome: Outcome | None = None

    def hurry(self) -> None:
        """The end must not wait for requests under way."""
        self._hurry()

    def missing(self) -> list[str]:
        """What is not ready yet; empty once the proxy confirmed the first configuration."""
        missing = [name for source in self._missing_sources for name in source()]
        if self.outcome is None or not self.outcome.programmed:
            missing.append("the proxy has not confirmed its configuration")
        return missing

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything started; stopped in the right order at the end."""
        options = self._options
        state = prepare_state_folder(options.state)
        sslproto.SSLProtocol.max_size = TLS_BUFFER
        ensure_schema()
        async with contextlib.AsyncExitStack() as stack:
            client = await self._api(stack, state)
            stack.push_async_callback(client.close)
            read: Iterable[type[Resource]] = dict.fromkeys(
                (*READ, *kinds_read(options.settings, on_box=options.kubeconfig is None))
            )
            hub = Hub(client, [BY_TYPE[kind] for kind in read], last_good=self._last_good(state))
            self._missing_sources.append(hub.missing)
            async with self._ingress(state, client, hub):
                yield

    async def _api(self, stack: contextlib.AsyncExitStack, state: Path) -> Client:
        """A client of the API to read from: the cluster's, or our own with the folders' manifests in it."""
        options = self._options
        if options.kubeconfig is not None:
            # Envoy, its sockets and the last good snapshot belong to one process.
            stack.callback(FolderLock(state).release)
            self._problems.tell("role", unused_settings(options.settings))
            return Client(from_files([options.kubeconfig]))
        host, port = api_address(options.settings)
        logs, namespace = options.logs, pod_namespace(options.settings)
        pod_logs = None if logs is None else PartPodLogs(logs, namespace, host_name())
        audit = options.settings.embedded_api.audit
        api = ApiServer(state=state, host=host, port=port, ready=self.missing, logs=pod_logs, audit=audit)
        await api.start()
        if logs is not None:
            _open_logs(logs, state)  # not before the API holds the state folder
            stack.push_async_callback(logs.close)
        stack.push_async_callback(api.stop)
        if logs is not None:
            stack.callback(logs.end_follows)
        self._objects, self._writer = api.objects, LocalWriter(api.objects)
        if options.paths:
            sync = FolderSync(
                options.paths,
                api.objects,
                lambda problems: self._problems.tell("folders", problems),
                kubectl=shutil.which("kubectl"),
            )
            self._problems.locate = sync.locate
            await sync.first_pass()
            await stack.enter_async_context(supervised({"folder sync": sync.run}, on_crash=self._on_crash))
        tls = ssl.create_default_context(cafile=api.authority)
        return Client(ClientConfig(server=api.url, tls=tls, token=Token(api.issue_token(OWN_USER))))

    @contextlib.asynccontextmanager
    async def _ingress(self, state: Path, client: Client, hub: Hub) -> AsyncIterator[None]:
        sockets = socket_folder(state)
        events = EventWriter(client)
        host = host_name() if self._options.kubeconfig is None else None
        self._domains = make_domains(
            self._options.settings, Around(client, events, hub, host, self._problems.tell)
        )
        ingress = Ingress(
            self._options.settings,
            state=state,
            sockets=sockets,
            client=client,
            events=events,
            publish=self._on_outcome,
            addresses=read_facts().addresses if self._options.kubeconfig is None else (),
            metrics=lambda: chain.from_iterable(domain.metrics() for domain in self._domains),
        )
        backends = BackendsController(
            self._writer or client,
            mirrors=self._options.kubeconfig is None,
            on_problems=lambda problems: self._problems.tell("backends", problems),
        )

        async def serve() -> None:
            # The first configuration shall be whole: with the endpoints that annotations stand for. A cluster may
            # be away, and then what was good last must serve at once.
            if self._writer is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ENDPOINTS_WITHIN):
                        await backends.settled.wait()
            await ingress.follow(hub.snapshots())

        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(ingress.listening())
            await self._start_proxy(stack, sockets, events, ingress)
            parts: dict[str, Callable[[], Awaitable[None]]] = {
                "hub": hub.run,
                "ingress": serve,
                "backends": lambda: backends.run(hub.snapshots()),
                **ingress.parts,
            }
            for domain in self._domains:
                parts.update(domain.parts)
                stack.push_async_callback(domain.close)
            reloader = self._reloader(ingress)
            if reloader is not None:
                parts["settings"] = reloader.run
                stack.enter_context(_on_hangup(reloader.request))
            if self._box is not None:
                parts["box"] = self._box.run
            async with supervised(parts, on_crash=self._on_crash):
                yield

    async def _start_proxy(
        self, stack: contextlib.AsyncExitStack, sockets: Path, events: EventWriter, ingress: Ingress
    ) -> None:
        """With the box that shows it: the box is told how the proxy ends, and tells it last of all."""
        box = self._box = self._make_box(events)
        if box is not None:
            stack.push_async_callback(box.finish)
        proxy = self._proxy(sockets)
        await proxy.start()
        stack.push_async_callback(self._stop_proxy, proxy)
        ingress.read_from(proxy.stats)
        stack.callback(ingress.internals.terminate)  # before the proxy drains
        stack.enter_context(reopening(proxy.reopen_logs))
        if box is not None:
            box.add(Part(PROXY, envoy_version(), lambda: process_run(proxy.pid), proxy.ready))
            for shown in filter(None, (domain.description for domain in self._domains)):
                box.add(Part(shown, __version__, lambda: process_run(os.getpid()), self._is_ready))

    async def _stop_proxy(self, proxy: Proxy) -> None:
        """Requests are still taken for a while, so that a load balancer has time to notice."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(accept_grace(self._settings)):
                await self._hurried.wait()
        proxy.grace = drain_grace(self._settings)
        await proxy.stop()

    def _reloader(self, ingress: Ingress) -> Reloader | None:
        source = self._options.source
        if source is None:
            return None

        def apply(settings: Settings) -> None:
            ingress.reload(settings)
            for domain in self._domains:
                domain.reload(settings)
            set_log_level(settings.log.level)
            self._settings = settings

        return Reloader(source, self._settings, apply=apply, tell=self._tell_settings)

    def _tell_settings(self, problems: tuple[Problem, ...]) -> None:
        known = self._problems.told("settings")
        warnings = settings_warnings(self._settings, on_box=self._options.kubeconfig is None)
        self._problems.tell("settings", (*problems, *warnings))
        if self._box is not None:
            for problem in sorted(set(problems) - known):
                self._box.note(problem.reason.value, str(problem), type="Warning")

    def _make_box(self, events: EventWriter) -> Box | None:
        """Shows this program in the embedded API; a cluster shows its own Pods."""
        if self._objects is None:
            return None

        box = Box(self._objects, namespace=pod_namespace(self._options.settings), emit=events.emit)
        box.add(Part(CONTROLLER, __version__, lambda: process_run(os.getpid()), self._is_ready))
        return box

    async def _is_ready(self) -> bool:
        return not self.missing()

    def _proxy(self, sockets: Path) -> Proxy:
        def on_start() -> None:
            if self._options.logs is not None:
                self._options.logs.begin_run(PROXY.component)

        def on_exit(status: int | None) -> None:
            if self._box is not None:
                self._box.exited(PROXY.component, status)

        kept, bounds = counted(self._options.settings)
        bootstrap = BootstrapOptions(xds_socket=sockets / "xds.sock", stats_prefixes=kept, buckets=bounds)
        proxy = Proxy(sockets, bootstrap, on_exit=on_exit, on_start=on_start)

        def hurry() -> None:
            self._hurried.set()
            proxy.hurry()

        self._hurry = hurry
        return proxy

    def _last_good(self, state: Path) -> LastGood | None:
        """For a cluster, whose API server may be away when we start. Our own starts with us."""
        if self._options.kubeconfig is None:
            return None
        return LastGood(state / "last-good", key_file(state / "last-good.key"))

    def _on_crash(self, name: str, error: Exception) -> None:
        if self._box is not None:
            self._box.crashed(name, error)

    def _on_outcome(self, outcome: Outcome) -> None:
        first = self.missing()
        self.outcome = outcome
        missing = self.missing()
        if self._box is not None and missing != first:
            self._box.changed()
        if first and not missing:
            _settle_memory()
            sites = list_sites(outcome.built.model, outcome.problems)
            print_sites(self._console, sites)
            log.info("ready", sites=len(sites), routers=len(outcome.built.model.routers))
        self._problems.tell("ingress", outcome.problems)


@contextlib.contextmanager
def _on_hangup(call: Callable[[], None]) -> Iterator[None]:
    """`call` answers SIGHUP, by which services are told to read their settings again."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, call)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _open_logs(logs: PartLogs, state: Path) -> None:
    try:
        logs.open(state / "logs")
    except OSError as error:
        log.warning("logs are not kept for kubectl", error=error.strerror, folder=str(state / "logs"))


def _settle_memory() -> None:
    """What was read at the start stays: the collector need not look at it again, which would stop everything for
    50 ms and more with some thousand objects. What reading it took goes back to the system."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; elsewhere the memory stays with us
    if trim is not None:
        trim(0)
