"""forwardAuth (traefik.io Middleware): another server says whether a request may pass."""

from enum import StrEnum
from typing import Final

from cryptography import x509

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.external import NO_LINKS
from hearthgate.ingress.middlewares.header_fields import check_name, check_value, is_framing
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.regexes import MAX_LENGTH
from hearthgate.ingress.middlewares.urls import Server, parse_server
from hearthgate.ingress.routing.certificates import (
    CERTIFICATE_KEY,
    PRIVATE_KEY_KEY,
    InvalidPairError,
    read_pair,
)
from hearthgate.ingress.routing.model import Certificate, LoadBalancer, Service, Transport
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.traefik import access as spec
from hearthgate.rules.regex import regex_error

BODY_LIMIT: Final = 32 << 20
"""Bytes. A body that shall be shown is held in memory whole; upstream's default knows no limit."""
_CA_KEYS: Final = ("tls.ca", "ca.crt")


class Trust(StrEnum):
    """trustForwardHeader. LEGACY: not set; some X-Forwarded-* headers of the client pass."""

    ALL = "all"
    NONE = "none"
    LEGACY = "legacy"


class ForwardAuth(Middleware, frozen=True, kw_only=True):
    """Header names are lower case. `request_headers` empty: all. `max_body` in bytes, -1: the body is not shown;
    `max_response` in bytes, -1: no limit."""

    server: Server
    balancer: LoadBalancer
    trust: Trust = Trust.LEGACY
    response_headers: tuple[str, ...] = ()
    response_pattern: str = ""
    request_headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    user_header: str = ""
    max_body: int = -1
    max_response: int = -1
    keep_location: bool = False
    keep_method: bool = False
    sign_in: str = ""

    def services(self) -> tuple[Service, ...]:
        return (self.balancer,)


def forward_auth(options: spec.ForwardAuth, draft: Draft) -> ForwardAuth | None:
    server = parse_server(draft, "address", options.address)
    transport = _transport(options.tls or spec.ClientTLS(), server, draft)
    _check_names(options, draft)
    check_value(draft, "authSigninURL", options.auth_signin_url)
    if server is None or transport is None or draft.is_refused:
        return None
    field = draft.path("address")
    balancer, problems = (draft.links or NO_LINKS).host(server.host, server.port, server.scheme, transport, field)
    draft.problems.extend(problems)
    if balancer is None:
        return None
    return ForwardAuth(
        name=draft.name,
        server=server,
        balancer=balancer,
        trust=_TRUST[options.trust_forward_header],
        response_headers=_lower(options.auth_response_headers),
        response_pattern=options.auth_response_headers_regex,
        request_headers=_lower(options.auth_request_headers),
        cookies=tuple(dict.fromkeys(options.add_auth_cookies_to_response)),
        user_header=options.header_field.lower(),
        max_body=_body_limit(options, draft),
        max_response=max(-1, options.max_response_body_size),
        keep_location=options.preserve_location_header,
        keep_method=options.preserve_request_method,
        sign_in=options.auth_signin_url,
    )


_TRUST: Final = {None: Trust.LEGACY, True: Trust.ALL, False: Trust.NONE}


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({name.lower() for name in names}))


def _check_names(options: spec.ForwardAuth, draft: Draft) -> None:
    for index, name in enumerate(options.auth_response_headers):
        field = f"authResponseHeaders[{index}]"
        if check_name(draft, field, name) and (name.lower() == "host" or is_framing(name)):
            draft.refuse(field, f"{name} is managed by the proxy and cannot come from the authentication server")
    for index, name in enumerate(options.auth_request_headers):
        check_name(draft, f"authRequestHeaders[{index}]", name)
    for index, name in enumerate(options.add_auth_cookies_to_response):
        check_name(draft, f"addAuthCookiesToResponse[{index}]", name)
    if options.header_field:
        check_name(draft, "headerField", options.header_field)
    pattern = options.auth_response_headers_regex
    if len(pattern.encode()) > MAX_LENGTH:
        draft.refuse("authResponseHeadersRegex", f"is too long: at most {MAX_LENGTH} bytes can be handled")
    elif pattern and (error := regex_error(pattern)):
        message = f"not a regular expression (RE2): {shorten(pattern)}: {error}"
        draft.refuse("authResponseHeadersRegex", message)


def _body_limit(options: spec.ForwardAuth, draft: Draft) -> int:
    if not options.forward_body:
        return -1
    if options.max_body_size > BODY_LIMIT:
        message = f"{options.max_body_size} bytes are too many to hold: {BODY_LIMIT} is the limit"
        draft.warn("maxBodySize", message, Reason.UNSUPPORTED)
    return BODY_LIMIT if options.max_body_size < 0 else min(options.max_body_size, BODY_LIMIT)


def _transport(tls: spec.ClientTLS, server: Server | None, draft: Draft) -> Transport | None:
    if tls.ca_optional is not None:
        draft.warn("tls.caOptional", "has no effect: upstream ignores it too", Reason.DEPRECATED)
    if server is None:
        return None
    authorities = _authorities(tls.ca_secret, draft) if tls.ca_secret else ()
    identity = _identity(tls.cert_secret, draft) if tls.cert_secret else ()
    if authorities is None or identity is None:
        return None
    return Transport(
        name=f"forwardAuth {draft.name}",
        insecure_skip_verify=tls.insecure_skip_verify,
        server_name=server.host if server.scheme == "https" else "",
        root_cas=authorities,
        certificates=identity,
    )


def _identity(name: str, draft: Draft) -> tuple[Certificate, ...] | None:
    secret = draft.secret(name)
    where = f"Secret {draft.ref.namespace}/{name}"
    if secret is None:
        draft.refuse("tls.certSecret", f"{where} does not exist", Reason.SECRET_NOT_FOUND)
        return None
    chain, key = secret.value(CERTIFICATE_KEY), secret.value(PRIVATE_KEY_KEY)
    try:
        if chain is None or key is None:
            raise InvalidPairError(f"has no {PRIVATE_KEY_KEY if chain is not None else CERTIFICATE_KEY}")
        return (read_pair(secret.ref, chain.reveal(), key),)
    except InvalidPairError as error:
        draft.refuse("tls.certSecret", f"{where}: {error}", Reason.SECRET_INVALID)
        return None


def _authorities(name: str, draft: Draft) -> tuple[str, ...] | None:
    secret = draft.secret(name)
    where = f"Secret {draft.ref.namespace}/{name}"
    value = next((found for key in _CA_KEYS if secret and (found := secret.value(key))), None)
    if value is None:
        message = f"{where} does not exist or has no key {' or '.join(_CA_KEYS)}"
        draft.refuse("tls.caSecret", message, Reason.SECRET_NOT_FOUND)
        return None
    try:
        x509.load_pem_x509_certificates(value.reveal())
        return (value.reveal().decode("ascii"),)
    except ValueError:
        message = f"{where}: no certificate in PEM form can be read"
        draft.refuse("tls.caSecret", message, Reason.SECRET_INVALID)
        return None
