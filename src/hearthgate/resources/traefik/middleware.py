"""Middleware: exactly one type key per object."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, ignored, unsupported
from hearthgate.resources.traefik.service import ObjectReference, ServiceRef

NonNegative = Annotated[int, msgspec.Meta(ge=0)]
StatusCode = Annotated[int, msgspec.Meta(ge=100, le=599)]


class IPStrategy(Strict, frozen=True, kw_only=True):
    depth: NonNegative = 0
    excluded_ips: tuple[str, ...] = msgspec.field(default=(), name="excludedIPs")
    ipv6_subnet: int | None = None


class SourceCriterion(Strict, frozen=True, kw_only=True):
    ip_strategy: IPStrategy | None = None
    request_header_name: str = ""
    request_host: bool = False


class AddPrefix(Strict, frozen=True, kw_only=True):
    prefix: str = ""


class StripPrefix(Strict, frozen=True, kw_only=True):
    prefixes: tuple[str, ...] = ()
    force_slash: Annotated[bool | None, ignored("upstream ignores it too")] = None


class StripPrefixRegex(Strict, frozen=True, kw_only=True):
    regex: tuple[str, ...] = ()


class ReplacePath(Strict, frozen=True, kw_only=True):
    path: str = ""


class ReplacePathRegex(Strict, frozen=True, kw_only=True):
    regex: str = ""
    replacement: str = ""


class Chain(Strict, frozen=True, kw_only=True):
    middlewares: tuple[ObjectReference, ...] = ()


class IPAllowList(Strict, frozen=True, kw_only=True):
    source_range: tuple[str, ...] = ()
    ip_strategy: IPStrategy | None = None
    reject_status_code: int = 403


class IPWhiteList(Strict, frozen=True, kw_only=True):
    source_range: tuple[str, ...] = ()
    ip_strategy: IPStrategy | None = None


class Headers(Strict, frozen=True, kw_only=True):
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
    content_security_policy: str = ""
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
    allow_encoded_slash: bool = False
    allow_encoded_back_slash: bool = False
    allow_encoded_null_character: bool = False
    allow_encoded_semicolon: bool = False
    allow_encoded_percent: bool = False
    allow_encoded_question_mark: bool = False
    allow_encoded_hash: bool = False


class Errors(Strict, frozen=True, kw_only=True):
    status: tuple[str, ...] = ()
    status_rewrites: Mapping[str, int] = {}
    service: ServiceRef | None = None
    query: str = ""
    error_request_headers: tuple[str, ...] | None = None


class RedisTLS(Strict, frozen=True, kw_only=True):
    ca_secret: str = ""
    cert_secret: str = ""
    insecure_skip_verify: bool = False


class Redis(Strict, frozen=True, kw_only=True):
    endpoints: tuple[str, ...] = ()
    secret: str = ""
    db: int = 0
    tls: RedisTLS | None = None
    pool_size: int | None = None
    min_idle_conns: int | None = None
    max_active_conns: int | None = None
    dial_timeout: int | str | None = None
    read_timeout: int | str | None = None
    write_timeout: int | str | None = None


class RateLimit(Strict, frozen=True, kw_only=True):
    average: NonNegative = 0
    period: int | str = "1s"
    burst: NonNegative = 1
    source_criterion: SourceCriterion | None = None
    redis: Redis | None = None


class RedirectRegex(Strict, frozen=True, kw_only=True):
    regex: str = ""
    replacement: str = ""
    permanent: bool = False


class RedirectScheme(Strict, frozen=True, kw_only=True):
    scheme: str = ""
    port: str = ""
    permanent: bool = False


class BasicAuth(Strict, frozen=True, kw_only=True):
    secret: str = ""
    realm: str = ""
    header_field: str = ""
    remove_header: bool = False


class DigestAuth(Strict, frozen=True, kw_only=True):
    secret: str = ""
    realm: str = ""
    header_field: str = ""
    remove_header: bool = False


class ClientTLS(Strict, frozen=True, kw_only=True):
    ca_secret: str = ""
    cert_secret: str = ""
    insecure_skip_verify: bool = False
    ca_optional: bool | None = None


class ForwardAuth(Strict, frozen=True, kw_only=True):
    address: str = ""
    tls: ClientTLS | None = None
    trust_forward_header: bool | None = None
    auth_response_headers: tuple[str, ...] = ()
    auth_response_headers_regex: str = ""
    auth_request_headers: tuple[str, ...] = ()
    add_auth_cookies_to_response: tuple[str, ...] = ()
    header_field: str = ""
    forward_body: bool = False
    max_body_size: int = -1
    max_response_body_size: int = -1
    preserve_location_header: bool = False
    preserve_request_method: bool = False
    auth_signin_url: str = msgspec.field(default="", name="authSigninURL")


class InFlightReq(Strict, frozen=True, kw_only=True):
    amount: NonNegative = 0
    source_criterion: SourceCriterion | None = None


class Buffering(Strict, frozen=True, kw_only=True):
    max_request_body_bytes: int = 0
    mem_request_body_bytes: int = 1048576
    max_response_body_bytes: int = 0
    mem_response_body_bytes: int = 1048576
    retry_expression: str = ""


class CircuitBreaker(Strict, frozen=True, kw_only=True):
    expression: str = ""
    check_period: int | str = "100ms"
    fallback_duration: int | str = "10s"
    recovery_duration: int | str = "10s"
    response_code: StatusCode = 503


class Compress(Strict, frozen=True, kw_only=True):
    encodings: tuple[str, ...] = ("gzip", "br", "zstd")
    excluded_content_types: tuple[str, ...] = ()
    included_content_types: tuple[str, ...] = ()
    min_response_body_bytes: NonNegative = 1024
    default_encoding: str = ""


class DistinguishedName(Strict, frozen=True, kw_only=True):
    common_name: bool = False
    country: bool = False
    domain_component: bool = False
    locality: bool = False
    organization: bool = False
    organizational_unit: bool = False
    province: bool = False
    serial_number: bool = False


class ClientCertInfo(Strict, frozen=True, kw_only=True):
    not_after: bool = False
    not_before: bool = False
    sans: bool = False
    serial_number: bool = False
    subject: DistinguishedName | None = None
    issuer: DistinguishedName | None = None


class PassTLSClientCert(Strict, frozen=True, kw_only=True):
    pem: bool = False
    info: ClientCertInfo | None = None


class Retry(Strict, frozen=True, kw_only=True):
    attempts: NonNegative = 0
    initial_interval: int | str | None = None
    timeout: int | str | None = None
    status: tuple[str, ...] = ()
    max_request_body_bytes: int = 2097152
    disable_retry_on_network_error: bool = False
    retry_non_idempotent_method: bool = False


class ContentType(Strict, frozen=True, kw_only=True):
    auto_detect: Annotated[bool | None, ignored("upstream ignores it too")] = None


class GrpcWeb(Strict, frozen=True, kw_only=True):
    allow_origins: tuple[str, ...] = ()


class MiddlewareSpec(Strict, frozen=True, kw_only=True):
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
    errors: Annotated[Errors | None, unsupported()] = None
    rate_limit: Annotated[RateLimit | None, unsupported()] = None
    redirect_regex: RedirectRegex | None = None
    redirect_scheme: RedirectScheme | None = None
    basic_auth: BasicAuth | None = None
    digest_auth: Annotated[DigestAuth | None, unsupported("use basicAuth")] = None
    forward_auth: Annotated[ForwardAuth | None, unsupported()] = None
    in_flight_req: Annotated[InFlightReq | None, unsupported()] = None
    buffering: Annotated[Buffering | None, unsupported()] = None
    circuit_breaker: Annotated[CircuitBreaker | None, unsupported()] = None
    compress: Compress | None = None
    pass_tls_client_cert: Annotated[PassTLSClientCert | None, unsupported()] = msgspec.field(
        default=None, name="passTLSClientCert"
    )
    retry: Annotated[Retry | None, unsupported()] = None
    content_type: Annotated[ContentType | None, unsupported()] = None
    grpc_web: Annotated[GrpcWeb | None, unsupported()] = None
    plugin: Annotated[Mapping[str, Any] | None, unsupported("plugins are not loaded")] = None


class Middleware(Resource, frozen=True, kw_only=True):
    spec: MiddlewareSpec
    status: ConditionsStatus | None = None
