"""Folds a router's list of middlewares into branches, in upstream's order: the first listed sees the request first
and the answer last.

What answers by itself becomes a branch of its own with all filters that stand before it in the list, so that
`[headers, ipAllowList]` puts the headers on the refusal and `[basicAuth, redirectRegex]` asks for the password
before it redirects.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.middlewares.access import ip_allow_list
from hearthgate.ingress.envoy.middlewares.breaker import circuit_breaker
from hearthgate.ingress.envoy.middlewares.buffering import buffering
from hearthgate.ingress.envoy.middlewares.client_certificate import pass_tls_client_cert
from hearthgate.ingress.envoy.middlewares.compress import compress
from hearthgate.ingress.envoy.middlewares.content import content_type, grpc_web
from hearthgate.ingress.envoy.middlewares.counting import in_flight_req, rate_limit
from hearthgate.ingress.envoy.middlewares.credentials import basic_auth
from hearthgate.ingress.envoy.middlewares.digest import digest_auth
from hearthgate.ingress.envoy.middlewares.errors import errors
from hearthgate.ingress.envoy.middlewares.forward_auth import forward_auth
from hearthgate.ingress.envoy.middlewares.gateway import (
    deadline,
    fixed_answer,
    header_changes,
    request_mirror,
    route_redirect,
    url_rewrite,
)
from hearthgate.ingress.envoy.middlewares.headers import headers
from hearthgate.ingress.envoy.middlewares.lane import Branch, Lane, Refusal, Scope, Steps, Upstreams
from hearthgate.ingress.envoy.middlewares.paths import (
    add_prefix,
    encoded_characters,
    replace_path,
    replace_path_regex,
    strip_prefix,
    strip_prefix_regex,
)
from hearthgate.ingress.envoy.middlewares.plugins import bouncer, fixed, geoblock, nothing, oidc, real_address
from hearthgate.ingress.envoy.middlewares.proof import proof_answer
from hearthgate.ingress.envoy.middlewares.redirects import redirect_regex, redirect_scheme
from hearthgate.ingress.envoy.middlewares.retry import retry
from hearthgate.ingress.middlewares.access import IPAllowList
from hearthgate.ingress.middlewares.breaker import CircuitBreaker
from hearthgate.ingress.middlewares.buffering import Buffering
from hearthgate.ingress.middlewares.client_certificate import ClientCertificate
from hearthgate.ingress.middlewares.compress import Compress
from hearthgate.ingress.middlewares.content import ContentType, GrpcWeb
from hearthgate.ingress.middlewares.credentials import BasicAuth
from hearthgate.ingress.middlewares.digest import DigestAuth
from hearthgate.ingress.middlewares.errors import ErrorPages
from hearthgate.ingress.middlewares.forward_auth import ForwardAuth
from hearthgate.ingress.middlewares.gateway import (
    Deadline,
    FixedAnswer,
    HeaderChanges,
    RequestMirror,
    RouteRedirect,
    URLRewrite,
)
from hearthgate.ingress.middlewares.headers import Headers
from hearthgate.ingress.middlewares.limits import InFlightReq, RateLimit
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.paths import (
    AddPrefix,
    EncodedCharacters,
    ReplacePath,
    ReplacePathRegex,
    StripPrefix,
    StripPrefixRegex,
)
from hearthgate.ingress.middlewares.plugins.cloudflare import RealAddress
from hearthgate.ingress.middlewares.plugins.crowdsec import Bouncer
from hearthgate.ingress.middlewares.plugins.geoblock import GeoBlock
from hearthgate.ingress.middlewares.plugins.maintenance import Fixed
from hearthgate.ingress.middlewares.plugins.nothing import Nothing
from hearthgate.ingress.middlewares.plugins.oidc import Oidc
from hearthgate.ingress.middlewares.proof import ProofAnswer
from hearthgate.ingress.middlewares.redirects import RedirectRegex, RedirectScheme
from hearthgate.ingress.middlewares.retry import Retry

__all__ = ["Branch", "Scope", "plan_branches"]

MAX_MIDDLEWARES: Final = 100
MAX_BRANCHES: Final = 64
"""Per router. Every branch is a route that requests are compared with."""
MAX_EXPRESSION: Final = 7000
"""Characters of the path's expression, which stands up to twice in a header of at most 16 KiB."""

