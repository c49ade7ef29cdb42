"""The DNS records of one zone at the stand-in for Cloudflare's API."""

import copy
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tests.acme.cloudflare_access import refusal

COMMENT_LIMIT: Final = 100
TYPES: Final = frozenset({"A", "AAAA", "CAA", "CNAME", "HTTPS", "MX", "NS", "SRV", "TXT"})
_FILTERS: Final = ("exact", "contains", "startswith", "endswith")


@dataclass(frozen=True, kw_only=True)
class Zone:
    id: str
    name: str
    status: str = "active"

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "paused": False,
            "type": "full",
            "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
            "original_name_servers": None,
            "permissions": ["#zone:read"],
            "plan": {"name": "Free Website"},
        }


class Records:
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._held: dict[str, dict[str, Any]] = {}

    def all(self) -> list[dict[str, Any]]:
        return list(self._held.values())

    def texts(self, name: str) -> list[str]:
        """What nameservers serve."""
        return [_served(one["content"]) for one in self.all() if (one["type"], one["name"]) == ("TXT", name)]

    def matching(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        found = self.all()
        if kind := query.get("type"):
            found = [one for one in found if one["type"] == kind]
        for field in ("name", "content", "comment"):
            for how in _FILTERS:
                if (wanted := query.get(f"{field}.{how}")) is not None:
                    found = [one for one in found if _fits(str(one[field] or ""), how, wanted)]
            if (plain := query.get(field)) is not None:
                found = [one for one in found if _fits(str(one[field] or ""), "exact", plain)]
        return found

    def get(self, record: str) -> dict[str, Any]:
        if record not in self._held:
            raise refusal(404, 81044, "Record does not exist.")
        return self._held[record]

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        record = {
            "id": secrets.token_hex(16),
            "type": body.get("type"),
            "name": self._absolute(str(body.get("name", ""))),
            "content": body.get("content"),
            "ttl": body.get("ttl", 1),
            "proxied": body.get("proxied", False),
            "proxiable": body.get("type") in ("A", "AAAA", "CNAME"),
            "comment": body.get("comment") or None,
            "tags": body.get("tags", []),
            "settings": {},
            "meta": {},
            "created_on": now,
            "modified_on": now,
        }
        self._check(record)
        self._held[str(record["id"])] = record
        return record

    def patch(self, record: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        changed = {**self.get(record), **{key: value for key, value in fields.items() if key != "id"}}
        changed["name"] = self._absolute(str(changed["name"]))
        changed["modified_on"] = now
        self._check(changed)
        self._held[record] = changed
        return changed

    def delete(self, record: str) -> dict[str, Any]:
        gone = self.get(record)
        del self._held[record]
        return gone

    def batch(self, body: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
        """All or nothing. Its result, and the names that it was about."""
        before = copy.deepcopy(self._held)
        names = set()
        try:
            deletes = [self.delete(one["id"]) for one in body.get("deletes") or ()]
            names |= {one["name"] for one in deletes}
            for one in (*(body.get("patches") or ()), *(body.get("puts") or ())):
                names.add(self.get(one["id"])["name"])
            patches = [self.patch(one["id"], one) for one in body.get("patches") or ()]
            puts = [self.patch(one["id"], one) for one in body.get("puts") or ()]
            posts = [self.create(one) for one in body.get("posts") or ()]
        except BaseException:
            self._held = before
            raise
        names |= {one["name"] for one in (*patches, *puts, *posts)}
        return {"deletes": deletes, "patches": patches, "puts": puts, "posts": posts}, names

    def _absolute(self, name: str) -> str:
        """A name that is not within the zone is one below it: Cloudflare is lenient."""
        name = name.lower().rstrip(".")
        if name in ("", "@"):
            return self._zone.name
        return (
            name
            if name == self._zone.name or name.endswith(f".{self._zone.name}")
            else f"{name}.{self._zone.name}"
        )

    def _check(self, record: Mapping[str, Any]) -> None:
        invalid = "DNS Validation Error"
        kind, content, ttl = record["type"], record["content"], record["ttl"]
        if kind not in TYPES:
            raise refusal(400, 1004, invalid, (9004, f"Invalid DNS record type: {kind}"))
        if not content or not isinstance(content, str):
            raise refusal(400, 1004, invalid, (9005, f"Content for {kind} record is invalid."))
        if kind in ("A", "AAAA") and not _is_address(content, 4 if kind == "A" else 6):
            raise refusal(400, 9005, f"Content for {kind} record must be a valid IP address.")
        if not isinstance(ttl, int) or (ttl != 1 and not 60 <= ttl <= 86400):
            text = "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."
            raise refusal(400, 1004, invalid, (9021, text))
        if len(record["comment"] or "") > COMMENT_LIMIT:
            raise refusal(400, 9313, f"DNS record comment exceeds the maximum length of {COMMENT_LIMIT}.")
        self._check_others(record)

    def _check_others(self, record: Mapping[str, Any]) -> None:
        for other in self.all():
            if other["id"] == record["id"] or other["name"] != record["name"]:
                continue
            kinds = {str(other["type"]), str(record["type"])}
            if (
                "CNAME" in kinds
                and (len(kinds) > 1 or kinds == {"CNAME"})
                and kinds & {"A", "AAAA", "CNAME", "TXT"}
            ):
                raise refusal(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
            if other["type"] == record["type"] and _served(other["content"]) == _served(record["content"]):
                raise refusal(400, 81058, "An identical record already exists.")


def _served(content: str) -> str:
    """Quotes are how a zone file writes it; nameservers do not serve them."""
    if content.startswith('"') and content.endswith('"') and len(content) > 1:
        return content[1:-1].replace('" "', "").replace('\\"', '"').replace("\\\\", "\\")
    return content


def _fits(value: str, how: str, wanted: str) -> bool:
    """Filters take no notice of upper and lower case."""
    value, wanted = value.lower(), wanted.lower()
    match how:
        case "exact":
            return value == wanted
        case "contains":
            return wanted in value
        case "startswith":
            return value.startswith(wanted)
        case _:
            return value.endswith(wanted)


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False
