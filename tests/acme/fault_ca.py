"""A CA in this process that does what a test tells it: it refuses, stalls, forgets, lies, and is out of time.

    async with run_fault_ca() as ca:
        ca.refuse("newOrder", rate_limited("120"))
        ca.flaw = Flaw.OTHER_KEY

Without a fault it is a CA as RFC 8555 and 9773 want it: signatures, nonces, states and CSRs are checked, and
certificates are signed. Pebble judges whether a client speaks ACME; this one brings bad days that Pebble lacks.
"""

import asyncio
import contextlib
import secrets
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from tests.acme.ca_desk import URN, Desk, Order
from tests.acme.ca_moods import Judge, Moods, Refusal, dropped, garbage, rate_limited, stalled, unavailable
from tests.acme.ca_parts import Flaw, Signed
from tests.acme.listener import make_listener

__all__ = [
    "FaultCa",
    "Flaw",
    "Judge",
    "Refusal",
    "dropped",
    "garbage",
    "rate_limited",
    "run_fault_ca",
    "stalled",
    "unavailable",
]


class Request(NamedTuple):
    """What came in. kid: the account's URL, empty for requests with a key."""

    action: str
    payload: Any
    kid: str = ""


class FaultCa(Moods):
    """ca: PEM that its HTTPS listener is from. directory: its URL. requests: all so far, for assertions."""

    def __init__(self, *, ca: str = "", judge: Judge | None = None) -> None:
        super().__init__(judge=judge)
        self.ca = ca
        self.requests: list[Request] = []
        self._desk = Desk(self)
        self._refusals: dict[str, deque[Refusal]] = {}
        self._always: dict[str, Refusal] = {}
        self._nonces: set[str] = set()

    @property
    def directory(self) -> str:
        return f"{self._desk.base}/directory"

    @property
    def root(self) -> str:
        """PEM of the root of the certificates that it issues."""
        return self._desk.signer.root

    @property
    def orders(self) -> dict[int, Order]:
        return self._desk.orders

    @property
    def accounts(self) -> dict[int, dict[str, Any]]:
        return self._desk.accounts

    @property
    def revoked(self) -> set[int]:
        return self._desk.revoked

    def refuse(self, action: str, *refusals: Refusal, always: bool = False) -> None:
        """The next requests of an action, one refusal each; always: all of them, until `forgive`.

        Actions: directory, newNonce, newAccount, account, newOrder, order, authorization, challenge, finalize,
        certificate, renewalInfo, revokeCert.
        """
        if always:
            (self._always[action],) = refusals
        else:
            self._refusals.setdefault(action, deque()).extend(refusals)

    def forgive(self) -> None:
        self._refusals.clear()
        self._always.clear()

    def forget_orders(self) -> None:
        """As if their time were over."""
        self._desk.orders.clear()

    def forget_accounts(self) -> None:
        self._desk.accounts.clear()

    def forget_nonces(self) -> None:
        """As a CA that was started anew."""
        self._nonces.clear()

    def asked(self, action: str) -> list[Any]:
        """The payloads of the requests so far, refused ones included."""
        return [request.payload for request in self.requests if request.action == action]

    def listen(self, base: str) -> None:
        self._desk.base = base

    async def serve(self, request: web.Request) -> web.StreamResponse:
        action, _, rest = request.path.strip("/").partition("/")
        try:
            signed = self._read(request, await request.read(), action)
            self._raise_refusal(action)
            answer = await self._desk.answer(action, rest, signed)
        except Refusal as refusal:
            if refusal.stall:
                await asyncio.Event().wait()
            if refusal.drop and request.transport is not None:
                request.transport.abort()
            answer = _refused(refusal)
        answer.headers["Date"] = format_datetime(self.now(), usegmt=True)
        if request.method in ("POST", "HEAD"):
            nonce = secrets.token_urlsafe(12)
            self._nonces.add(nonce)
            answer.headers["Replay-Nonce"] = nonce
        return answer

    def _raise_refusal(self, action: str) -> None:
        if action in self._always:
            raise self._always[action]
        if waiting := self._refusals.get(action):
            raise waiting.popleft()

    def _read(self, request: web.Request, body: bytes, action: str) -> Signed | None:
        if request.method != "POST":
            self.requests.append(Request(action, None))
            return None
        if request.content_type != "application/jose+json":
            raise Refusal(status=415, detail="the content type is not application/jose+json")
        signed = Signed.read(body)
        self.requests.append(Request(action, signed.payload, signed.header.get("kid", "")))
        if signed.header["url"] != f"{self._desk.base}{request.path}":
            raise Refusal(status=401, type="unauthorized", detail="the url is not that of the request")
        if signed.header["nonce"] not in self._nonces or self.bad_nonces:
            self.bad_nonces = max(self.bad_nonces - 1, 0)
            raise Refusal(type="badNonce", detail="this nonce is not good")
        self._nonces.discard(signed.header["nonce"])
        jwk = signed.header.get("jwk")
        if (jwk is not None) != (action == "newAccount"):
            raise Refusal(detail="newAccount takes a jwk, everything else a kid")
        if not signed.is_by(jwk or self._desk.account_of(signed)["jwk"]):
            raise Refusal(status=401, type="unauthorized", detail="the signature is not by this key")
        return signed


def _refused(refusal: Refusal) -> web.Response:
    if refusal.body is not None:
        return web.Response(status=refusal.status, text=refusal.body, headers=refusal.headers)
    problem = {"type": f"{URN}{refusal.type}", "detail": refusal.detail, "status": refusal.status}
    return web.json_response(
        problem, status=refusal.status, headers=refusal.headers, content_type="application/problem+json"
    )


@contextlib.asynccontextmanager
async def run_fault_ca(*, judge: Judge | None = None) -> AsyncIterator[FaultCa]:
    """Listening, on a free port of loopback. judge: looks at proofs; without one, all are good."""
    listener = make_listener()
    ca = FaultCa(ca=listener.ca, judge=judge)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", ca.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        with tempfile.TemporaryDirectory(prefix="fault-ca-") as folder:
            context = listener.context(Path(folder))
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        port = runner.addresses[0][1]
        ca.listen(f"https://127.0.0.1:{port}")
        yield ca
    finally:
        await runner.cleanup()