_FAMILIES: Final[dict[type[Middleware], Callable[[Any, Lane], Steps | Refusal]]] = {
    AddPrefix: add_prefix,
    BasicAuth: basic_auth,
    Bouncer: bouncer,
    ClientCertificate: pass_tls_client_cert,
    Buffering: buffering,
    CircuitBreaker: circuit_breaker,
    Compress: compress,
    ContentType: content_type,
    Deadline: deadline,
    DigestAuth: digest_auth,
    EncodedCharacters: encoded_characters,
    ErrorPages: errors,
    FixedAnswer: fixed_answer,
    Fixed: fixed,
    ForwardAuth: forward_auth,
    GeoBlock: geoblock,
    GrpcWeb: grpc_web,
    HeaderChanges: header_changes,
    Headers: headers,
    IPAllowList: ip_allow_list,
    InFlightReq: in_flight_req,
    Nothing: nothing,
    Oidc: oidc,
    ProofAnswer: proof_answer,
    RateLimit: rate_limit,
    RealAddress: real_address,
    RedirectRegex: redirect_regex,
    RedirectScheme: redirect_scheme,
    ReplacePath: replace_path,
    ReplacePathRegex: replace_path_regex,
    RequestMirror: request_mirror,
    Retry: retry,
    RouteRedirect: route_redirect,
    StripPrefix: strip_prefix,
    StripPrefixRegex: strip_prefix_regex,
    URLRewrite: url_rewrite,
}


def plan_branches(
    middlewares: Sequence[Middleware], scope: Scope, upstreams: Upstreams = (), folder: str = ""
) -> tuple[tuple[Branch, ...], tuple[str, ...]]:
    """The branches in the order in which requests try them, or no branch and why the list cannot be served.

    upstreams: the clusters of the services that the middlewares speak to. folder: where their scripts find files,
    ends in a slash. Together the branches take every request
    of the router. Equal input gives the same messages.
    """
    return _plan(tuple(middlewares), scope, upstreams, folder)


@lru_cache(maxsize=8192)
def _plan(
    middlewares: tuple[Middleware, ...], scope: Scope, upstreams: Upstreams, folder: str
) -> tuple[tuple[Branch, ...], tuple[str, ...]]:
    if len(middlewares) > MAX_MIDDLEWARES:
        return (), (f"{len(middlewares)} middlewares are too many for one router: at most {MAX_MIDDLEWARES}",)
    branches: list[Branch] = []
    error = _follow(Lane(scope=scope, upstreams=upstreams, folder=folder), middlewares, branches)
    return ((), (error,)) if error else (tuple(branches), ())


def _follow(lane: Lane, middlewares: tuple[Middleware, ...], branches: list[Branch]) -> str | None:
    """Adds the branches of one lane; returns why there are none."""
    if not middlewares:
        branches.append(lane.end())
        return None
    first, rest = middlewares[0], middlewares[1:]
    steps = _FAMILIES[type(first)](first, lane)
    if isinstance(steps, Refusal):
        return f"{first.name}: {steps.message}"
    for step in steps:
        if isinstance(step, Branch):
            branches.append(step)
        elif len(step.path.expression) > MAX_EXPRESSION:
            return f"{first.name}: too much happens to the path before and here: use one replacePathRegex"
        elif error := _follow(step, rest, branches):
            return error
        if len(branches) > MAX_BRANCHES:
            return (
                f"{first.name}: too many cases ({MAX_BRANCHES}) come together: use fewer prefixes and redirections"
            )
    return None
