"""The way of a browser to the provider and back, and what it may do then."""

import asyncio
import base64
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, quote, urlencode

import structlog

from hearthgate.ingress.auth.wire import Answer, Request
from hearthgate.ingress.envoy.middlewares.service import USER_HEADER
from hearthgate.ingress.guards.oidc.provider import Provider, Tokens
from hearthgate.ingress.guards.oidc.sealing import LARGEST, NONCE, Login, Seal, Session
from hearthgate.ingress.middlewares.plugins.oidc import USER_HEADERS, Oidc
from hearthgate.model.errors import Permanent, Transient, WireError

log = structlog.get_logger(__name__)

LOGIN_SECONDS: Final = 600.0
_REMEMBERED: Final = 60.0
"""Seconds for which the outcome of a refresh is kept: a page's other requests still bring the old cookie."""
_MAX_REMEMBERED: Final = 1024
_LEAST_CHECK: Final = 30.0
_OWN: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*\Z")
"""A way within the site: browsers take two slashes, of either kind, for another host."""
_NO_STORE: Final = ("cache-control", "no-store")


class Asked(NamedTuple):
    """A request as far as logins need it. target: path and query."""

    method: str
    target: str
    host: str
    scheme: str
    cookies: Mapping[str, str]
    is_page: bool

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Guard:
    """Answers for one middleware. `fault`: why nobody can log in; `changed` is called when it did. now: seconds
    since 1970."""

    def __init__(
        self,
        middleware: Oidc,
        *,
        changed: Callable[[], None],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.middleware = middleware
        self.provider = Provider(middleware, clock=clock, now=now)
        self.fault = ""
        self._changed = changed
        self._now = now
        self._logins = Seal(middleware.key, f"login {middleware.issuer} {middleware.client_id}")
        self._sessions = Seal(middleware.key, f"session {middleware.issuer} {middleware.client_id}")
        self._refreshed: OrderedDict[str, tuple[asyncio.Task[Session | None], float]] = OrderedDict()

    async def answer(self, request: Request, target: str) -> Answer:
        asked = _asked(request, target)
        try:
            answer = await self._answer(asked)
        except (Transient, Permanent, WireError) as error:
            self._note(str(error))
            return Answer(503, "Service Unavailable", (_NO_STORE,))
        self._note("")
        return answer

    async def _answer(self, asked: Asked) -> Answer:
        if asked.path == self.middleware.redirect_path:
            return await self._returned(asked)
        if asked.path == self.middleware.logout_path:
            return await self._logged_out(asked)
        session = self._session(asked)
        if session is None:
            return await self._sent_away(asked)
        if not session.refresh or session.checked_until > self._now():
            return Answer(200, "", self._told(session))
        renewed = await self._renewed(session)
        if renewed is None:
            return await self._sent_away(asked)
        return Answer(200, "", (*self._told(renewed), self._session_cookie(asked, renewed)))

    def _session(self, asked: Asked) -> Session | None:
        session = self._sessions.open(asked.cookies.get(self.middleware.cookie, ""), Session)
        if session is None or session.ends <= self._now() or not self._may(session):
            return None
        return session

    def _may(self, session: Session) -> bool:
        one = self.middleware
        if not (one.emails or one.domains or one.groups):
            return True
        email = session.email.lower()
        return (
            email in one.emails
            or ("@" in email and email.rpartition("@")[2] in one.domains)
            or any(group in one.groups for group in session.groups)
        )

    async def _sent_away(self, asked: Asked) -> Answer:
        """To the provider; what is no page of a browser is only told."""
        if not asked.is_page:
            return Answer(401, "401 Unauthorized", (_NO_STORE,))
        found = await self.provider.discovery()
        login = Login(
            state=_token(),
            nonce=_token(),
            verifier=_token(),
            to=asked.target,
            ends=self._now() + LOGIN_SECONDS,
        )
        challenge = base64.urlsafe_b64encode(sha256(login.verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self.middleware.client_id,
            "redirect_uri": self._redirect_uri(asked),
            "scope": " ".join(self.middleware.scopes),
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in found.authorization_endpoint else "?"
        sealed = self._logins.close(login, os.urandom(NONCE))
        if len(sealed) > LARGEST:
            sealed = self._logins.close(_without_way(login), os.urandom(NONCE))
        cookie = _cookie(self._login_name(login.state), sealed, asked, LOGIN_SECONDS)
        return _moved(f"{found.authorization_endpoint}{joint}{urlencode(query, quote_via=quote)}", cookie)

    async def _returned(self, asked: Asked) -> Answer:
        query = {name: values[0] for name, values in parse_qs(asked.target.partition("?")[2]).items()}
        state = query.get("state", "")
        name = self._login_name(state)
        login = self._logins.open(asked.cookies.get(name, ""), Login)
        if login is None or login.state != state or login.ends <= self._now():
            return Answer(
                400, "This login is unknown or too old: go back to the page and try again.", (_NO_STORE,)
            )
        over = _cookie(name, "", asked, 0)
        if "code" not in query:
            return Answer(403, "The provider refused the login.", (_NO_STORE, over))
        form = {
            "grant_type": "authorization_code",
            "code": query["code"],
            "redirect_uri": self._redirect_uri(asked),
            "code_verifier": login.verifier,
        }
        try:
            tokens = await self.provider.exchange(form)
            claims = await self.provider.claims(tokens.id_token, login.nonce)
        except (Permanent, WireError) as error:
            log.warning("login refused", middleware=self.middleware.name, reason=str(error))
            return Answer(403, "The login could not be verified.", (_NO_STORE, over))
        session = self._made(claims, tokens, self._now() + self.middleware.lifetime)
        if not self._may(session):
            log.info("user is not allowed", middleware=self.middleware.name)
            return Answer(403, "You may not use this site with this account.", (_NO_STORE, over))
        return _moved(login.to, over, self._session_cookie(asked, session))

    async def _logged_out(self, asked: Asked) -> Answer:
        over = _cookie(self.middleware.cookie, "", asked, 0)
        back = f"{asked.scheme}://{asked.host}{self.middleware.left_path}"
        try:
            end = (await self.provider.discovery()).end_session_endpoint
        except (Transient, Permanent, WireError):
            end = ""
        if not end:
            return _moved(self.middleware.left_path, over)
        query = urlencode({"client_id": self.middleware.client_id, "post_logout_redirect_uri": back})
        return _moved(f"{end}{'&' if '?' in end else '?'}{query}", over)

    async def _renewed(self, session: Session) -> Session | None:
        """The session after the provider was asked again; None when it wants a new login. Once for each token."""
        key = sha256(session.refresh.encode()).hexdigest()
        now = self._now()
        known = self._refreshed.get(key)
        if known is None or known[1] <= now:
            task = asyncio.get_running_loop().create_task(self._refresh(session))
            known = self._refreshed[key] = (task, now + _REMEMBERED)
            if len(self._refreshed) > _MAX_REMEMBERED:
                self._refreshed.popitem(last=False)
        try:
            return await asyncio.shield(known[0])
        except Transient:
            self._refreshed.pop(key, None)
            raise

    async def _refresh(self, session: Session) -> Session | None:
        try:
            tokens = await self.provider.exchange(
                {"grant_type": "refresh_token", "refresh_token": session.refresh}
            )
            claims = await self.provider.claims(tokens.id_token, None) if tokens.id_token else None
        except (Permanent, WireError) as error:
            log.info("session ended by the provider", middleware=self.middleware.name, reason=str(error))
            return None
        if claims is None:
            claims = {"sub": session.subject, "email": session.email, "name": session.name}
            claims[self.middleware.groups_claim] = list(session.groups)
        elif claims["sub"] != session.subject:
            return None
        renewed = self._made(claims, tokens, session.ends, session.refresh)
        return renewed if self._may(renewed) else None

    def _made(self, claims: Mapping[str, Any], tokens: Tokens, ends: float, refresh: str = "") -> Session:
        groups = claims.get(self.middleware.groups_claim, ())
        groups = [groups] if isinstance(groups, str) else groups
        email = claims.get("email", "") if claims.get("email_verified", True) is not False else ""
        return Session(
            subject=str(claims["sub"]),
            email=str(email),
            name=str(claims.get("preferred_username", claims.get("name", ""))),
            groups=tuple(map(str, groups)) if isinstance(groups, list | tuple) else (),
            ends=ends,
            checked_until=self._now() + max(_LEAST_CHECK, tokens.expires_in),
            refresh=tokens.refresh_token or refresh,
        )

    def _told(self, session: Session) -> tuple[tuple[str, str], ...]:
        texts = (session.subject, session.email, ",".join(session.groups), session.name)
        told = tuple((name, _plain(text)) for name, text in zip(USER_HEADERS, texts, strict=True) if _plain(text))
        return (*told, (USER_HEADER, _plain(session.name or session.email or session.subject)))

    def _session_cookie(self, asked: Asked, session: Session) -> tuple[str, str]:
        sealed = self._sessions.close(session, os.urandom(NONCE))
        if len(sealed) > LARGEST:
            sealed = self._sessions.close(_shortened(session, self.middleware), os.urandom(NONCE))
        return _cookie(self.middleware.cookie, sealed, asked, session.ends - self._now())

    def _login_name(self, state: str) -> str:
        """Logins in several windows do not disturb each other."""
        return f"{self.middleware.cookie}_{sha256(state.encode()).hexdigest()[:12]}"

    def _redirect_uri(self, asked: Asked) -> str:
        return f"{asked.scheme}://{asked.host}{self.middleware.redirect_path}"

    def _note(self, fault: str) -> None:
        if fault != self.fault:
            self.fault = fault
            self._changed()


def _asked(request: Request, target: str) -> Asked:
    headers = request.headers
    accepts = headers.get("accept", "")
    return Asked(
        method=request.method,
        target=target if _OWN.match(target) else "/",
        host=headers.get("host", ""),
        scheme="http" if headers.get("x-forwarded-proto", "https") in ("http", "ws") else "https",
        cookies=_cookies(headers.get("cookie", "")),
        is_page=request.method == "GET" and ("text/html" in accepts or accepts in ("", "*/*")),
    )


def _cookies(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.replace(",", ";").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def _cookie(name: str, value: str, asked: Asked, seconds: float) -> tuple[str, str]:
    parts = [f"{name}={value}", "Path=/", f"Max-Age={max(0, int(seconds))}", "HttpOnly", "SameSite=Lax"]
    if asked.scheme == "https":
        parts.append("Secure")
    return "set-cookie", "; ".join(parts)


def _moved(location: str, *headers: tuple[str, str]) -> Answer:
    return Answer(302, "", (("location", location), _NO_STORE, *headers))


def _token() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def _plain(text: str) -> str:
    """Without what may not stand in a header."""
    return "".join(char for char in text if " " <= char <= "~" or char > "\x9f").strip()


def _without_way(login: Login) -> Login:
    return Login(state=login.state, nonce=login.nonce, verifier=login.verifier, to="/", ends=login.ends)


def _shortened(session: Session, middleware: Oidc) -> Session:
    """Without what makes a cookie too long: a refresh token, and groups that nobody asks for."""
    return Session(
        subject=session.subject,
        email=session.email,
        name=session.name,
        groups=tuple(group for group in session.groups if group in middleware.groups),
        ends=session.ends,
    )
