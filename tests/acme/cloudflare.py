"""A stand-in for Cloudflare's API, written from its published description: zones, DNS records, tokens.

    async with run_cloudflare(publish=nameserver.set_txt) as cloudflare:
        zone = cloudflare.add_zone("home.test")
        token = cloudflare.add_token(zones=[zone])

`publish` hears of every change of a name's TXT values, as Cloudflare's own nameservers do; see `to_pebble` for
Pebble's DNS server. Nothing of Hearthgate and nothing of pytest is used.
"""

import contextlib
import dataclasses
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from aiohttp import web

from tests.acme.cloudflare_access import Access, Asked, Refusal, refusal
from tests.acme.cloudflare_records import Records, Zone
from tests.acme.pebble import Pebble

__all__ = ["Asked", "Cloudflare", "Refusal", "Zone", "refusal", "run_cloudflare", "to_pebble"]

Publish = Callable[[str, list[str]], Awaitable[None]]
ROOT: Final = "/client/v4"


class Stored(NamedTuple):
    """What is in the account, for assertions."""

    id: str
    name: str
    content: str
    comment: str


class Cloudflare:
    """url: the base of the API. asked: all requests so far."""

    def __init__(self, publish: Publish | None = None) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._access = Access()
        self._zones: dict[str, Zone] = {}
        self._records: dict[str, Records] = {}
        self._publish = publish
        self._refusals: deque[tuple[str, Refusal]] = deque()
        self._always: dict[str, Refusal] = {}
        self.settings: dict[tuple[str, str], str] = {}
        """Of zones, by id and name."""
        self.networks = ["173.245.48.0/20"]
        """Its own."""

    def add_zone(self, name: str, *, status: str = "active") -> str:
        """Its id."""
        zone = Zone(id=secrets.token_hex(16), name=name, status=status)
        self._zones[zone.id] = zone
        self._records[zone.id] = Records(zone)
        return zone.id

    def drop_zone(self, zone: str) -> None:
        del self._zones[zone], self._records[zone]

    def set_status(self, zone: str, status: str) -> None:
        self._zones[zone] = dataclasses.replace(self._zones[zone], status=status)

    def add_token(
        self,
        *,
        zones: Iterable[str] | None = None,
        permissions: Iterable[str] = ("zone:read", "dns:read", "dns:edit"),
        status: str = "active",
        of_account: bool = False,
    ) -> str:
        """zones: ids; None: all. of_account: it belongs to an account, and cannot be verified as a user's."""
        return self._access.add_token(
            None if zones is None else frozenset(zones), frozenset(permissions), status, of_account
        )

    def drop_token(self, token: str) -> None:
        self._access.drop_token(token)

    def add_key(self, email: str) -> str:
        return self._access.add_key(email)

    def refuse(self, what: str, *refusals: Refusal, always: bool = False) -> None:
        """The next requests whose `METHOD /path` begins with `what`, one refusal each; always: all of them."""
        if always:
            (self._always[what],) = refusals
        else:
            self._refusals.extend((what, one) for one in refusals)

    def forgive(self) -> None:
        self._refusals.clear()
        self._always.clear()

    def records(self, zone: str, kind: str = "TXT") -> list[Stored]:
        return [
            Stored(one["id"], one["name"], one["content"], one["comment"] or "")
            for one in self._records[zone].all()
            if one["type"] == kind
        ]

    def everything(self, zone: str) -> dict[tuple[str, str], set[str]]:
        """What is served, by name and type."""
        found: dict[tuple[str, str], set[str]] = {}
        for one in self._records[zone].all():
            found.setdefault((one["name"], one["type"]), set()).add(one["content"])
        return found

    def add(self, zone: str, kind: str, name: str, content: str, **more: Any) -> None:
        """A record that somebody made by hand."""
        self._records[zone].create({"type": kind, "name": name, "content": content, **more})

    async def put(
        self, zone: str, name: str, content: str, *, comment: str = "", created: datetime | None = None
    ) -> str:
        """A TXT record that somebody else has made, or we long ago. Its id."""
        body = {"type": "TXT", "name": name, "content": content, "ttl": 60, "comment": comment}
        made = self._records[zone].create(body)
        if created is not None:
            made["created_on"] = created.isoformat().replace("+00:00", "Z")
        await self._tell(zone, {name})
        return str(made["id"])

    async def serve(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(ROOT)
        what = f"{request.method} {path}"
        self.asked.append(Asked(request.method, path, dict(request.query), request.headers.get("User-Agent", "")))
        try:
            await self._raise_mood(what)
            bearer = self._access.of(request.headers)
            body = await request.json() if request.can_read_body else None
            result, info = await self._route(bearer, request.method, path, request.query, body)
        except Refusal as error:
            return web.json_response(error.envelope(), status=error.status, headers=error.headers)
        envelope = {"success": True, "errors": [], "messages": [], "result": result}
        if info is not None:
            envelope["result_info"] = info
        return web.json_response(envelope)

    async def _raise_mood(self, what: str) -> None:
        for prefix, one in self._always.items():
            if what.startswith(prefix):
                await one.act()
        for index, (prefix, one) in enumerate(self._refusals):
            if what.startswith(prefix):
                del self._refusals[index]
                await one.act()
                return

    async def _route(
        self, bearer: Any, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> tuple[Any, Any]:
        match [method, *path.strip("/").split("/")]:
            case ["GET", "user", "tokens", "verify"]:
                return self._access.verify(bearer), None
        self._access.demand_good(bearer)
        match [method, *path.strip("/").split("/")]:
            case ["GET", "user"]:
                return self._access.user(bearer), None
            case ["GET", "zones"]:
                seen = [zone.shown() for zone in self._zones.values() if bearer.sees(zone.id)]
                wanted = query.get("name")
                return _paged([zone for zone in seen if wanted in (None, zone["name"])], query, 20, 50)
            case ["GET", "ips"]:
                return {"ipv4_cidrs": self.networks, "ipv6_cidrs": [], "etag": "x"}, None
            case ["GET", "zones", zone, "settings", name]:
                bearer.may(zone, "settings:read")
                return {"id": name, "value": self.settings.get((zone, name), "strict"), "editable": True}, None
            case [_, "zones", zone, "dns_records", *rest]:
                return await self._dns(bearer, method, zone, rest, query, body)
        raise refusal(400, 7000, "No route for that URI")

    async def _dns(
        self, bearer: Any, method: str, zone: str, rest: list[str], query: Mapping[str, str], body: Any
    ) -> tuple[Any, Any]:
        if zone not in self._records:
            raise refusal(
                404,
                7003,
                f"Could not route to /zones/{zone}/dns_records, perhaps your object identifier is invalid?",
            )
        bearer.may(zone, "dns:read" if method == "GET" else "dns:edit")
        records = self._records[zone]
        match [method, *rest]:
            case ["GET"]:
                return _paged(records.matching(query), query, 100, 5000)
            case ["POST"]:
                made = records.create(body)
                await self._tell(zone, {made["name"]})
                return made, None
            case ["POST", "batch"]:
                done, names = records.batch(body)
                await self._tell(zone, names)
                return done, None
            case ["GET", record]:
                return records.get(record), None
            case ["PATCH" | "PUT", record]:
                before = records.get(record)["name"]
                changed = records.patch(record, body)
                await self._tell(zone, {before, changed["name"]})
                return changed, None
            case ["DELETE", record]:
                gone = records.delete(record)
                await self._tell(zone, {gone["name"]})
                return {"id": record}, None
        raise refusal(405, 7001, f"Method {method} not available for that URI.")

    async def _tell(self, zone: str, names: Iterable[str]) -> None:
        if self._publish is not None:
            for name in names:
                await self._publish(name, self._records[zone].texts(name))


def to_pebble(pebble: Pebble) -> Publish:
    """Publishes at the DNS server that Pebble asks."""

    async def publish(name: str, values: list[str]) -> None:
        await pebble.clear_txt(name)
        for value in values:
            await pebble.set_txt(name, value)

    return publish


@contextlib.asynccontextmanager
async def run_cloudflare(publish: Publish | None = None, *, port: int = 0) -> AsyncIterator[Cloudflare]:
    """Listening, on a port of loopback. It speaks HTTP: clients take that of this machine alone."""
    cloudflare = Cloudflare(publish)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cloudflare.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        cloudflare.url = f"http://127.0.0.1:{runner.addresses[0][1]}{ROOT}"
        yield cloudflare
    finally:
        await runner.cleanup()


def _paged(
    found: list[Any], query: Mapping[str, str], usual: int, most: int
) -> tuple[list[Any], Mapping[str, int]]:
    per_page = min(int(query.get("per_page", usual)), most)
    page = int(query.get("page", 1))
    part = found[(page - 1) * per_page : page * per_page]
    return part, {
        "page": page,
        "per_page": per_page,
        "count": len(part),
        "total_count": len(found),
        "total_pages": max(-(-len(found) // per_page), 1),
    }
