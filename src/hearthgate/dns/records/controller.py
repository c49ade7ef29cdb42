"""Keeps public zones at what is wanted: when the resources change, and when the external address does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final, NamedTuple

import structlog

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.dns.external.agree import Steady, Verdict
from hearthgate.dns.external.finding import find
from hearthgate.dns.names.model import Name
from hearthgate.dns.names.published import KINDS, Choices, published
from hearthgate.dns.records.model import Action, Change, HeldBy
from hearthgate.dns.records.plan import Policy, plan
from hearthgate.dns.records.provider import Provider
from hearthgate.dns.records.settings import ExternalAddress, PublicZone
from hearthgate.dns.records.wanted import SETTINGS, Asked, External, wanted_records
from hearthgate.model.durations import parse_duration
from hearthgate.model.errors import HearthgateError
from hearthgate.model.metrics import Labels, Metric, family
from hearthgate.model.problems import Problem, Reason, Severity

log = structlog.get_logger(__name__)

REREAD: Final = 6 * 3600.0
"""Seconds that the records of a zone are believed to be as they were read, unless something is to be changed."""
SOON: Final = 30.0
"""Seconds until another external address is looked at again, to be believed."""
TOGETHER: Final = 1.0
"""Seconds after a change: several objects change together."""
RECORDS: Final = Metric("hearthgate_dns_records", "gauge", ("zone", "state"), "Public records, by what is done.")
EXTERNAL: Final = Metric("hearthgate_public_ip_info", "gauge", ("family", "ip"), "The external address, as 1.")


class Planned(NamedTuple):
    """Of one zone."""

    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]


def planned(
    zone: PublicZone,
    held: HeldBy,
    asked: Asked,
    *,
    adopts: bool = False,
    force: bool = False,
) -> Planned:
    """Pure."""
    policy = Policy(zone.owner, zone.policy == "sync", adopts, force, asked.unknown)
    return Planned(plan(held, asked.wanted, policy), asked.problems)


async def look_outside(settings: ExternalAddress) -> tuple[Verdict, Verdict]:
    """Of IPv4 and IPv6."""
    v6 = find(settings.sources, 6) if settings.ipv6 else _none()
    first, second = await asyncio.gather(find(settings.sources, 4), v6)
    return first, second


class RecordKeeper:
    """providers: of each zone. on_problems: told all whenever they change."""

    def __init__(
        self,
        zones: Iterable[tuple[PublicZone, Callable[[Snapshot], Provider]]],
        external: ExternalAddress,
        choices: Choices,
        *,
        on_problems: Callable[[tuple[Problem, ...]], None],
    ) -> None:
        self._zones = tuple(zones)
        self._external = external
        self._choices = choices
        self._on_problems = on_problems
        self._steady = (Steady(), Steady())
        self._kept: dict[str, tuple[float, HeldBy]] = {}
        self._states: dict[str, dict[str, int]] = {}
        self._told: tuple[Problem, ...] | None = None
        self._failed: set[str] = set()
        self._warnings: dict[str, str] = {}

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        latest: list[Snapshot] = []
        changed = asyncio.Event()

        async def follow() -> None:
            async for snapshot in snapshots:
                before = latest[-1] if latest else None
                latest[:] = [snapshot]
                if before is None or any(before.collection(one) is not snapshot.collection(one) for one in KINDS):
                    changed.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(follow())
            await changed.wait()
            looks_at = 0.0
            why: tuple[str, ...] = ()
            while True:
                changed.clear()
                if time.monotonic() >= looks_at:
                    pause, why = await self._look()
                    looks_at = time.monotonic() + pause
                await self._round(latest[0], why)
                wait = SOON if self._failed else max(looks_at - time.monotonic(), 0.1)
                try:
                    async with asyncio.timeout(wait):
                        await changed.wait()
                        await asyncio.sleep(TOGETHER)
                except TimeoutError:
                    continue

    def lines(self) -> Iterator[str]:
        """For /metrics."""
        counted: list[tuple[Labels, float]] = [
            ((zone, state), float(count))
            for zone, states in sorted(self._states.items())
            for state, count in sorted(states.items())
        ]
        yield from family(RECORDS, counted)
        known = [(f"ipv{one.version}", str(one)) for one in self._outside.addresses]
        yield from family(EXTERNAL, [(labels, 1.0) for labels in known])

    @property
    def _outside(self) -> External:
        return External(self._steady[0].address, self._steady[1].address)

    async def _look(self) -> tuple[float, tuple[str, ...]]:
        """Seconds until the next look, and why an address is not known."""
        if not any(zone.root == "auto" for zone, _ in self._zones):
            return REREAD, ()
        pause = parse_duration(self._external.interval)
        why = []
        for steady, verdict, version in zip(self._steady, await look_outside(self._external), (4, 6), strict=True):
            before = steady.address
            now = steady.take(verdict.address)
            if now != before:
                log.info("the external address is another one", now=str(now), before=str(before))
            if verdict.address not in (now, None):
                pause = min(pause, SOON)
            if verdict.address is None and (version == 4 or verdict.why.startswith("the sources do not agree")):
                held = f", so {now} is kept" if now is not None else ""
                why.append(f"the external IPv{version} address is not known: {verdict.why}{held}")
        return pause, tuple(why)

    async def _round(self, snapshot: Snapshot, why: tuple[str, ...]) -> None:
        found = await asyncio.to_thread(published, snapshot, self._choices)
        problems = [*found.problems, *(_problem("dns.externalAddress", Reason.UNREADABLE, text) for text in why)]
        self._failed.clear()
        for zone, make in self._zones:
            try:
                problems += await self._zone(zone, make(snapshot), found.names)
            except HearthgateError as error:
                self._failed.add(zone.name)
                self._kept.pop(zone.name, None)
                problems.append(_problem(f"dns.zones: {zone.name}", Reason.REJECTED, str(error)))
        told = tuple(sorted(set(problems)))
        if told != self._told:
            self._told = told
            self._on_problems(told)

    async def _zone(self, zone: PublicZone, provider: Provider, names: tuple[Name, ...]) -> list[Problem]:
        asked = wanted_records(zone, names, self._outside)
        read, held = self._kept.get(zone.name, (0.0, {}))
        if not read or time.monotonic() - read >= REREAD:
            held = await self._read(zone, provider)
        result = planned(zone, held, asked)
        if any(change.is_write for change in result.changes) and not zone.dry_run:
            held = await self._read(zone, provider)  # somebody may have changed them meanwhile
            result = planned(zone, held, asked)
            writes = [change for change in result.changes if change.is_write]
            if writes:
                count = await provider.apply(writes)
                log.info("public records are changed", zone=zone.name, records=count)
                for change in writes:
                    log.info("record", action=change.action.value, name=change.name, type=change.type)
                result = planned(zone, await self._read(zone, provider), asked)
        self._states[zone.name] = _states(result.changes)
        return [*result.problems, *_skipped(zone, result.changes), *await self._warning(zone, provider)]

    async def _read(self, zone: PublicZone, provider: Provider) -> HeldBy:
        held = await provider.held()
        self._kept[zone.name] = (time.monotonic(), held)
        self._warnings.pop(zone.name, None)
        return held

    async def _warning(self, zone: PublicZone, provider: Provider) -> list[Problem]:
        if zone.name not in self._warnings:
            self._warnings[zone.name] = await provider.warning() if zone.proxied else ""
        text = self._warnings[zone.name]
        return [_problem(f"dns.zones: {zone.name}", Reason.INVALID_VALUE, text)] if text else []


def _states(changes: Iterable[Change]) -> dict[str, int]:
    found = dict.fromkeys(("in place", "to change", "skipped"), 0)
    for change in changes:
        state = "skipped" if change.action is Action.SKIP else "to change" if change.is_write else "in place"
        found[state] += 1
    return found


def _skipped(zone: PublicZone, changes: Iterable[Change]) -> Iterator[Problem]:
    for change in changes:
        if change.action is Action.SKIP:
            text = f"{change.name} {change.type} is left alone: {change.why}"
            yield _problem(f"dns.zones: {zone.name}", Reason.REJECTED, text)


def _problem(field: str, reason: Reason, message: str) -> Problem:
    return Problem(ref=SETTINGS, field=field, reason=reason, message=message, severity=Severity.WARNING)


async def _none() -> Verdict:
    return Verdict(None, "IPv6 is switched off")
