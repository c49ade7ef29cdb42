"""The door of the API: who is it, as whom does it act, may it do that, and may it still.

Identity and role are looked up at each request and, for streams, every few seconds: whoever was removed is out.
"""

import asyncio
import hashlib
import ssl
import weakref
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple

from aiohttp import web

from hearthgate.apiserver.access.identity import Identity, PeerCertificate, assumed, identify
from hearthgate.apiserver.access.roles import Attributes, allows, refusal
from hearthgate.apiserver.access.tokens import Tokens
from hearthgate.apiserver.access.users import Users
from hearthgate.apiserver.errors import ApiError, bad_request
from hearthgate.apiserver.served import ServedKinds
from hearthgate.resources.kinds import Kind

ACTING: Final = web.RequestKey("acting", Identity)
"""As whom a request acts, once that is known."""
_RECHECK_EVERY: Final = 2.0
_AS_USER: Final = "Impersonate-User"
_AS_GROUP: Final = "Impersonate-Group"
_AS_UID: Final = "Impersonate-Uid"
_AS_EXTRA: Final = "impersonate-extra-"


class _Session(NamedTuple):
    """What a running stream was let in for."""

    request: web.Request
    wanted: Attributes


class Gate:
    """`run` until cancelled, else streams outlive the rights of those who read them."""

    def __init__(self, users: Users, tokens: Tokens, served: ServedKinds, now: Callable[[], datetime]) -> None:
        self._users = users
        self._tokens = tokens
        self._served = served
        self._now = now
        self._peers = _Peers()
        self._sessions: dict[asyncio.Timeout, _Session] = {}

    def by_token(self, token: str) -> Identity | None:
        return self._tokens.identity_of(token) or self._users.current().by_token(token)

    def by_certificate(self, certificate: PeerCertificate) -> Identity | None:
        return self._users.current().by_certificate(certificate)

    def by_name(self, name: str) -> Identity | None:
        return self._users.current().by_name(name)

    def real(self, request: web.Request) -> Identity:
        """Who sends the request. Raises ApiError 401 for strangers."""
        authorization = request.headers.get("Authorization", "")
        real = identify(self._peers.of(request, self._now()), authorization, self)
        if real is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return real

    def acting(self, request: web.Request, real: Identity) -> Identity:
        """As whom: itself, or whom it impersonates. Raises ApiError 403 when it may not."""
        headers = request.headers
        user, groups = headers.get(_AS_USER, ""), tuple(headers.getall(_AS_GROUP, ()))
        uid = headers.get(_AS_UID, "")
        if any(name.lower().startswith(_AS_EXTRA) for name in headers):
            raise bad_request("impersonation of extra attributes is not supported: nothing here depends on them")
        if not user:
            if groups or uid:
                raise bad_request(f"impersonation needs {_AS_USER}")
            return real
        self.check(real, Attributes("impersonate", resource="users", name=user))
        for group in groups:
            self.check(real, Attributes("impersonate", resource="groups", name=group))
        return assumed(user, groups, uid, self)

    def permits(self, identity: Identity, wanted: Attributes) -> bool:
        return allows(identity, wanted, namespaced=self._scope(wanted.group, wanted.resource))

    def check(self, identity: Identity, wanted: Attributes) -> None:
        """Raises ApiError 403 in upstream's words."""
        if self.permits(identity, wanted):
            return
        why = refusal(identity, wanted)
        if not wanted.resource:
            raise ApiError(403, "Forbidden", f"forbidden: {why}")
        kind = Kind(wanted.group, wanted.version, "", wanted.resource)
        named = f'{kind.resource} "{wanted.name}"' if wanted.name else kind.resource
        raise ApiError(403, "Forbidden", f"{named} is forbidden: {why}", kind=kind, name=wanted.name)

    async def while_permitted(
        self, request: web.Request, wanted: Attributes, serve: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """What `serve` answers. Once the caller may no longer read it, the connection is cut."""
        try:
            async with asyncio.timeout(None) as limit:
                self._sessions[limit] = _Session(request, wanted)
                try:
                    return await serve()
                finally:
                    del self._sessions[limit]
        except TimeoutError:
            if not limit.expired():
                raise
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=403)  # nobody is left to read it

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_RECHECK_EVERY)
            for limit, session in list(self._sessions.items()):
                if not self._still(session):
                    limit.reschedule(asyncio.get_running_loop().time())

    def _still(self, session: _Session) -> bool:
        try:
            return self.permits(self.acting(session.request, self.real(session.request)), session.wanted)
        except ApiError:
            return False

    def _scope(self, group: str, resource: str) -> bool | None:
        """Whether a served resource lies in namespaces; None for one that is not served."""
        return next((k.namespaced for k in self._served.kinds if (k.group, k.plural) == (group, resource)), None)


class _Peers:
    """The certificates that clients showed, verified by TLS. Reading one costs more than all else at the door, and
    a connection keeps the one it began with."""

    def __init__(self) -> None:
        self._seen: weakref.WeakKeyDictionary[ssl.SSLObject, tuple[float, PeerCertificate] | None] = (
            weakref.WeakKeyDictionary()
        )

    def of(self, request: web.Request, now: datetime) -> PeerCertificate | None:
        """One that ended since the handshake counts no more."""
        connection: ssl.SSLObject | None = request.get_extra_info("ssl_object")
        if connection is None:
            return None
        if connection not in self._seen:
            self._seen[connection] = _read(connection)
        found = self._seen[connection]
        return found[1] if found is not None and now.timestamp() <= found[0] else None


def _read(connection: ssl.SSLObject) -> tuple[float, PeerCertificate] | None:
    """When it ends, and the certificate."""
    subject, der = connection.getpeercert(), connection.getpeercert(binary_form=True)
    if not subject or der is None:
        return None
    ends = ssl.cert_time_to_seconds(str(subject["notAfter"]))
    return ends, PeerCertificate.of(subject, hashlib.sha256(der).hexdigest())
