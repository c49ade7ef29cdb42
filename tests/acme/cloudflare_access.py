"""Who may do what at the stand-in for Cloudflare's API, and how it refuses."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{40}")


class Asked(NamedTuple):
    method: str
    path: str
    query: Mapping[str, str]
    agent: str


class Refusal(Exception):
    """stall: the request is never answered."""

    def __init__(
        self,
        status: int,
        errors: list[dict[str, Any]],
        *,
        headers: Mapping[str, str] | None = None,
        stall: bool = False,
    ) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = errors
        self.headers = dict(headers or {})
        self.stall = stall

    def envelope(self) -> dict[str, Any]:
        return {"success": False, "errors": self.errors, "messages": [], "result": None}

    async def act(self) -> None:
        if self.stall:
            await asyncio.Event().wait()
        raise self


def refusal(
    status: int,
    code: int,
    message: str,
    *chain: tuple[int, str],
    headers: Mapping[str, str] | None = None,
    stall: bool = False,
) -> Refusal:
    error: dict[str, Any] = {"code": code, "message": message}
    if chain:
        error["error_chain"] = [{"code": number, "message": text} for number, text in chain]
    return Refusal(status, [error], headers=headers, stall=stall)


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """zones: None for all. token: empty for an account's key."""

    zones: frozenset[str] | None
    permissions: frozenset[str]
    status: str = "active"
    token: str = ""
    email: str = ""
    of_account: bool = False

    def sees(self, zone: str) -> bool:
        """Zones that may not be read are not in lists: that is no error at Cloudflare."""
        return self.holds(zone) and "zone:read" in self.permissions

    def holds(self, zone: str) -> bool:
        return self.zones is None or zone in self.zones

    def may(self, zone: str, permission: str) -> None:
        if not self.holds(zone):
            raise refusal(403, 9109, "Unauthorized to access requested resource")
        implied = permission == "dns:read" and "dns:edit" in self.permissions
        if permission not in self.permissions and not implied:
            raise refusal(403, 10000, "Authentication error")


class Access:
    def __init__(self) -> None:
        self._tokens: dict[str, Bearer] = {}
        self._keys: dict[tuple[str, str], Bearer] = {}

    def add_token(
        self, zones: frozenset[str] | None, permissions: frozenset[str], status: str, of_account: bool
    ) -> str:
        token = secrets.token_urlsafe(30)
        self._tokens[token] = Bearer(
            zones=zones, permissions=permissions, status=status, token=token, of_account=of_account
        )
        return token

    def drop_token(self, token: str) -> None:
        del self._tokens[token]

    def add_key(self, email: str) -> str:
        key = secrets.token_hex(18)[:37]
        everything = frozenset({"zone:read", "dns:read", "dns:edit"})
        self._keys[email, key] = Bearer(zones=None, permissions=everything, email=email)
        return key

    def of(self, headers: Mapping[str, str]) -> Bearer:
        authorization = headers.get("Authorization")
        if authorization is None:
            return self._of_key(headers)
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not _TOKEN.fullmatch(token):
            raise refusal(400, 6003, "Invalid request headers", (6111, "Invalid format for Authorization header"))
        known = self._tokens.get(token)
        if known is None:
            return Bearer(zones=frozenset(), permissions=frozenset(), status="unknown", token=token)
        return known

    def demand_good(self, bearer: Bearer) -> None:
        if bearer.status != "active":
            raise refusal(403, 9109, "Invalid access token")

    def verify(self, bearer: Bearer) -> dict[str, Any]:
        if bearer.status == "unknown" or bearer.of_account or not bearer.token:
            raise refusal(401, 1000, "Invalid API Token")
        return {"id": secrets.token_hex(16), "status": bearer.status, "expires_on": "2099-01-01T00:00:00Z"}

    def user(self, bearer: Bearer) -> dict[str, Any]:
        if not bearer.email:
            raise refusal(403, 9109, "Unauthorized to access requested resource")
        return {"id": secrets.token_hex(16), "email": bearer.email}

    def _of_key(self, headers: Mapping[str, str]) -> Bearer:
        email, key = headers.get("X-Auth-Email", ""), headers.get("X-Auth-Key", "")
        if not key or not email:
            raise refusal(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        known = self._keys.get((email, key))
        if known is None:
            raise refusal(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")
        return known
