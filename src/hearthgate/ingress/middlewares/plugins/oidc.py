"""plugin.oidc: lets in who logged in at an OpenID provider. Hearthgate's own."""

import re
from hashlib import blake2b
from typing import Annotated, Final

import msgspec

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.plugins.options import read_authority, read_options
from hearthgate.ingress.middlewares.urls import parse_server
from hearthgate.model.problems import Reason, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.meta import Strict

USER_HEADERS: Final = (
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
)
"""What backends learn of a user. Clients' own copies are removed."""
QUESTION: Final = "oidc"
_COOKIE: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_PATH: Final = re.compile(r"/[A-Za-z0-9._~/-]{1,200}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_SHORTEST_SECRET: Final = 16


class OidcOptions(Strict, frozen=True, kw_only=True, rename="camel"):
    """cookie_secret: what sessions are sealed with, by default the client's secret. session_seconds: how long a
    login lasts. post_logout_path: where a logout leads."""

    provider_url: str = ""
    client_id: str = ""
    client_secret: SecretBytes | None = None
    cookie_secret: SecretBytes | None = None
    certificate_authority: SecretBytes | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    allowed_emails: tuple[str, ...] = ()
    allowed_domains: tuple[str, ...] = ()
    allowed_groups: tuple[str, ...] = ()
    groups_claim: str = "groups"
    cookie_name: str = "hearthgate_session"
    redirect_path: str = "/oauth2/callback"
    logout_path: str = "/oauth2/logout"
    post_logout_path: str = "/"
    session_seconds: Annotated[int, msgspec.Meta(ge=60, le=30 * 86_400)] = 12 * 3600


class Oidc(Middleware, frozen=True, kw_only=True):
    """issuer: the provider's URL without the slash at its end. key: what sessions are sealed with. emails and
    domains: lower case; with groups: one of them must fit, none = everybody. lifetime in seconds."""

    ref: ObjectRef
    issuer: str
    client_id: str
    client_secret: SecretBytes
    key: SecretBytes
    authority: str = ""
    scopes: tuple[str, ...]
    emails: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    groups_claim: str = "groups"
    cookie: str
    redirect_path: str
    logout_path: str
    left_path: str = "/"
    lifetime: float


def oidc(given: object, draft: Draft) -> Oidc | None:
    options = read_options(given, OidcOptions, draft)
    if options is None:
        return None
    server = parse_server(draft, "providerUrl", options.provider_url)
    if server is not None and server.scheme != "https":
        draft.warn("providerUrl", "is not https: whoever is on the way to the provider can let anybody in")
    _check(options, draft)
    authority = read_authority(options.certificate_authority, "certificateAuthority", draft)
    secret = options.client_secret
    if secret is None or draft.is_refused:
        return None
    return Oidc(
        name=draft.name,
        ref=draft.ref,
        issuer=options.provider_url.removesuffix("/"),
        client_id=options.client_id,
        client_secret=SecretBytes(secret.reveal().strip()),
        key=options.cookie_secret or secret,
        authority=authority,
        scopes=tuple(dict.fromkeys(("openid", *options.scopes))),
        emails=_lower(options.allowed_emails),
        domains=_lower(options.allowed_domains),
        groups=tuple(sorted(set(options.allowed_groups))),
        groups_claim=options.groups_claim,
        cookie=options.cookie_name,
        redirect_path=options.redirect_path,
        logout_path=options.logout_path,
        left_path=options.post_logout_path,
        lifetime=float(options.session_seconds),
    )


def oidc_question(middleware: Oidc) -> str:
    """What the question to the auth service begins with; the target of the request follows."""
    values = (getattr(middleware, field) for field in middleware.__struct_fields__ if field not in ("name", "ref"))
    content = [value.fingerprint() if isinstance(value, SecretBytes) else value for value in values]
    digest = blake2b(msgspec.json.encode(content), digest_size=15, person=b"hg-oidc")
    return f"/{QUESTION}/{digest.hexdigest()}"


def _check(options: OidcOptions, draft: Draft) -> None:
    if not options.client_id:
        draft.refuse("clientId", "is required: what the provider calls this client", Reason.MISSING_FIELD)
    if options.client_secret is None:
        draft.refuse("clientSecret", "is required: urn:k8s:secret:NAME:KEY of a Secret", Reason.MISSING_FIELD)
    for field, secret in (("clientSecret", options.client_secret), ("cookieSecret", options.cookie_secret)):
        seals = field == "cookieSecret" or options.cookie_secret is None
        if secret is not None and seals and len(secret.reveal().strip()) < _SHORTEST_SECRET:
            draft.refuse(field, f"is too short to seal sessions with: at least {_SHORTEST_SECRET} characters")
    if not _COOKIE.fullmatch(options.cookie_name):
        draft.refuse("cookieName", f"not the name of a cookie: {shorten(options.cookie_name)}")
    for field, path in (("redirectPath", options.redirect_path), ("logoutPath", options.logout_path)):
        if not _PATH.fullmatch(path):
            draft.refuse(field, f"not a path of plain characters: {shorten(path)}")
    if options.redirect_path == options.logout_path:
        draft.refuse("logoutPath", "must differ from redirectPath")
    left = options.post_logout_path
    if left != "/" and not (_PATH.fullmatch(left) and not left.startswith("//")):
        draft.refuse("postLogoutPath", f"not a path of plain characters: {shorten(left)}")
    for index, scope in enumerate(options.scopes):
        if not _SCOPE.fullmatch(scope):
            draft.refuse(f"scopes[{index}]", f"not a scope: {shorten(scope)}")


def _lower(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({text.strip().lower().removeprefix("@") for text in texts}))
