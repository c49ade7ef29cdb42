"""Proofs of DNS-01: written by the provider of the solver, looked for, and removed whatever happens in between."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

import structlog

from hearthgate.certificates.dns01.cname import target_of
from hearthgate.certificates.dns01.journal import Entry
from hearthgate.certificates.dns01.logbook import CONFIG_MAP, Logbook
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.provider import (
    TTL,
    Provider,
    ProviderProblem,
    ReadSecret,
    Record,
    challenge_name,
)
from hearthgate.certificates.dns01.providers import Providers
from hearthgate.certificates.issuers.named import AnyIssuer, lacking, place_of_secrets, secret_value
from hearthgate.certificates.orders.proofs import Seen
from hearthgate.certificates.pace import Pace
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.errors import Conflict
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.errors import Permanent, Transient
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager import Challenge
from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.certmanager.solvers import DNS01
from hearthgate.resources.core import ConfigMap
from hearthgate.resources.meta import Resource

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (Challenge, ConfigMap)
"""What is looked at to find what was left behind."""
GIVEN_UP_AFTER: Final = timedelta(days=14)
"""What cannot be removed for so long never can: credentials or zone are gone."""


class DNS01Proofs:
    """Each Challenge is worked on by one task at a time; a lock keeps the sweeper away from it meanwhile."""

    def __init__(self, tools: Tools, providers: Providers, propagation: Propagation) -> None:
        self._tools = tools
        self._providers = providers
        self._propagation = propagation
        self._logbook = Logbook(tools)
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def present(self, snapshot: Snapshot, challenge: Challenge, issuer: AnyIssuer) -> None:
        solver = _solver(challenge)
        secrets = place_of_secrets(issuer, self._tools.settings.cluster_resource_namespace)
        async with self._lock_of(challenge.key):
            provider = await self._provider(snapshot, solver, secrets)
            entry = Entry(
                namespace=challenge.metadata.namespace,
                challenge=challenge.metadata.name,
                uid=challenge.metadata.uid,
                host=challenge.spec.dns_name,
                name=await self._name(challenge.spec.dns_name, solver),
                value=challenge.spec.key,
                ttl=TTL,
                solver=solver,
                secrets=secrets,
                since=self._tools.now(),
            )
            await self._logbook.add(entry)
            await provider.present(entry.record)

    async def look(self, challenge: Challenge) -> Seen:
        solver = _solver(challenge)
        record = Record(challenge_name(challenge.spec.dns_name), challenge.spec.key)
        only = bool(solver.nameservers) or self._tools.settings.acme_dns01_config.recursive_nameservers_only
        return await self._propagation.seen(record, nameservers=self._nameservers(solver), recursive_only=only)

    async def clear(self, snapshot: Snapshot, challenge: Key) -> None:
        async with self._lock_of(challenge):
            await self._clear(snapshot, challenge)

    async def sweep(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Removes the records of Challenges that are gone; returns what is in the way of some."""
        present = snapshot.collection(Challenge).objects
        trouble = []
        for key in (await self._logbook.read()).left_over(present):
            async with self._lock_of(key):
                try:
                    await self._tools.ensure_absent(Challenge, *key)
                    await self._clear(snapshot, key)
                except Conflict:
                    continue  # it is there again, and its own reconciler sees to it
                except (Transient, Permanent) as error:
                    trouble.append(f"{'/'.join(key)}: {error}")
        return tuple(trouble)

    async def _clear(self, snapshot: Snapshot, challenge: Key) -> None:
        for entry in (await self._logbook.read()).of(challenge):
            if not (await self._logbook.read()).is_shared(entry):
                await self._remove(snapshot, entry)
            await self._logbook.drop(entry)

    async def _remove(self, snapshot: Snapshot, entry: Entry) -> None:
        try:
            provider = await self._provider(snapshot, entry.solver, entry.secrets)
            await provider.remove(entry.record)
        except Permanent as error:
            if self._tools.now() - entry.since < GIVEN_UP_AFTER:
                raise
            log.warning(
                "the record of a proof is left behind: remove it by hand",
                name=entry.name,
                value=entry.value,
                error=str(error),
            )

    async def _provider(self, snapshot: Snapshot, solver: DNS01, secrets: str) -> Provider:
        async def zone_of(name: str) -> str:
            resolvers = await self._propagation.resolvers(self._nameservers(solver))
            return await resolvers.zone_of(name)

        reader = secret_reader(snapshot, secrets)
        return await self._providers.provider_of(solver, reader, namespace=secrets, zone_of=zone_of)

    async def _name(self, host: str, solver: DNS01) -> str:
        name = challenge_name(host)
        if solver.cname_strategy != "Follow":
            return name
        servers = self._nameservers(solver)
        first, second = await self._propagation.resolvers(servers), await self._propagation.second(servers)
        return await target_of(name, first, second=second)

    def _nameservers(self, solver: DNS01) -> Sequence[str]:
        return solver.nameservers or self._tools.settings.acme_dns01_config.recursive_nameservers

    def _lock_of(self, key: Key) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock


class RecordSweeper:
    """Looks at the journal: what was written for a Challenge that went away while nobody looked is removed."""

    kind: type[Resource] = ConfigMap
    workers = 1
    limit = 240.0

    def __init__(self, tools: Tools, proofs: DNS01Proofs) -> None:
        self._tools = tools
        self._proofs = proofs
        self._pace = Pace(tools.now, first=2.0, most=300.0)
        self._told: tuple[str, ...] = ()

    def concerned(self, snapshot: Snapshot, changed: Resource) -> tuple[Key, ...]:
        """Challenges that go away while we look are cleared by their own reconciler."""
        return ()

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        if (namespace, name) != (self._tools.settings.cluster_resource_namespace, CONFIG_MAP):
            return None
        if rest := self._pace.rest(CONFIG_MAP):
            return rest
        trouble = await self._proofs.sweep(snapshot)
        if trouble:
            if trouble != self._told:
                log.warning("records of proofs are not removed yet", trouble=list(trouble))
            self._told = trouble
            return self._pace.again(CONFIG_MAP)
        self._told = ()
        self._pace.forget(CONFIG_MAP)
        return None


def secret_reader(snapshot: Snapshot, namespace: str) -> ReadSecret:
    """Reads references to Secrets of a namespace."""

    def read(field: str, ref: SecretKeyRef) -> SecretBytes:
        value = secret_value(snapshot, namespace, ref)
        if value is None:
            raise ProviderProblem(field, lacking(snapshot, namespace, ref))
        return value

    return read


def _solver(challenge: Challenge) -> DNS01:
    solver = challenge.spec.solver.dns01
    if solver is None:
        raise Permanent("the solver of this Challenge is none for DNS-01")
    return solver
