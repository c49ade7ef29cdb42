"""The ingress loop: every settled snapshot becomes Envoy's configuration; what is wrong becomes status."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

import structlog

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.auth.tables import auth_tables
from hearthgate.ingress.envoy.certificates import CertificateIndex
from hearthgate.ingress.envoy.translate import Translator
from hearthgate.ingress.guards.guards import Guards
from hearthgate.ingress.health.monitor import HealthMonitor
from hearthgate.ingress.health.watched import health_problems, watched, with_health
from hearthgate.ingress.middlewares.counted import bound
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.postgres.service import StartTLSService
from hearthgate.ingress.postgres.tables import starttls_tables
from hearthgate.ingress.proofs.service import ProofService
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.gateway.left_out import with_left_out
from hearthgate.ingress.routing.kept import KeptCertificates
from hearthgate.ingress.routing.model import Built, RoutingModel
from hearthgate.ingress.routing.status import wanted_conditions
from hearthgate.ingress.xds.resources import ENDPOINT, LISTENER, Resources, Versioned
from hearthgate.ingress.xds.server import Applied
from hearthgate.ingress.xds.view import Rejection
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Condition

log = structlog.get_logger(__name__)


class ProxyConfig(Protocol):
    """Where the configuration goes: the ADS server. `in_sync`: the proxy confirmed all that was applied."""

    @property
    def in_sync(self) -> asyncio.Event: ...
    async def apply(self, resources: Resources) -> Applied: ...
    async def update_endpoints(self, endpoints: Mapping[str, Versioned]) -> Applied: ...
    async def refresh_secrets(self) -> Applied: ...


class Outcome(NamedTuple):
    """What became of one snapshot. `built`: with those routers alone that the proxy can serve. `programmed`: it
    confirmed them. `seconds`: what that took."""

    snapshot: Snapshot
    built: Built
    problems: tuple[Problem, ...]
    programmed: bool
    seconds: float = 0.0

    def conditions(self) -> dict[ObjectRef, tuple[Condition, ...]]:
        """The status conditions that the objects of this snapshot should have."""
        return dict(
            wanted_conditions(
                self.built.owned, self.built.model.every_router, self.problems, programmed=self.programmed
            )
        )


class _Applied(NamedTuple):
    """What the proxy was brought to last. model: as it was built. served: without what cannot be translated.
    problems: of the translation."""

    model: RoutingModel
    served: RoutingModel
    middlewares: tuple[Middleware, ...]
    problems: tuple[Problem, ...]


class IngressController:
    """Brings the proxy to what each snapshot says. One at a time, always the newest."""

    def __init__(
        self,
        *,
        builder: RoutingBuilder,
        translator: Translator,
        proxy: ProxyConfig,
        auth: AuthService,
        guards: Guards,
        health: HealthMonitor,
        starttls: StartTLSService,
        proofs: ProofService,
        publish: Callable[[Outcome], None],
    ) -> None:
        self._builder = builder
        self._translator = translator
        self._proxy = proxy
        self._auth = auth
        self._guards = guards
        self._health = health
        self._turn = asyncio.Lock()
        self._latest: Outcome | None = None
        self._last: _Applied | None = None
        self._snapshot: Snapshot | None = None
        self._confirming: asyncio.Task[None] | None = None
        self._starttls = starttls
        self._proofs = proofs
        self._publish = publish
        self._certificates = CertificateIndex()
        self._kept = KeptCertificates()
        self._served: tuple[object, ...] = ()

    def use(self, builder: RoutingBuilder) -> None:
        """From the next snapshot on, models are built by `builder`."""
        self._builder = builder

    def secret(self, name: str) -> Versioned | None:
        """Answers the proxy's question for the certificate of a host."""
        return self._certificates.secret(name)

    def is_known(self, name: str) -> bool:
        """Whether a certificate of its own serves this host."""
        return self._certificates.is_known(name)

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Applies and publishes. What a proxy that was away confirms later is published once more then."""
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self._follow_guards()), group.create_task(self._follow_health(group))
            try:
                async for snapshot in snapshots:
                    self._stop_confirming()
                    async with self._turn:
                        self._snapshot = snapshot
                        self._conclude(await self._apply(snapshot), group)
            finally:
                for task in following:
                    task.cancel()
                self._stop_confirming()

    def _conclude(self, outcome: Outcome, group: asyncio.TaskGroup) -> None:
        """Publishes, and once more when a proxy that was away confirms."""
        self._tell(outcome)
        self._stop_confirming()
        if not outcome.programmed:
            self._confirming = group.create_task(self._publish_confirmed(outcome))

    def _stop_confirming(self) -> None:
        if self._confirming is not None:
            self._confirming.cancel()
            self._confirming = None

    async def _publish_confirmed(self, outcome: Outcome) -> None:
        await self._proxy.in_sync.wait()
        self._tell(outcome._replace(programmed=True))

    async def _follow_guards(self) -> None:
        """Publishes the latest outcome again whenever guards have other problems."""
        while True:
            await self._guards.changed.wait()
            self._guards.changed.clear()
            if self._latest is not None:
                self._tell(self._latest)

    async def _follow_health(self, group: asyncio.TaskGroup) -> None:
        """Applies what health checks find. What they tell in one moment is applied at once."""
        while True:
            await self._health.changed.wait()
            async with self._turn:
                if not self._health.changed.is_set():
                    continue  # the turn before ours has seen to it
                self._health.changed.clear()
                # Which snapshot is the newest is known only now that it is our turn.
                if self._snapshot is not None:
                    self._conclude(await self._apply(self._snapshot), group)

    def _tell(self, outcome: Outcome) -> None:
        self._latest = outcome
        problems = sorted({*outcome.problems, *self._guards.problems()})
        self._publish(outcome._replace(problems=tuple(problems)))

    async def _apply(self, snapshot: Snapshot) -> Outcome:
        """Brings the proxy to what a snapshot and the health of servers say. One call at a time."""
        started = time.perf_counter()
        self._health.changed.clear()
        built = self._builder.build(snapshot)
        built = self._with_health(self._kept.complete(snapshot, built, time.time()))
        linked = time.perf_counter()
        last = self._last
        resources = None
        self._last = None  # an attempt that is cancelled half way leaves nothing to build upon
        if last is not None and last.model == built.model:
            resources = self._translator.translate_endpoints(built.endpoints)
        if last is not None and resources is not None:
            self._guards.update(last.middlewares, built.endpoints)
            translated = time.perf_counter()
            applied = await self._proxy.update_endpoints(resources[ENDPOINT])
            # Endpoints may be confirmed by a proxy that has not got as far with the rest.
            applied = applied._replace(acked=applied.acked and self._proxy.in_sync.is_set())
            self._last = last
        else:
            translation = self._translator.translate(built.model, built.endpoints)
            translated = time.perf_counter()
            middlewares = self._prepare(built)
            await self._serve_certificates(built, translation.certificates)
            applied = await self._proxy.apply(translation.resources)
            served = built.model.without(translation.left_out)
            last = self._last = _Applied(built.model, served, middlewares, translation.problems)
        problems = sorted({*built.problems, *last.problems, *rejection_problems(applied.rejected)})
        done = time.perf_counter()
        log.debug(
            "snapshot applied",
            snapshot=snapshot.number,
            routers=len(built.model.routers),
            problems=len(problems),
            confirmed=applied.acked,
            endpoints_alone=resources is not None,
            build_ms=round((linked - started) * 1e3, 1),
            translate_ms=round((translated - linked) * 1e3, 1),
            proxy_ms=round((done - translated) * 1e3, 1),
        )
        return Outcome(snapshot, _served(built, last), tuple(problems), applied.acked, done - started)

    def _with_health(self, built: Built) -> Built:
        """What was built, with what the servers themselves say of their health."""
        if self._last is None or self._last.model != built.model:
            watching = watched(built.model.routers)
        else:
            watching = dict(self._health.watching)
        if not watching and not self._health.watching:
            return built
        self._health.update(watching, built.endpoints)
        failures = self._health.failures
        found = health_problems(built.endpoints, watching, failures)
        return built._replace(
            endpoints=with_health(built.endpoints, watching, failures),
            problems=tuple(sorted({*built.problems, *found})),
        )

    def _prepare(self, built: Built) -> tuple[Middleware, ...]:
        """Tells our own services what the routes will ask them, before those do: a guard must never meet a service
        that does not know its users yet. Returns all middlewares."""
        middlewares = tuple(m for router in built.model.routers for m in router.every_middleware)
        self._auth.update(auth_tables(middlewares))
        self._auth.counters.update(
            m for router in built.model.routers for m in bound(router.every_middleware, router.name)
        )
        self._guards.update(middlewares, built.endpoints)
        self._starttls.update(starttls_tables(built.model))
        self._proofs.update(built.model.proofs)
        return middlewares

    async def _serve_certificates(self, built: Built, index: CertificateIndex) -> None:
        """The proxy asks for certificates by name; those that it holds must follow a change."""
        self._certificates = index
        model = built.model
        served = (model.certificates, model.default_certificate, model.tls_options)
        if served != self._served:
            self._served = served
            await self._proxy.refresh_secrets()


def _served(built: Built, last: _Applied) -> Built:
    """What was built, less the routers that could not be translated."""
    if last.served is last.model:
        return built
    serving = {router.ref for router in last.served.every_router}
    verdicts = with_left_out(built.verdicts, last.problems, serving)
    return built._replace(model=last.served, verdicts=verdicts)


def rejection_problems(rejected: Iterable[Rejection]) -> tuple[Problem, ...]:
    """What the proxy refused, as problems of the settings: users cannot cause it by their objects."""
    problems = []
    for rejection in rejected:
        for name in rejection.names:
            busy = rejection.type_url == LISTENER and "cannot bind" in rejection.message
            field = f"entryPoints.{name.partition('/')[0]}" if rejection.type_url == LISTENER else ""
            problems.append(
                Problem(
                    ref=SETTINGS_REF,
                    field=f"{field}.address" if busy else field,
                    reason=Reason.ADDRESS_IN_USE if busy else Reason.PROXY_REJECTED,
                    message=(
                        f"the address cannot be bound: {rejection.message} (another program may hold the port)"
                        if busy
                        else f"the proxy refuses {name}: {rejection.message}"
                    ),
                )
            )
    return tuple(problems)
