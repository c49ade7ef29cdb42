"""Where a zone begins and who serves it, as resolvers say."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import dns.message
import dns.rcode

from hearthgate.certificates.dns01.asking import Asker, NoReply, Server
from hearthgate.certificates.dns01.replies import (
    addresses,
    end_of_chain,
    is_good,
    is_within,
    nameservers,
    start_of_authority,
)
from hearthgate.model.errors import Transient


class NameServer(NamedTuple):
    """addresses: none when its name has none, or they could not be learned."""

    name: str
    addresses: tuple[str, ...]


class Delegation(NamedTuple):
    """primary: the server that the SOA names. resolver: who said so."""

    zone: str
    primary: str
    servers: tuple[NameServer, ...]
    resolver: Server

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(server.name for server in self.servers)


class Unknown(Transient):
    """Resolvers did not say where the zone is, or who serves it. The words name each and what it said."""


class Resolvers:
    """Asked one after the other until one knows."""

    def __init__(self, asker: Asker, servers: Sequence[Server]) -> None:
        self._asker = asker
        self.servers = tuple(servers)

    async def answer(self, name: str, kind: str) -> tuple[dns.message.Message, Server]:
        """The first that says what is, be it that there is nothing. Raises Unknown."""
        said = []
        for server in self.servers:
            try:
                found = await self._asker.ask(server, name, kind, recurse=True)
            except NoReply as error:
                said.append(f"{server}: {error}")
                continue
            if is_good(found):
                return found, server
            said.append(f"{server}: {dns.rcode.to_text(found.rcode())}")
        raise Unknown(f"resolvers do not answer {name} {kind}: {'; '.join(said)}")

    async def authority(self, name: str) -> tuple[str, str, Server]:
        """Zone, primary server, and who said so. Raises Unknown."""
        resolver = self.servers[0]
        for candidate in _upwards(name):
            found, resolver = await self.answer(candidate, "SOA")
            known = start_of_authority(found)
            # Behind a CNAME the SOA is that of its target, and many a home router leaves it out.
            if known is None or end_of_chain(found, candidate) != candidate or not is_within(candidate, known[0]):
                continue
            zone, record = known
            return zone, record.mname.to_text(omit_final_dot=True).lower(), resolver
        raise Unknown(
            f"could not determine the zone of {name}: {resolver} gives no SOA for it, nor for its parents"
        )

    async def zone_of(self, name: str) -> str:
        """The zone that a name lies in, whether or not it exists. Raises Unknown."""
        zone, _, _ = await self.authority(name)
        return zone

    async def delegation(self, name: str) -> Delegation:
        """Raises Unknown."""
        zone, primary, resolver = await self.authority(name)
        found, _ = await self.answer(zone, "NS")
        names = nameservers(found, zone)
        if not names:
            raise Unknown(f"{resolver} names no nameservers of {zone}")
        servers = await asyncio.gather(*(self._server(server) for server in names))
        return Delegation(zone, primary, tuple(servers), resolver)

    async def alias_of(self, name: str) -> str:
        """Where the CNAMEs of a name lead, as far as one answer tells; the name itself without any."""
        found, _ = await self.answer(name, "CNAME")
        return end_of_chain(found, name)

    async def _server(self, name: str) -> NameServer:
        found = await asyncio.gather(*(self._addresses(name, kind) for kind in ("A", "AAAA")))
        return NameServer(name, tuple(address for part in found for address in part))

    async def _addresses(self, name: str, kind: str) -> tuple[str, ...]:
        try:
            found, _ = await self.answer(name, kind)
        except Unknown:
            return ()
        return addresses(found)


def _upwards(name: str) -> Iterator[str]:
    labels = name.split(".")
    for start in range(len(labels)):
        yield ".".join(labels[start:])
