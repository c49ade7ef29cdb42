"""The records of one zone at Cloudflare: read once, changed in batches."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from hearthgate.cloudflare.answers import DnsRecord, NewRecord, Zone, quoted
from hearthgate.cloudflare.client import BATCH_LIMIT, CloudflareClient
from hearthgate.cloudflare.errors import Refused
from hearthgate.cloudflare.networks import unknown
from hearthgate.cloudflare.zones import ZoneFinder
from hearthgate.dns.records.model import TYPES, Action, Change, Entry, Held, HeldBy
from hearthgate.dns.records.registry import Registry, owner_of
from hearthgate.model.errors import Permanent

FLEXIBLE = "flexible"


class Writes(NamedTuple):
    """What one change takes: ids, fields with their id, new records."""

    deletes: tuple[str, ...] = ()
    patches: tuple[dict[str, Any], ...] = ()
    posts: tuple[NewRecord, ...] = ()

    @property
    def size(self) -> int:
        return len(self.deletes) + len(self.patches) + len(self.posts)


class CloudflareZone:
    """name: of the zone. Errors are those of the client, and Permanent for a zone that nobody is asked about."""

    def __init__(self, client: CloudflareClient, name: str, registry: Registry) -> None:
        self._client = client
        self._finder = ZoneFinder(client)
        self._name = name
        self._registry = registry

    async def held(self) -> HeldBy:
        """All records that may be changed, by name and type."""
        zone = await self._zone()
        return held_of(await self._client.records(zone.id), self._registry)

    async def apply(self, changes: Iterable[Change]) -> int:
        """Returns how many records were written. Each batch is all or nothing; what is done stays done."""
        zone = await self._zone()
        count = 0
        for batch in _batches(writes_of(change, self._registry) for change in changes if change.is_write):
            await self._client.batch(zone.id, deletes=batch.deletes, patches=batch.patches, posts=batch.posts)
            count += batch.size
        return count

    async def warning(self) -> str:
        """What breaks the set-up: the SSL mode, if it may be read, and networks of Cloudflare's that are not known
        here. Empty when nothing does."""
        found = [await self._mode(await self._zone()), await self._networks()]
        return "; ".join(filter(None, found))

    async def _mode(self, zone: Zone) -> str:
        try:
            mode = await self._client.setting(zone.id, "ssl")
        except Refused:
            return ""  # an optional permission: Zone > Zone Settings > Read
        if mode in {FLEXIBLE, "off"}:
            return (
                f"the zone's SSL mode is {mode}: Cloudflare asks us by plain HTTP, and the redirection to HTTPS "
                "makes an endless loop: choose Full (strict) at SSL/TLS > Overview"
            )
        return ""

    async def _networks(self) -> str:
        try:
            more = unknown(await self._client.networks())
        except Refused:
            return ""
        if not more:
            return ""
        return (
            f"Cloudflare asks from networks that this version does not know: {', '.join(more)}: list them beside "
            "`cloudflare` in trustedIPs, else their clients count as Cloudflare"
        )

    async def _zone(self) -> Zone:
        zone = await self._finder.zone_of(self._name)
        if zone.name.lower() != self._name:
            raise Permanent(f"the token sees no zone {self._name}, only {zone.name} above it")
        if not zone.is_served:
            servers = ", ".join(zone.name_servers or ()) or "those that Cloudflare shows"
            raise Permanent(
                f"the zone {zone.name} is {zone.status} at Cloudflare, so nobody asks there: "
                f"enter the nameservers {servers} at the registrar of the domain"
            )
        return zone


def held_of(records: Iterable[DnsRecord], registry: Registry) -> HeldBy:
    """Pure."""
    marks: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    entries: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for record in records:
        name = record.name.lower().removesuffix(".")
        if record.type == "TXT":
            owner = owner_of(record.text)
            if owner is not None:
                marks[name].append((record.id, owner))
        elif record.type in TYPES:
            content = record.content.lower().removesuffix(".")
            entries[name, record.type].append(Entry(record.id, content, record.ttl, record.proxied))
    found = {}
    for (name, type_), listed in sorted(entries.items()):
        said = [mark for place in registry.names(name, type_) for mark in marks.get(place, ())]
        owner = said[0][1] if said else ""
        ours = tuple(dict.fromkeys(number for number, one in said if one == registry.owner))
        ordered = tuple(sorted(listed, key=lambda entry: (entry.content, entry.number)))
        found[name, type_] = Held(name, type_, ordered, owner, ours)
    return found


def writes_of(change: Change, registry: Registry) -> Writes:
    """Pure. Records are changed in place before some come and others go."""
    held, wanted = change.held, change.wanted
    if change.action is Action.DELETE and held is not None:
        return Writes(deletes=(*(entry.number for entry in held.entries), *held.marks))
    if wanted is None:
        return Writes()
    entries = list(held.entries) if held is not None else []
    missing = sorted(wanted.contents - {entry.content for entry in entries})
    patches: list[dict[str, Any]] = []
    deletes: list[str] = []
    seen: set[str] = set()
    for entry in entries:
        fields: dict[str, Any] = {}
        if entry.content not in wanted.contents or entry.content in seen:
            if not missing:
                deletes.append(entry.number)
                continue
            fields["content"] = missing.pop(0)
        seen.add(entry.content)
        if entry.proxied != wanted.proxied or entry.ttl != wanted.ttl:
            fields |= {"proxied": wanted.proxied, "ttl": wanted.ttl}
        if fields:
            patches.append({"id": entry.number, **fields})
    posts = [_new(wanted.name, wanted.type, content, wanted.ttl, proxied=wanted.proxied) for content in missing]
    if change.action in {Action.CREATE, Action.ADOPT}:
        mark = quoted(registry.content(wanted.source.replace(" ", "-").replace(",", "-")))
        posts.append(_new(registry.name(wanted.name, wanted.type), "TXT", mark, 1, proxied=False))
    return Writes(tuple(deletes), tuple(patches), tuple(posts))


def _new(name: str, type_: str, content: str, ttl: int, *, proxied: bool) -> NewRecord:
    return NewRecord(type=type_, name=name, content=content, ttl=ttl, proxied=proxied)


def _batches(every: Iterable[Writes]) -> Iterator[Writes]:
    """Whole changes together, as many as a batch may hold; deletes come first in each."""
    batch = Writes()
    for one in sorted(every, key=lambda writes: not writes.deletes):
        if batch.size and batch.size + one.size > BATCH_LIMIT:
            yield batch
            batch = Writes()
        batch = Writes((*batch.deletes, *one.deletes), (*batch.patches, *one.patches), (*batch.posts, *one.posts))
    if batch.size:
        yield batch
