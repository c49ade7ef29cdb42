"""The records of a zone at a name server that takes dynamic updates (RFC 2136) and hands its zones out (AXFR)."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import dns.xfr
import dns.zone
from dns.rdtypes.ANY.TXT import TXT

from hearthgate.dns.nameserver.settings import Place
from hearthgate.dns.records.model import TYPES, Action, Change, Entry, Held, HeldBy
from hearthgate.dns.records.registry import Registry, owner_of
from hearthgate.model.errors import Permanent, Transient

WITHIN: Final = 10.0
"""Seconds for an update, and for a copy of the zone."""
MARK_TTL: Final = 300


class DynamicZone:
    """key: signs what is sent; None where the server knows us by our address."""

    def __init__(self, server: Place, name: str, registry: Registry, key: dns.tsig.Key | None) -> None:
        self._server = server
        self._name = name
        self._registry = registry
        self._key = key

    async def held(self) -> HeldBy:
        """All records that may be changed, by name and type."""
        zone = dns.zone.Zone(dns.name.from_text(self._name), relativize=False)
        query, _ = dns.xfr.make_query(zone, keyring=self._keyring, keyname=self._keyname)
        try:
            async with asyncio.timeout(WITHIN):
                await dns.asyncquery.inbound_xfr(self._server.host, zone, query=query, port=self._server.port)
        except (OSError, TimeoutError, EOFError) as error:
            raise Transient(f"{self} does not hand out the zone {self._name}: {_words(error)}") from error
        except (dns.exception.DNSException, dns.xfr.TransferError) as error:
            raise Permanent(
                f"{self} does not hand out the zone {self._name} ({_words(error)}): allow the key to transfer it"
            ) from error
        return held_of(zone, self._registry)

    async def apply(self, changes: Iterable[Change]) -> int:
        """In one update: all or nothing. Returns how many sets of records were written."""
        update = dns.update.UpdateMessage(self._name)
        writes = [change for change in changes if change.is_write]
        for change in writes:
            _write(update, change, self._registry)
        if not writes:
            return 0
        if self._key is not None:
            update.use_tsig(self._key)
        try:
            answer = await dns.asyncquery.tcp(update, self._server.host, timeout=WITHIN, port=self._server.port)
        except (OSError, EOFError, dns.exception.Timeout) as error:
            raise Transient(f"{self} gave no answer to an update of {self._name}: {_words(error)}") from error
        except dns.exception.DNSException as error:
            raise Permanent(
                f"{self} refuses our key for {self._name} ({_words(error)}): see tsigKeyName and the algorithm"
            ) from error
        code = answer.rcode()
        if code == dns.rcode.SERVFAIL:
            raise Transient(f"{self} could not change {self._name}: SERVFAIL")
        if code != dns.rcode.NOERROR:
            said = dns.rcode.to_text(code)
            raise Permanent(f"{self} refuses to change {self._name}: {said}: allow the key to update it")
        return len(writes)

    async def warning(self) -> str:
        """Nothing stands in between."""
        return ""

    @property
    def _keyring(self) -> dict[dns.name.Name, dns.tsig.Key] | None:
        return {self._key.name: self._key} if self._key is not None else None

    @property
    def _keyname(self) -> dns.name.Name | None:
        return self._key.name if self._key is not None else None

    def __str__(self) -> str:
        return f"name server {self._server}"


def held_of(zone: dns.zone.Zone, registry: Registry) -> HeldBy:
    """Pure. Names are absolute in the zone."""
    owners: dict[str, str] = {}
    entries: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for name, ttl, data in zone.iterate_rdatas():
        host = name.to_text(omit_final_dot=True).lower()
        type_ = dns.rdatatype.to_text(data.rdtype)
        if isinstance(data, TXT):
            owner = owner_of(b"".join(data.strings).decode("utf-8", "replace"))
            if owner is not None:
                owners[host] = owner
        elif type_ in TYPES:
            content = data.to_text().lower().removesuffix(".")
            entries[host, type_].append(Entry(content, content, ttl))
    found = {}
    for (host, type_), listed in sorted(entries.items()):
        owner = next((owners[place] for place in registry.names(host, type_) if place in owners), "")
        found[host, type_] = Held(host, type_, tuple(sorted(listed)), owner)
    return found


def _write(update: dns.update.UpdateMessage, change: Change, registry: Registry) -> None:
    mark = dns.name.from_text(registry.name(change.name, change.type))
    owner = dns.name.from_text(change.name)
    if change.action is Action.DELETE:
        update.delete(owner, change.type)
        update.delete(mark, "TXT")
    elif change.wanted is not None:
        contents = sorted(change.wanted.contents)
        absolute = [f"{one}." for one in contents] if change.type == "CNAME" else contents
        update.replace(owner, change.wanted.ttl, change.type, *absolute)
        if change.action in {Action.CREATE, Action.ADOPT}:
            source = change.wanted.source.replace(" ", "-").replace(",", "-")
            update.replace(mark, MARK_TTL, "TXT", f'"{registry.content(source)}"')


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
