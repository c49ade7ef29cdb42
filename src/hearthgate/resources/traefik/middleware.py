"""Middleware: exactly one type key per object."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, differs, ignored
from hearthgate.resources.traefik.access import (
    BasicAuth,
    DigestAuth,
    ForwardAuth,
    IPAllowList,
    IPWhiteList,
    PassTLSClientCert,
)
from hearthgate.resources.traefik.limits import (
    Buffering,
    CircuitBreaker,
    InFlightReq,
    NonNegative,
    RateLimit,
    Retry,
)
from hearthgate.resources.traefik.service import ObjectReference, ServiceRef

_MEDIA_TYPES: Final = "types with parameters are refused: parameters are not compared"


class AddPrefix(Strict, frozen=True, kw_only=True):
    """Puts something before the path.

    prefix: What to put before the path, such as /api.
    """

    prefix: str = ""


class StripPrefix(Strict, frozen=True, kw_only=True):
    """Takes the beginning off the path.

    prefixes: The first of these that the path begins with is removed.
    force_slash: Whether an empty path becomes a slash.
    """

    prefixes: tuple[str, ...] = ()
    force_slash: Annotated[bool | None, ignored("upstream ignores it too")] = None


class StripPrefixRegex(Strict, frozen=True, kw_only=True):
    """Takes the beginning off the path, by patterns.

    regex: The first of these that matches the beginning of the path is removed.
    """

    regex: tuple[str, ...] = ()


class ReplacePath(Strict, frozen=True, kw_only=True):
    """Puts another path in place of the path.

    path: The new path; the old one goes to X-Replaced-Path.
    """

    path: str = ""


class ReplacePathRegex(Strict, frozen=True, kw_only=True):
    """Rewrites the path by a pattern.

    regex: The pattern that the path must match.
    replacement: The new path; $1 stands for the first group.
    """

    regex: str = ""
    replacement: str = ""


class Chain(Strict, frozen=True, kw_only=True):
    """Several middlewares under one name.

    middlewares: The middlewares, in this order.
    """

    middlewares: tuple[ObjectReference, ...] = ()


class Headers(Strict, frozen=True, kw_only=True):
    """Sets headers of requests and responses.

    custom_request_headers: Headers of the request; an empty value removes one.
    custom_response_headers: Headers of the response; an empty value removes one.
    access_control_allow_credentials: Allow credentials in requests from other origins.
    access_control_allow_headers: The headers that requests from other origins may have.
    access_control_allow_methods: The methods that requests from other origins may have.
    access_control_allow_origin_list: The origins that may ask; * stands for all.
    access_control_allow_origin_list_regex: Patterns of origins that may ask.
    access_control_expose_headers: The headers of the response that pages of other origins may read.
    access_control_max_age: For how many seconds a browser may keep the answer to a preflight.
    add_vary_header: Whether to say that the answer depends on the origin.
    allowed_hosts: The hosts that may be asked for.
    hosts_proxy_headers: Headers that may hold the host that was asked for.
    ssl_proxy_headers: Headers, with their values, by which a proxy before tells that the client came by TLS.
    sts_seconds: For how long a browser shall use HTTPS only; 0: no such header.
    sts_include_subdomains: The same for all names below.
    sts_preload: Agree to be listed by browsers.
    force_sts_header: Send the header over plain HTTP too.
    frame_deny: Forbid frames of the page.
    custom_frame_options_value: The value of X-Frame-Options.
    content_type_nosniff: Send X-Content-Type-Options: nosniff.
    browser_xss_filter: Send X-XSS-Protection: 1; mode=block.
    custom_browser_xss_value: The value of X-XSS-Protection.
    content_security_policy: The value of Content-Security-Policy.
    content_security_policy_report_only: The value of Content-Security-Policy-Report-Only.
    public_key: The value of Public-Key-Pins.
    referrer_policy: The value of Referrer-Policy.
    permissions_policy: The value of Permissions-Policy.
    is_development: Leave out the security headers, for tests.
    ssl_redirect: Redirect to HTTPS.
    ssl_temporary_redirect: Redirect for the time being.
    ssl_host: The host to redirect to.
    ssl_force_host: Redirect to that host always.
    feature_policy: The value of Feature-Policy.
    """

    custom_request_headers: Mapping[str, str] = {}
    custom_response_headers: Mapping[str, str] = {}
    access_control_allow_credentials: bool = False
    access_control_allow_headers: tuple[str, ...] = ()
    access_control_allow_methods: tuple[str, ...] = ()
    access_control_allow_origin_list: tuple[str, ...] = ()
    access_control_allow_origin_list_regex: tuple[str, ...] = ()
    access_control_expose_headers: tuple[str, ...] = ()
    access_control_max_age: int | None = None
    add_vary_header: bool = False
    allowed_hosts: tuple[str, ...] = ()
    hosts_proxy_headers: tuple[str, ...] = ()
    ssl_proxy_headers: Mapping[str, str] = {}
    sts_seconds: NonNegative | None = None
    sts_include_subdomains: bool = False
    sts_preload: bool = False
    force_sts_header: bool = msgspec.field(default=False, name="forceSTSHeader")
    frame_deny: bool = False
    custom_frame_options_value: str = ""
    content_type_nosniff: bool = False
    browser_xss_filter: bool = False
    custom_browser_xss_value: str = msgspec.field(default="", name="customBrowserXSSValue")
    content_security_policy: Annotated[str, differs("$NONCE is refused")] = ""
    content_security_policy_report_only: str = ""
    public_key: str = ""
    referrer_policy: str = ""
    permissions_policy: str = ""
    is_development: bool = False
    ssl_redirect: Annotated[bool | None, ignored("use an entrypoint redirection or redirectScheme")] = None
    ssl_temporary_redirect: Annotated[bool | None, ignored("use redirectScheme")] = None
    ssl_host: Annotated[str | None, ignored("use redirectRegex")] = None
    ssl_force_host: Annotated[bool | None, ignored("use redirectRegex")] = None
    feature_policy: Annotated[str | None, ignored("use permissionsPolicy")] = None


class EncodedCharacters(Strict, frozen=True, kw_only=True):
    """Which escapes a path may have; requests with the others are refused.

    allow_encoded_slash: Let %2F pass.
    allow_encoded_back_slash: Let %5C pass.
    allow_encoded_null_character: Let %00 pass.
    allow_encoded_semicolon: Let %3B pass.
    allow_encoded_percent: Let %25 pass.
    allow_encoded_question_mark: Let %3F pass.
    allow_encoded_hash: Let %23 pass.
    """

    allow_encoded_slash: bool = False
    allow_encoded_back_slash: bool = False
    allow_encoded_null_character: bool = False
    allow_encoded_semicolon: bool = False
    allow_encoded_percent: bool = False
    allow_encoded_question_mark: bool = False
    allow_encoded_hash: bool = False


class Errors(Strict, frozen=True, kw_only=True):
    """Answers errors with a page of another service.

    status: The status codes and ranges such as 500-599 that are replaced.
    status_rewrites: Codes or ranges, and the status to answer instead.
    service: The service that has the pages.
    query: The path to ask it for; {status}, {url} and {originalStatus} stand for what happened.
    error_request_headers: The headers of the request that are handed on to it.
    """

    status: tuple[str, ...] = ()
    status_rewrites: Annotated[Mapping[str, int], differs("of ranges that overlap the narrowest decides")] = {}
    service: Annotated[
        ServiceRef | None,
        differs("only its servers are asked; when they give no page the answer passes as it was"),
    ] = None
    query: str = ""
    error_request_headers: tuple[str, ...] | None = None


class RedirectRegex(Strict, frozen=True, kw_only=True):
    """Redirects what matches a pattern.

    regex: The pattern that the URL must match.
    replacement: The new URL; ${1} stands for the first group.
    permanent: Answer 301 or 308 rather than 302 or 307.
    """

    regex: Annotated[str, differs("refused if it could match twice in one URL: anchor it")] = ""
    replacement: str = ""
    permanent: bool = False


class RedirectScheme(Strict, frozen=True, kw_only=True):
    """Redirects to another scheme.

    scheme: The new scheme, such as https.
    port: The new port.
    permanent: Answer 301 or 308 rather than 302 or 307.
    """

    scheme: str = ""
    port: str = ""
    permanent: bool = False


class Compress(Strict, frozen=True, kw_only=True):
    """Compresses responses.

    encodings: The encodings that are offered, the preferred one first.
    excluded_content_types: Content types that are left as they are.
    included_content_types: The only content types that are compressed.
    min_response_body_bytes: Smaller responses are left as they are.
    default_encoding: The encoding for clients that name none.
    """

    encodings: tuple[str, ...] = ("gzip", "br", "zstd")
    excluded_content_types: Annotated[tuple[str, ...], differs(_MEDIA_TYPES)] = ()
    included_content_types: Annotated[tuple[str, ...], differs(_MEDIA_TYPES)] = ()
    min_response_body_bytes: NonNegative = 1024
    default_encoding: str = ""


class ContentType(Strict, frozen=True, kw_only=True):
    """Guesses the content type.

    auto_detect: Whether to guess the content type.
    """

    auto_detect: Annotated[bool | None, ignored("upstream ignores it too")] = None


class GrpcWeb(Strict, frozen=True, kw_only=True):
    """Lets browsers speak gRPC-Web to gRPC services.

    allow_origins: The origins that may ask; * stands for all.
    """

    allow_origins: Annotated[
        tuple[str, ...], differs("only preflights of gRPC-Web are answered; to others no origin is named")
    ] = ()


class MiddlewareSpec(Strict, frozen=True, kw_only=True):
    """What the middleware does: exactly one of the fields.

    add_prefix: Puts something before the path.
    strip_prefix: Takes the beginning off the path.
    strip_prefix_regex: Takes the beginning off the path, by patterns.
    replace_path: Puts another path in place of the path.
    replace_path_regex: Rewrites the path by a pattern.
    chain: Several middlewares under one name.
    ip_allow_list: Lets in some addresses only.
    ip_white_list: The older name of ipAllowList.
    headers: Sets headers of requests and responses: CORS, security, your own.
    encoded_characters: Which escapes a path may have.
    errors: Answers errors with a page of another service.
    rate_limit: Limits how often a client may ask.
    redirect_regex: Redirects what matches a pattern.
    redirect_scheme: Redirects to another scheme, such as https.
    basic_auth: Asks for a name and a password.
    digest_auth: Asks for a name and a password, by digest.
    forward_auth: Asks another service whether the request may pass.
    in_flight_req: Limits how many requests are under way at once.
    buffering: Reads requests and responses whole before they are handed on.
    circuit_breaker: Keeps requests away from a service that fails.
    compress: Compresses responses.
    pass_tls_client_cert: Tells the backend of the certificate of the client.
    retry: Tries again when a backend does not answer.
    content_type: Guesses the content type.
    grpc_web: Lets browsers speak gRPC-Web to gRPC services.
    plugin: A plugin of Traefik, by its name.
    """

    add_prefix: AddPrefix | None = None
    strip_prefix: StripPrefix | None = None
    strip_prefix_regex: StripPrefixRegex | None = None
    replace_path: ReplacePath | None = None
    replace_path_regex: ReplacePathRegex | None = None
    chain: Chain | None = None
    ip_allow_list: IPAllowList | None = None
    ip_white_list: IPWhiteList | None = None
    headers: Headers | None = None
    encoded_characters: EncodedCharacters | None = None
    errors: Errors | None = None
    rate_limit: RateLimit | None = None
    redirect_regex: RedirectRegex | None = None
    redirect_scheme: RedirectScheme | None = None
    basic_auth: BasicAuth | None = None
    digest_auth: Annotated[
        DigestAuth | None, differs("a nonce is good for an hour, an answer for its own page only")
    ] = None
    forward_auth: ForwardAuth | None = None
    in_flight_req: InFlightReq | None = None
    buffering: Buffering | None = None
    circuit_breaker: CircuitBreaker | None = None
    compress: Compress | None = None
    pass_tls_client_cert: PassTLSClientCert | None = msgspec.field(default=None, name="passTLSClientCert")
    retry: Retry | None = None
    content_type: Annotated[ContentType | None, differs("looks at answers of a known length up to 256 KiB")] = None
    grpc_web: GrpcWeb | None = None
    plugin: Annotated[
        Mapping[str, Any] | None,
        differs("none is loaded: what is built in is listed under Plugins, others are refused"),
    ] = None


class Middleware(Resource, frozen=True, kw_only=True):
    """Changes or guards requests on their way. Routes name it.

    spec: What it does: exactly one of the fields.
    status: Whether it can be used, and why not.
    """

    spec: MiddlewareSpec
    status: ConditionsStatus | None = None
