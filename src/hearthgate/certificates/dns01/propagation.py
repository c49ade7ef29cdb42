"""Looks for a TXT record as a CA will: at every server of the zone, or at resolvers, CNAMEs followed.

A look says what each server said. Resolvers of a home may answer for a zone of their own (split-horizon DNS), and
firewalls may keep questions from the zone's servers: then public resolvers are asked for a second opinion.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import dns.message
import dns.rcode

from hearthgate.certificates.dns01.asking import PORT, Asker, NoReply, Server, read_server, servers_of_this_machine
from hearthgate.certificates.dns01.cname import MOST_HOPS
from hearthgate.certificates.dns01.delegation import Delegation, Resolvers, Unknown
from hearthgate.certificates.dns01.provider import Record
from hearthgate.certificates.dns01.replies import end_of_chain, is_alias, is_good, kept_for, texts, verdict
from hearthgate.certificates.orders.proofs import Seen
from hearthgate.model.errors import Permanent

LONGEST_LOOK: Final = 60.0
"""Seconds. Half as many are usual where nobody answers at all."""
STRAGGLERS: Final = 1.0
"""Seconds that addresses may be silent whose server has spoken by another address."""
LONGEST_MEMORY: Final = 60.0
"""Seconds after which a resolver is asked again in any case, whatever it said how long it remembers."""


class Told(NamedTuple):
    """What one server said. alias: where its answer leads, when it does not hold the record itself.

    silent: it could not be asked, so that nothing is known. kept: seconds that a resolver remembers it.
    """

    server: Server
    words: str
    ok: bool = False
    alias: str = ""
    silent: bool = False
    kept: float = 0.0

    def __str__(self) -> str:
        return f"{self.server}: {self.words}"


class Look(NamedTuple):
    """name: at the end of the CNAMEs. delegation: of its zone; None when it could not be learned.

    unreachable: not one of the zone's servers could be asked.
    """

    seen: Seen
    name: str
    delegation: Delegation | None = None
    unreachable: bool = False


class Propagation:
    """public: resolvers for a second opinion, as settings write them, read at each use. port: of the servers of
    zones."""

    def __init__(self, asker: Asker, *, public: Callable[[], Sequence[str]] = tuple, port: int = PORT) -> None:
        self._asker = asker
        self._public = public
        self._port = port

    async def resolvers(self, nameservers: Sequence[str]) -> Resolvers:
        """Those that were named, or those of this machine. Raises Permanent for what is no nameserver."""
        named = tuple(read_server(text) for text in nameservers)
        return Resolvers(self._asker, named or await servers_of_this_machine())

    async def second(self, nameservers: Sequence[str]) -> Resolvers | None:
        """Those for a second opinion: nobody where resolvers were named, for those are to be believed."""
        public = self._public()
        return await self.resolvers(public) if public and not nameservers else None

    async def seen(self, record: Record, *, nameservers: Sequence[str], recursive_only: bool = False) -> Seen:
        """Whether whoever looks now finds the record. Never raises; takes LONGEST_LOOK at most.

        nameservers: resolvers, as settings write them; none: those of this machine.
        """
        try:
            async with asyncio.timeout(LONGEST_LOOK):
                return await self._look(record, nameservers, recursive_only=recursive_only)
        except TimeoutError:
            return Seen(False, f"nobody answers: a look for {record.name} took more than {LONGEST_LOOK:g} s")

    async def _look(self, record: Record, nameservers: Sequence[str], *, recursive_only: bool) -> Seen:
        try:
            first, second = await self.resolvers(nameservers), await self.second(nameservers)
        except Permanent as error:
            return Seen(False, str(error))
        if recursive_only:
            return await self._at_resolvers(record, first)
        look = await self._by_delegation(record, first)
        if look.seen.ok or second is None:
            return look.seen
        return await self._second_opinion(record, look, second)

    async def _by_delegation(self, record: Record, resolvers: Resolvers) -> Look:
        name, path = record.name, [record.name]
        while True:
            try:
                delegation = await resolvers.delegation(name)
            except Unknown as error:
                return Look(Seen(False, str(error)), name)
            told = await self._at_servers(name, record.value, delegation)
            alias = next((one.alias for one in told if one.alias), "")
            if not alias or all(one.ok for one in told):
                return _judged(name, told, delegation)
            if alias in path or len(path) > MOST_HOPS:
                return Look(Seen(False, f"CNAMEs without an end: {' -> '.join([*path, alias])}"), name, delegation)
            path.append(alias)
            name = alias

    async def _at_servers(self, name: str, value: str, delegation: Delegation) -> tuple[Told, ...]:
        servers = [
            Server(address, self._port, server.name)
            for server in delegation.servers
            for address in server.addresses
        ]
        tasks = {one: asyncio.create_task(self._ask(one, name, value, recurse=False)) for one in servers}
        try:
            if tasks:
                await asyncio.wait(tasks.values(), timeout=STRAGGLERS)
            told = {one: task.result() for one, task in tasks.items() if task.done()}
            spoken = {one.name for one, said in told.items() if not said.silent}
            if spoken != set(delegation.names):
                return tuple(await asyncio.gather(*tasks.values()))
        finally:
            for task in tasks.values():
                task.cancel()
        # Whatever is still silent is another address of a server that has spoken: IPv6 that leads nowhere, mostly.
        return tuple(told.get(one, Told(one, f"no answer in {STRAGGLERS:g} s", silent=True)) for one in servers)

    async def _at_resolvers(self, record: Record, resolvers: Resolvers) -> Seen:
        """All of them must have it."""
        told = await asyncio.gather(
            *(self._ask(one, record.name, record.value, recurse=True) for one in resolvers.servers)
        )
        if all(one.ok for one in told):
            return Seen(True, f"{record.name} is seen by {', '.join(str(one.server) for one in told)}")
        wait = max((one.kept for one in told if not one.ok), default=0.0)
        return Seen(False, _not_yet(record.name, told), min(wait, LONGEST_MEMORY))

    async def _ask(self, server: Server, name: str, value: str, *, recurse: bool) -> Told:
        try:
            answer = await self._asker.ask(server, name, "TXT", recurse=recurse)
        except NoReply as error:
            return Told(server, str(error), silent=True)
        return _told(server, answer, name, value, recurse=recurse)

    async def _second_opinion(self, record: Record, first: Look, public: Resolvers) -> Seen:
        """first: what was found by this machine's own resolvers, which is not the record."""
        local = first.delegation
        if local is not None and not first.unreachable:
            try:
                zone, primary, _ = await public.authority(first.name)
            except Unknown:
                return first.seen
            if (zone, primary) == (local.zone, local.primary):
                return first.seen
        second = await self._by_delegation(record, public)
        if second.delegation is None:
            return first.seen
        if second.unreachable:
            # Resolvers remember what is not there: they are asked only where the zone's servers cannot be.
            others = await self._at_resolvers(record, public)
            words = (
                f"the nameservers of {second.delegation.zone} cannot be asked from here: "
                "does a firewall stop port 53?"
            )
            return others._replace(detail=f"{others.detail} ({words})")
        words = (
            _difference(local, second.delegation) or f"this machine's resolvers did not help: {first.seen.detail}"
        )
        return second.seen._replace(detail=f"{second.seen.detail} ({words})")


