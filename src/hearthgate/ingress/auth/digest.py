"""HTTP Digest (RFC 2617, MD5 with qop=auth): challenges, and whether an Authorization header answers one.

A nonce proves by a keyed hash that it is ours and when it was made; nothing is kept of it until somebody who knows
the password uses it. From then on each of its counts is good once, in any order within a window: requests of one
page overtake each other on HTTP/2.
"""

import hashlib
import hmac
import os
import posixpath
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from hearthgate.ingress.middlewares.digest import DigestAuth, DigestUser

LIFETIME: Final = 3600.0
"""Seconds for which a nonce is good. Clients answer the next one by themselves: it says `stale`."""
WINDOW: Final = 128
MAX_NONCES: Final = 8192
_PARAMETER: Final = re.compile(r'\s*([A-Za-z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_NOBODY: Final = b"0" * 32
_COUNT: Final = re.compile(r"[0-9a-fA-F]{8}")


class DigestTable(NamedTuple):
    """The users of one digestAuth. header: that of an answer that carries the user's name, may be empty."""

    users: Mapping[str, DigestUser]
    realm: str
    header: str


class Attempt(NamedTuple):
    """A request that shall pass. `target`: its path and query. `authorization`: the header as it came."""

    method: str
    target: str
    authorization: str


class Verdict(NamedTuple):
    """`user` None: refused. stale: the password is right, but the nonce cannot be used any more."""

    user: str | None = None
    stale: bool = False


class _Uses:
    """Which counts of a nonce were used: the highest, and bits for those just below it."""

    __slots__ = ("bits", "highest")

    def __init__(self) -> None:
        self.highest = 0
        self.bits = 0

    def take(self, count: int) -> bool:
        """Whether this is the first use of the count."""
        if count > self.highest:
            shift = count - self.highest
            self.bits = (self.bits << shift | 1) & (1 << WINDOW) - 1 if shift < WINDOW else 1
            self.highest = count
            return True
        place = self.highest - count
        if count < 1 or place >= WINDOW or self.bits >> place & 1:
            return False
        self.bits |= 1 << place
        return True


class DigestGuard:
    """Makes challenges and checks answers. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._opaque = hashlib.sha256(self._key).hexdigest()[:32]
        self._uses: OrderedDict[str, tuple[float, _Uses]] = OrderedDict()
        self._forgotten = -1.0
        """Nonces made up to then may have been used and forgotten."""

    def challenge(self, path: str, table: DigestTable, now: float, *, stale: bool = False) -> str:
        """A WWW-Authenticate header. `path`: the question, which the nonce holds for."""
        realm = table.realm.replace("\\", "\\\\").replace('"', '\\"')
        old = ", stale=true" if stale else ""
        return (
            f'Digest realm="{realm}", nonce="{self._nonce(path, now)}", opaque="{self._opaque}", '
            f'algorithm="MD5", qop="auth"{old}'
        )

    def check(self, path: str, table: DigestTable, attempt: Attempt, now: float) -> Verdict:
        """An unknown name costs as much as a known one."""
        given = parameters(attempt.authorization)
        nonce, name, uri, count = (given.get(key, "") for key in ("nonce", "username", "uri", "nc"))
        if (
            given.get("realm") != table.realm
            or given.get("algorithm", "MD5") != "MD5"
            or given.get("qop") != "auth"
            or not _COUNT.fullmatch(count)
            or not same_target(uri, attempt.target)
        ):
            return Verdict()
        name = name.encode("latin-1").decode("utf-8", "replace")
        user = table.users.get(name)
        secret = user.hash.reveal() if user is not None else _NOBODY
        wanted = _md5(secret, nonce, count, given.get("cnonce", ""), "auth", _md5(attempt.method, uri))
        right = hmac.compare_digest(wanted, given.get("response", "").lower().encode())
        if user is None or not right:
            return Verdict()
        made = self._made(path, nonce) if given.get("opaque") == self._opaque else None
        # A nonce of another process, before a restart for one, is old too: the client need not ask its user again.
        if made is None or now - made > LIFETIME or (nonce not in self._uses and made <= self._forgotten):
            return Verdict(stale=True)
        return Verdict(name) if self._take(nonce, made, int(count, 16)) else Verdict(stale=True)

    def _take(self, nonce: str, made: float, count: int) -> bool:
        _, uses = self._uses.setdefault(nonce, (made, _Uses()))
        self._uses.move_to_end(nonce)
        if len(self._uses) > MAX_NONCES:
            _, (oldest, _) = self._uses.popitem(last=False)
            self._forgotten = max(self._forgotten, oldest)
        return uses.take(count)

    def _nonce(self, path: str, now: float) -> str:
        head = f"{int(now * 1000):014x}{os.urandom(8).hex()}"
        return head + self._seal(path, head)

    def _made(self, path: str, nonce: str) -> float | None:
        """When a nonce was made; None when it is not ours, or was made for another question."""
        head, seal = nonce[:30], nonce[30:]
        if not hmac.compare_digest(seal.encode(), self._seal(path, head).encode()):
            return None
        return int(head[:14], 16) / 1000

    def _seal(self, path: str, head: str) -> str:
        return hmac.digest(self._key, f"{path}\0{head}".encode(), "sha256").hex()[:32]


def parameters(authorization: str) -> Mapping[str, str]:
    """The parameters of a Digest Authorization header; empty when it is none."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    found: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None or match[1].lower() in found:
            return {}
        quoted = match[2]
        found[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3]
        position = match.end()
    return found


def same_target(uri: str, target: str) -> bool:
    """Whether a client signed this very request. The proxy has made the path plain, which the client may not have;
    upstream also takes every beginning of the path, which lets an answer be used for other pages."""
    return uri == target or _plain(uri) == _plain(target)


def _plain(uri: str) -> tuple[str, str]:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri, ""
    path = unquote(parts.path, errors="surrogateescape") or "/"
    kept = "/" if path.endswith(("/", "/.", "/..")) else ""
    return posixpath.normpath("/" + path.lstrip("/")).rstrip("/") + kept, parts.query


def _md5(*parts: str | bytes) -> bytes:
    texts = (part if isinstance(part, bytes) else part.encode("latin-1", "replace") for part in parts)
    return hashlib.md5(b":".join(texts), usedforsecurity=False).hexdigest().encode()


def digest_table(middleware: DigestAuth) -> DigestTable:
    users = {user.name: user for user in middleware.users}
    return DigestTable(users, middleware.realm, middleware.header_field)
