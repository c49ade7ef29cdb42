"""The calls of Cloudflare's API that Hearthgate makes, typed. All failures are of `errors`."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from hearthgate.cloudflare.answers import (
    Addresses,
    Batch,
    DnsRecord,
    NewRecord,
    ResultInfo,
    Setting,
    TokenStatus,
    User,
    Zone,
)
from hearthgate.cloudflare.credentials import Credentials
from hearthgate.cloudflare.errors import DNS_EDIT, DNS_READ, ZONE_READ, ZONE_SETTINGS_READ, Refused, Unreachable
from hearthgate.cloudflare.transport import API, Request, Transport

T = TypeVar("T")

ZONES_PER_PAGE: Final = 50
RECORDS_PER_PAGE: Final = 100
BATCH_LIMIT: Final = 200
"""Operations of one batch, on free plans."""
_MOST_PAGES: Final = 200


class Zones(NamedTuple):
    """A page of zones. whole: there is no further one."""

    zones: tuple[Zone, ...]
    whole: bool


class CloudflareClient:
    """Of one token or key, which Cloudflare counts the requests of. Many tasks may share it; `close` it.

    monotonic: a clock in seconds.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        base_url: str = API,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises Permanent for a base_url that is neither HTTPS nor on this machine."""
        self._transport = Transport(credentials, base_url=base_url, monotonic=monotonic)

    async def close(self) -> None:
        await self._transport.close()

    @property
    def uses_token(self) -> bool:
        return self._transport.credentials.is_token

    async def verify_token(self) -> TokenStatus:
        """Raises Refused when it is no token, and for tokens that belong to an account, not to a user: those
        cannot be verified without the account's id, and may be good."""
        return await self._one(Request(method="GET", path="/user/tokens/verify", needs="none"), TokenStatus)

    async def user(self) -> User:
        """Whose key it is; a token needs a permission for that."""
        return await self._one(Request(method="GET", path="/user", needs="User > User Details > Read"), User)

    async def zones(self, *, name: str = "", page: int = 1) -> Zones:
        """Those that the credentials can see; of this very name, if given."""
        params = {"page": str(page), "per_page": str(ZONES_PER_PAGE)} | ({"name": name} if name else {})
        request = Request(method="GET", path="/zones", params=params, needs=ZONE_READ)
        found, info = await self._page(request, Zone)
        return Zones(found, _is_last(info, page, len(found), ZONES_PER_PAGE))

    async def records(self, zone: str, *, type: str = "", name: str = "") -> tuple[DnsRecord, ...]:  # noqa: A002
        """All of a zone, given by its id; of this type and of this very name, if given."""
        found: list[DnsRecord] = []
        for page in range(1, _MOST_PAGES + 1):
            params = {"page": str(page), "per_page": str(RECORDS_PER_PAGE), "match": "all"}
            params |= {key: value for key, value in (("type", type), ("name.exact", name)) if value}
            request = Request(method="GET", path=_records(zone), params=params, needs=DNS_READ)
            part, info = await self._page(request, DnsRecord)
            found += part
            if _is_last(info, page, len(part), RECORDS_PER_PAGE):
                break
        return tuple(
            record
            for record in found
            if (not name or record.name.lower() == name.lower()) and type in ("", record.type)
        )

    async def create(self, zone: str, record: NewRecord) -> DnsRecord:
        request = Request(method="POST", path=_records(zone), body=record, needs=DNS_EDIT)
        return await self._one(request, DnsRecord)

    async def patch(self, zone: str, record: str, fields: Mapping[str, Any]) -> DnsRecord:
        """Changes these fields of a record, given by its id."""
        request = Request(method="PATCH", path=_records(zone, record), body=fields, needs=DNS_EDIT)
        return await self._one(request, DnsRecord)

    async def delete(self, zone: str, record: str) -> None:
        """A record that is gone already is fine."""
        try:
            await self._transport.send(Request(method="DELETE", path=_records(zone, record), needs=DNS_EDIT))
        except Refused as error:
            if not error.is_missing_record:
                raise

    async def batch(
        self,
        zone: str,
        *,
        deletes: Sequence[str] = (),
        patches: Sequence[Mapping[str, Any]] = (),
        posts: Sequence[NewRecord] = (),
    ) -> Batch:
        """All or nothing, in this order; at most BATCH_LIMIT. deletes: ids. patches: fields with their `id`."""
        body = {"deletes": [{"id": one} for one in deletes], "patches": patches, "posts": posts}
        request = Request(method="POST", path=_records(zone, "batch"), body=body, needs=DNS_EDIT)
        return await self._one(request, Batch)

    async def networks(self) -> tuple[str, ...]:
        """From where Cloudflare asks, as it publishes them now."""
        found = await self._one(Request(method="GET", path="/ips", needs="none"), Addresses)
        return (*found.ipv4_cidrs, *found.ipv6_cidrs)

    async def setting(self, zone: str, name: str) -> str:
        """The value of a zone's setting, such as `ssl`."""
        path = "/".join(("/zones", quote(zone, safe=""), "settings", quote(name, safe="")))
        found = await self._one(Request(method="GET", path=path, needs=ZONE_SETTINGS_READ), Setting)
        return str(found.value)

    async def _one(self, request: Request, kind: type[T]) -> T:
        envelope = await self._transport.send(request)
        found: T = _decoded(request, envelope.result, kind)
        return found

    async def _page(self, request: Request, kind: type[T]) -> tuple[tuple[T, ...], ResultInfo | None]:
        envelope = await self._transport.send(request)
        found: Iterable[T] = _decoded(request, envelope.result, tuple[kind, ...] | None) or ()  # type: ignore[valid-type]
        return tuple(found), envelope.result_info


def _decoded(request: Request, raw: msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable(f"{request}: not what Cloudflare's API answers: {error}") from error


def _is_last(info: ResultInfo | None, page: int, found: int, per_page: int) -> bool:
    if info is not None and info.total_pages is not None:
        return page >= info.total_pages
    if info is not None and info.total_count is not None:
        return page * per_page >= info.total_count
    return found < per_page


def _records(zone: str, *rest: str) -> str:
    return "/".join(("/zones", quote(zone, safe=""), "dns_records", *(quote(one, safe="") for one in rest)))
