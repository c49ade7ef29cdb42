"""Tries a solver of DNS-01 from end to end, with a value that proves nothing: what would fail later fails now."""

import asyncio
import base64
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from hearthgate.certificates.dns01.cname import target_of
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.provider import Provider, Record, challenge_name
from hearthgate.model.errors import Permanent, Transient
from hearthgate.resources.certmanager.solvers import DNS01

PATIENCE: Final = 60.0
"""Seconds for the record to be seen: most services take some, a few take minutes."""
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0)


class Step(NamedTuple):
    """name: credentials, name, zone, write, seen or remove. words: what was found, or is wrong and the way out."""

    name: str
    ok: bool
    words: str


class Preflight:
    """provider: makes that of the solver; raises ProviderProblem. nameservers, recursive_only: as a look at a
    proof uses them. patience: seconds."""

    def __init__(
        self,
        solver: DNS01,
        provider: Callable[[], Awaitable[Provider]],
        propagation: Propagation,
        *,
        nameservers: Sequence[str] = (),
        recursive_only: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self._solver = solver
        self._provider = provider
        self._propagation = propagation
        self._nameservers = tuple(nameservers)
        self._recursive_only = recursive_only
        self._patience = patience

    async def steps(self, host: str) -> AsyncGenerator[Step, None]:
        """Each as it is done, up to the first that makes others pointless; close it to stop half-way. What was
        written is removed in any case but a crash; then the value is swept with others, or does no harm."""
        try:
            provider = await self._provider()
            yield Step("credentials", True, await provider.verify())
        except (Transient, Permanent) as error:
            yield Step("credentials", False, str(error))
            return
        named = await self._named(host)
        yield named.step
        if not named.goes_on:
            return
        try:
            yield Step("zone", True, f"{named.record.name} goes into {await provider.zone_of(named.record.name)}")
        except (Transient, Permanent) as error:
            yield Step("zone", False, str(error))
            return
        async with contextlib.aclosing(self._tried(provider, named.record, challenge_name(host))) as tried:
            async for step in tried:
                yield step

    async def _tried(self, provider: Provider, record: Record, asked: str) -> AsyncGenerator[Step, None]:
        try:
            try:
                await provider.present(record)
            except (Transient, Permanent) as error:
                yield Step("write", False, str(error))
                return
            yield Step("write", True, f"a TXT record of {record.name} was written")
            yield await self._seen(record._replace(name=asked))
        finally:
            removed = await _removed(provider, record)
        yield removed

    async def _named(self, host: str) -> "_Named":
        name = challenge_name(host)
        value = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        try:
            first = await self._propagation.resolvers(self._nameservers)
            target = await target_of(name, first, second=await self._propagation.second(self._nameservers))
        except Permanent as error:
            return _Named(Step("name", False, str(error)), Record(name, value))
        except Transient as error:
            # The provider may know better what is wrong, unless the name itself hangs on it.
            goes_on = self._solver.cname_strategy != "Follow"
            return _Named(Step("name", False, str(error)), Record(name, value), goes_on)
        follows = self._solver.cname_strategy == "Follow" or self._solver.acme_dns is not None
        if target == name:
            if self._solver.acme_dns is not None:
                words = f"{name} must be a CNAME to the account's fulldomain at acme-dns, and is none"
                return _Named(Step("name", False, words), Record(name, value))
            return _Named(Step("name", True, f"{name} has no CNAME"), Record(name, value), True)
        if not follows:
            words = f"{name} is a CNAME to {target}: set cnameStrategy: Follow, or remove the CNAME"
            return _Named(Step("name", False, words), Record(name, value))
        return _Named(Step("name", True, f"{name} is a CNAME to {target}"), Record(target, value), True)

    async def _seen(self, record: Record) -> Step:
        started = time.monotonic()
        tries = 0
        while True:
            found = await self._propagation.seen(
                record, nameservers=self._nameservers, recursive_only=self._recursive_only
            )
            passed = time.monotonic() - started
            if found.ok:
                return Step("seen", True, f"{found.detail}, after {passed:.1f} s")
            pause = max(_PAUSES[min(tries, len(_PAUSES) - 1)], found.retry_after)
            if passed + pause > self._patience:
                return Step("seen", False, f"{found.detail}, after {passed:.0f} s")
            tries += 1
            await asyncio.sleep(pause)


class _Named(NamedTuple):
    step: Step
    record: Record
    goes_on: bool = False


async def _removed(provider: Provider, record: Record) -> Step:
    try:
        await provider.remove(record)
    except (Transient, Permanent) as error:
        return Step("remove", False, f"{error}: remove the TXT record of {record.name} by hand")
    return Step("remove", True, f"the TXT record of {record.name} was removed")