def _told(server: Server, answer: dns.message.Message, name: str, value: str, *, recurse: bool) -> Told:
    end = end_of_chain(answer, name)
    if not is_good(answer):
        return Told(server, verdict(answer, end))
    if value in texts(answer, end):
        return Told(server, "has it", ok=True)
    if is_alias(answer, end):
        return Told(server, "CNAMEs without an end")
    words = verdict(answer, end)
    if end != name:
        words = f"{words} at {end}, where a CNAME leads"
    alias = end if end != name and not recurse else ""
    return Told(server, words, alias=alias, kept=kept_for(answer))


def _judged(name: str, told: Sequence[Told], delegation: Delegation) -> Look:
    """Good when each nameserver has it, by one of its addresses at least, and none says otherwise."""
    spoken = [one for one in told if not one.silent]
    mute = [
        server.name for server in delegation.servers if not any(one.server.name == server.name for one in spoken)
    ]
    if spoken and not mute and all(one.ok for one in spoken):
        names = ", ".join(delegation.names)
        return Look(Seen(True, f"{name} is seen at {names}"), name, delegation)
    words = _not_yet(
        name,
        [one for one in told if not one.ok and (not one.silent or one.server.name in mute)],
        *(f"{server.name}: it has no address" for server in delegation.servers if not server.addresses),
    )
    if "." not in delegation.zone:
        words += f"; its zone is {delegation.zone}: is the domain paid for, and delegated by its registrar?"
    return Look(Seen(False, words), name, delegation, unreachable=not spoken)


def _not_yet(name: str, told: Sequence[Told], *more: str) -> str:
    what = "; ".join((*(str(one) for one in told if not one.ok), *more))
    return f"DNS record for {name} not yet propagated: {what}"


def _difference(local: Delegation | None, public: Delegation) -> str:
    """What this machine's resolvers and public ones see otherwise; empty when that is nothing."""
    if local is None:
        return ""
    if local.zone != public.zone:
        difference = f"{local.resolver} answers for a zone {local.zone}, the public zone is {public.zone}"
    elif set(local.names) != set(public.names) or local.primary != public.primary:
        difference = (
            f"{local.resolver} says {local.zone} is served by {', '.join(local.names)}, "
            f"{public.resolver} says by {', '.join(public.names)}"
        )
    else:
        return ""
    return f"split-horizon DNS: {difference}; the public answer counts"
