"""TXT records at Cloudflare. Each carries our comment: people see what it is, and old ones can be swept."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from hearthgate.certificates.dns01.provider import Record
from hearthgate.cloudflare.answers import DnsRecord, NewRecord, Zone, quoted
from hearthgate.cloudflare.client import CloudflareClient
from hearthgate.cloudflare.errors import Refused
from hearthgate.cloudflare.zones import ZoneFinder
from hearthgate.model.errors import Permanent, Transient

COMMENT: Final = "hearthgate: proof for a certificate, removed by itself"
STALE: Final = timedelta(days=1)
"""No proof is needed so long: what is older was left behind, by a state folder that is gone for instance."""


class CloudflareProvider:
    """now: a clock, for what is stale."""

    def __init__(self, client: CloudflareClient, zones: ZoneFinder, now: Callable[[], datetime]) -> None:
        self._client = client
        self._zones = zones
        self._now = now

    async def present(self, record: Record) -> None:
        zone = await self._zone(record.name)
        if not zone.is_served:
            servers = ", ".join(zone.name_servers or ()) or "those that Cloudflare shows"
            raise Permanent(
                f"the zone {zone.name} is {zone.status} at Cloudflare, so nobody asks there: "
                f"enter the nameservers {servers} at the registrar of the domain"
            )
        found = await self._found(zone, record.name)
        if any(one.text == record.value for one in found):
            return
        stale = [one.id for one in found if self._is_stale(one)]
        new = NewRecord(
            type="TXT", name=record.name, content=quoted(record.value), ttl=record.ttl, comment=COMMENT
        )
        try:
            if stale:
                await self._client.batch(zone.id, deletes=stale, posts=[new])
            else:
                await self._client.create(zone.id, new)
        except Refused as error:
            if error.is_missing_record:
                raise Transient(
                    f"records of {record.name} are being changed by others", retry_after=1.0
                ) from error
            if not error.is_identical:
                raise

    async def remove(self, record: Record) -> None:
        zone = await self._zone(record.name)
        for one in await self._found(zone, record.name):
            if one.text == record.value:
                await self._client.delete(zone.id, one.id)

    async def zone_of(self, name: str) -> str:
        return (await self._zones.zone_of(name)).name

    async def verify(self) -> str:
        if not self._client.uses_token:
            user = await self._client.user()
            return f"the key of {user.email or 'the account'} works (a token limited to the zone is safer)"
        try:
            token = await self._client.verify_token()
        except Refused as error:
            # Tokens of an account, not of a user, are unknown at this place; what they may do shows all the same.
            if not await self._sees_zones():
                raise
            return f"the token works (it is an account's, or cannot be verified: {', '.join(_codes(error))})"
        if token.status != "active":
            raise Permanent(f"the token is {token.status}: make a new one, or enable it, at Cloudflare")
        ends = f", until {token.expires_on:%Y-%m-%d}" if token.expires_on else ""
        return f"the token is active{ends}"

    async def _sees_zones(self) -> bool:
        try:
            return bool((await self._client.zones()).zones)
        except Refused:
            return False

    async def _zone(self, name: str) -> Zone:
        return await self._zones.zone_of(name)

    async def _found(self, zone: Zone, name: str) -> tuple[DnsRecord, ...]:
        try:
            return await self._client.records(zone.id, type="TXT", name=name)
        except Refused as error:
            if error.is_missing_zone:
                self._zones.forget()
                raise Transient(f"the zone {zone.name} is not where it was: {error}") from error
            raise

    def _is_stale(self, record: DnsRecord) -> bool:
        made = record.created_on
        is_ours = (record.comment or "").startswith(COMMENT)
        return is_ours and made is not None and made.tzinfo is not None and self._now() - made > STALE


def _codes(error: Refused) -> list[str]:
    return [str(code) for code in sorted(error.codes)]
