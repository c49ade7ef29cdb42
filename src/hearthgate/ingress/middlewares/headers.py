"""headers (traefik.io Middleware): custom headers, CORS, and the security headers with their host check."""

import msgspec

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.header_fields import (
    Fields,
    check_fields,
    check_name,
    check_value,
    check_values,
)
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.regexes import check_groups, check_length, check_regex
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.traefik import middleware as spec


class Cors(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Cross-origin answers. `max_age` None: not sent. Origins may be `*`; regexes are searched."""

    credentials: bool = False
    headers: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    origin_regexes: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    max_age: int | None = None
    vary: bool = False


class Secure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Security headers, and which hosts may be asked for (empty = all).

    always: on every answer. on_tls: only when the client speaks TLS, to us or to the proxy before us, which
    says so by one of `tls_proxy_headers`. host_headers: where a proxy before us says which host was asked for.
    """

    always: Fields = ()
    on_tls: Fields = ()
    tls_proxy_headers: Fields = ()
    allowed_hosts: tuple[str, ...] = ()
    host_headers: tuple[str, ...] = ()


class Headers(Middleware, frozen=True, kw_only=True):
    """`request` and `response`: names with their new value, empty = remove. `host`: the new Host, empty = keep."""

    host: str = ""
    request: Fields = ()
    response: Fields = ()
    cors: Cors | None = None
    secure: Secure | None = None


def headers(options: spec.Headers, draft: Draft) -> Headers:
    request = dict(check_fields(draft, "customRequestHeaders", options.custom_request_headers))
    host = request.pop("host", None)
    if host == "":
        draft.warn("customRequestHeaders.Host", "a request cannot go without a Host: has no effect")
    response = check_fields(draft, "customResponseHeaders", options.custom_response_headers)
    cors = _cors(options, draft)
    secure = _secure(options, draft)
    if not options.custom_request_headers and not options.custom_response_headers and not cors and not secure:
        draft.refuse("", "sets no header: give at least one option that has an effect", Reason.MISSING_FIELD)
    return Headers(
        name=draft.name,
        host=host or "",
        request=tuple(request.items()),
        response=tuple(response),
        cors=cors,
        secure=secure,
    )


def _cors(options: spec.Headers, draft: Draft) -> Cors | None:
    for field, values in (
        ("accessControlAllowHeaders", options.access_control_allow_headers),
        ("accessControlAllowMethods", options.access_control_allow_methods),
        ("accessControlAllowOriginList", options.access_control_allow_origin_list),
        ("accessControlExposeHeaders", options.access_control_expose_headers),
    ):
        check_values(draft, field, values)
    for index, regex in enumerate(options.access_control_allow_origin_list_regex):
        field = f"accessControlAllowOriginListRegex[{index}]"
        if check_regex(draft, field, regex):
            check_groups(draft, field, regex)
    origins = (*options.access_control_allow_origin_list, *options.access_control_allow_origin_list_regex)
    check_length(draft, "accessControlAllowOriginList", *origins)
    if options.access_control_max_age is not None and options.access_control_max_age < 0:
        draft.refuse("accessControlMaxAge", f"must not be negative: {options.access_control_max_age}")
    cors = Cors(
        credentials=options.access_control_allow_credentials,
        headers=options.access_control_allow_headers,
        methods=options.access_control_allow_methods,
        origins=options.access_control_allow_origin_list,
        origin_regexes=options.access_control_allow_origin_list_regex,
        expose=options.access_control_expose_headers,
        max_age=options.access_control_max_age,
        vary=options.add_vary_header,
    )
    return cors if cors != Cors() else None


def _secure(options: spec.Headers, draft: Draft) -> Secure | None:
    """None when no option of this group is set. In development hosts, HSTS and key pins are left out."""
    strict = not options.is_development
    always = {
        "x-frame-options": options.custom_frame_options_value or ("DENY" if options.frame_deny else ""),
        "x-content-type-options": "nosniff" if options.content_type_nosniff else "",
        "x-xss-protection": options.custom_browser_xss_value
        or ("1; mode=block" if options.browser_xss_filter else ""),
        "content-security-policy": options.content_security_policy,
        "content-security-policy-report-only": options.content_security_policy_report_only,
        "referrer-policy": options.referrer_policy,
        "permissions-policy": options.permissions_policy,
    }
    on_tls = {"public-key-pins": options.public_key if strict else ""}
    if options.sts_seconds and strict:
        hsts = always if options.force_sts_header else on_tls
        hsts["strict-transport-security"] = _hsts(options)
    if "$NONCE" in options.content_security_policy + options.content_security_policy_report_only:
        message = "$NONCE cannot work here: only the application knows the nonce of its page"
        draft.refuse("contentSecurityPolicy", message, Reason.UNSUPPORTED)
    for field, value in {**always, **on_tls}.items():
        check_value(draft, _FIELD.get(field, field), value)
    for index, host in enumerate(options.allowed_hosts):
        if not host or not host.isascii() or any(character.isspace() for character in host):
            draft.refuse(f"allowedHosts[{index}]", f"not a host name: {shorten(host)}")
    host_headers = tuple(
        header.lower()
        for index, header in enumerate(options.hosts_proxy_headers)
        if check_name(draft, f"hostsProxyHeaders[{index}]", header)
    )
    proxies = check_fields(draft, "sslProxyHeaders", options.ssl_proxy_headers)
    check_length(draft, "sslProxyHeaders", *(name + name + value for name, value in proxies))
    secure = Secure(
        always=_present(always),
        on_tls=_present(on_tls),
        tls_proxy_headers=proxies,
        allowed_hosts=options.allowed_hosts if strict else (),
        host_headers=host_headers if strict else (),
    )
    asked = secure != Secure() or options.is_development or options.sts_seconds is not None
    return secure if asked else None


_FIELD = {
    "x-frame-options": "customFrameOptionsValue",
    "x-xss-protection": "customBrowserXSSValue",
    "content-security-policy": "contentSecurityPolicy",
    "content-security-policy-report-only": "contentSecurityPolicyReportOnly",
    "referrer-policy": "referrerPolicy",
    "permissions-policy": "permissionsPolicy",
    "public-key-pins": "publicKey",
}


def _hsts(options: spec.Headers) -> str:
    subdomains = "; includeSubDomains" if options.sts_include_subdomains else ""
    return f"max-age={options.sts_seconds}{subdomains}{'; preload' if options.sts_preload else ''}"


def _present(fields: dict[str, str]) -> Fields:
    return tuple(sorted((name, value) for name, value in fields.items() if value))
