"""The ADS server: brings every connected Envoy to the wanted resources without breaking a request.

Order of a change: clusters, endpoints and secrets; wait until Envoy confirms; routes; wait; listeners; wait;
after a while, for the requests still on their way through filters, what is no longer wanted is removed. Every
wait has a deadline: a cluster that never warms up keeps Envoy from ever confirming clusters again, though it
goes on applying them.

Nothing is answered before the first `apply`: a fresh Envoy must not take "nothing" for its configuration, and
one that serves already must not be told to remove all it has.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import structlog

from hearthgate.ingress.xds.delivery import REMOVED_LATER, Connection, Delivery
from hearthgate.ingress.xds.resources import (
    CLUSTER,
    ENDPOINT,
    LISTENER,
    ROUTE,
    SECRET,
    Difference,
    Resources,
    Versioned,
)
from hearthgate.ingress.xds.stream import Stream
from hearthgate.ingress.xds.view import Rejection, SecretResolver, View
from hearthgate.ingress.xds.wire import parse_request
from hearthgate.model.errors import Permanent, WireError

log = structlog.get_logger(__name__)

_STEPS: Final = ((CLUSTER, ENDPOINT, SECRET), (ROUTE,), (LISTENER,))
_LONGEST_SOCKET_PATH: Final = 107  # sun_path, unix(7)
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Envoy pings every 30 s. By default gRPC takes one ping in 5 minutes and ends the connection at the third.
    ("grpc.http2.max_ping_strikes", 0),
)


class Applied(NamedTuple):
    """acked: a connected Envoy confirmed everything in time. rejected: what Envoy refuses now, from whenever."""

    acked: bool
    rejected: tuple[Rejection, ...] = ()


class AdsServer:
    """Serves delta ADS on a unix socket that only this user can open.

    secret_resolver: asked for secrets that are not among the resources; None refuses the name. It may be asked
        often and must answer at once. The name inside the body does not matter: it is set to the one asked for.
    is_known: whether a secret's name is one of the configuration's own, as opposed to one that a client made up
        (its SNI). Of the others at most `on_demand_limit` are held, the latest ones.
    on_rejections: told whenever the set of what Envoy refuses has changed.
    ack_timeout, linger: seconds; how long to wait for a confirmation, and how long unwanted clusters, endpoints
        and secrets outlive the routes to them.

    Events: `connected` while a stream is open; `in_sync` while the latest Envoy confirmed all it asked for;
    `first_config_acked` from the first time on. The wanted state outlives connections.
    """

    def __init__(
        self,
        socket: Path,
        *,
        secret_resolver: SecretResolver = lambda _: None,
        is_known: Callable[[str], bool] = lambda _: False,
        on_rejections: Callable[[tuple[Rejection, ...]], None] = lambda _: None,
        on_demand_limit: int = 1024,
        ack_timeout: float = 3.0,
        linger: float = 2.0,
    ) -> None:
        self._socket = socket
        self._on_demand_limit = on_demand_limit
        self._view = View(secret_resolver, is_known)
        self._delivery = Delivery(self._view, on_rejections=on_rejections, ack_timeout=ack_timeout, linger=linger)
        self._wanted: Resources | None = None
        self._done: tuple[Resources, bool] | None = None
        self._turn = asyncio.Lock()
        self._configured = asyncio.Event()
        self._resync: asyncio.Task[None] | None = None
        self._behind = False
        self._grpc: grpc.aio.Server | None = None
        self.connected = self._delivery.connected
        self.in_sync = self._delivery.in_sync
        self.first_config_acked = self._delivery.first_config_acked

    async def start(self) -> None:
        """Opens the socket, in a folder made for it. Raises Permanent when that is impossible."""
        address = os.fspath(self._socket.absolute())
        if len(os.fsencode(address)) > _LONGEST_SOCKET_PATH:
            raise Permanent(f"the path of the xDS socket is too long for a unix socket: {address}")
        server = grpc.aio.server(options=_OPTIONS)
        methods = {"DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(self._serve)}
        service = "envoy.service.discovery.v3.AggregatedDiscoveryService"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
        try:
            self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._socket.parent.chmod(0o700)  # before the socket exists: nobody else gets in between
            server.add_insecure_port(f"unix:{address}")
            await server.start()
            self._socket.chmod(0o600)
        except (OSError, RuntimeError) as error:
            raise Permanent(f"cannot open the xDS socket {address}: {error}") from error
        self._grpc = server

    async def stop(self) -> None:
        """Closes every stream and the socket. Envoy goes on with what it has."""
        self._delivery.close()
        if self._resync is not None:
            self._resync.cancel()
            await asyncio.gather(self._resync, return_exceptions=True)
        if self._grpc is not None:
            await self._grpc.stop(grace=None)
            self._grpc = None

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """What Envoy refuses now."""
        return self._delivery.rejections

    def subscribed_secrets(self) -> tuple[str, ...]:
        """The names of the secrets that the latest Envoy uses or was refused, sorted."""
        connections = self._delivery.connections
        return connections[-1].stream.subscribed(SECRET) if connections else ()

    async def apply(self, resources: Resources) -> Applied:
        """Brings Envoy to exactly `resources`, in the safe order. Sends nothing that Envoy has.

        Calls that overlap take turns, and a turn always takes the newest resources: a call that was overtaken
        returns the outcome of the newer ones. Without a connected Envoy the state is kept for the next one.
        """
        self._wanted = resources
        async with self._turn:
            wanted = self._wanted
            if self._done is None or self._done[0] is not wanted:
                self._done = None  # a call that is cancelled half way leaves nothing that counts as done
                self._done = (wanted, await self._converge(wanted))
            return self._outcome(self._done[1])

    async def update_endpoints(self, endpoints: Mapping[str, Versioned]) -> Applied:
        """Changes or adds these ClusterLoadAssignments at once, beside any `apply` that is under way."""
        return await self._update(ENDPOINT, endpoints)

    async def update_secrets(self, secrets: Mapping[str, Versioned]) -> Applied:
        """Changes or adds these Secrets at once, beside any `apply` that is under way."""
        return await self._update(SECRET, secrets)

    async def refresh_secrets(self) -> Applied:
        """Asks the resolver again for every secret in use and sends those that changed."""
        self._view.forgive_secrets()
        self._delivery.note_state(deep=False)
        for connection in self._delivery.connections:
            connection.send(connection.stream.push(SECRET, connection.stream.subscribed(SECRET)))
        return self._outcome(await self._delivery.settle((SECRET,)))

    def _outcome(self, acked: bool) -> Applied:
        return Applied(acked and self.connected.is_set(), self._delivery.rejections)

    async def _update(self, type_url: str, changes: Mapping[str, Versioned]) -> Applied:
        if self._wanted is not None:  # so that neither a waiting nor a repeated `apply` undoes this
            done = self._done if self._done is not None and self._done[0] is self._wanted else None
            self._wanted = self._wanted.updated(type_url, changes)
            if done is not None:
                self._done = (self._wanted, done[1])
        sent = self._delivery.push(type_url, self._view.put(type_url, changes))
        acked = await self._delivery.settle((type_url,)) if sent else True
        return self._outcome(acked)

    async def _converge(self, wanted: Resources) -> bool:
        delivery = self._delivery
        if not self._configured.is_set() or not delivery.connections:
            for type_url in (type_url for step in _STEPS for type_url in step):
                self._replace(type_url, wanted)
            self._configured.set()
            delivery.note_state()
            return await delivery.settle_everything()
        known_routes = set(self._view.names(ROUTE))
        acked = True
        for step in _STEPS:
            sent = False
            for type_url in step:
                sent |= delivery.push(type_url, self._replace(type_url, wanted))
            if sent:
                acked &= await delivery.settle(step)
                if LISTENER in step and (new := wanted[ROUTE].keys() - known_routes):
                    await delivery.settle_new_routes(new)
        delivery.note_state()
        return acked and await delivery.settle_everything()

    def _replace(self, type_url: str, wanted: Resources) -> Difference:
        """What changes now. Removals that must wait are planned instead."""
        difference = self._view.replace(type_url, wanted[type_url])
        if type_url not in REMOVED_LATER:
            return difference
        self._delivery.retire(type_url, difference.removed)
        return Difference(difference.changed)

    async def _serve(
        self, requests: AsyncIterator[bytes], _context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[bytes]:
        connection = Connection(Stream(self._view, on_demand_limit=self._on_demand_limit))
        self._delivery.join(connection)
        log.info("envoy connected", streams=len(self._delivery.connections))
        reader = asyncio.create_task(self._read(connection, requests))
        try:
            while (response := await connection.outbox.get()) is not None:
                yield response
        finally:
            reader.cancel()
            self._delivery.leave(connection)
            log.info("envoy disconnected", streams=len(self._delivery.connections))

    async def _read(self, connection: Connection, requests: AsyncIterator[bytes]) -> None:
        try:
            async for data in requests:
                request = parse_request(data)
                await self._configured.wait()
                if self._delivery.receive(connection, request):
                    self._behind = True
                    if self._resync is None or self._resync.done():
                        self._resync = asyncio.create_task(self._bring_up_to_date())
                        self._resync.add_done_callback(_report_fault)
        except WireError as error:
            log.warning("closing a stream that speaks no xDS", error=str(error))
        except Exception:
            log.exception("closing a stream over a fault of ours")
        finally:
            connection.outbox.put_nowait(None)

    async def _bring_up_to_date(self) -> None:
        """Gives an Envoy that comes back everything that it lacks, in the safe order."""
        while self._behind:
            async with self._turn:
                self._behind = False
                for step in _STEPS:
                    self._delivery.push_all(step)
                    await self._delivery.settle(step)
                self._delivery.remove_excess()
            self._delivery.note_state()


def _report_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        log.critical("a fault of ours keeps a returning envoy from being updated", exc_info=fault)
