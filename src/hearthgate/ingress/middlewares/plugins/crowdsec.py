"""plugin.crowdsec-bouncer: refuses addresses that CrowdSec has decided about.

Options are those of the CrowdSec bouncer plugin for Traefik. `stream`: all decisions are fetched again and again;
`live`: CrowdSec is asked about each address, and the answer kept for a while; `none`: it is asked each time.
"""

import re
from enum import StrEnum
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from hearthgate.ingress.middlewares.access import networks
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.external import NO_LINKS
from hearthgate.ingress.middlewares.header_fields import check_name
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.plugins.answers import (
    ClientAddress,
    FixedAnswer,
    check_page,
    check_status,
    client_address,
)
from hearthgate.ingress.middlewares.plugins.nothing import Nothing
from hearthgate.ingress.middlewares.plugins.options import read_authority, read_options
from hearthgate.ingress.routing.model import EndpointsKey, Transport, Value
from hearthgate.model.problems import Reason, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.meta import Strict, idle, ignored, unsupported

_FILES: Final = "files are not read: put the value into a Secret and write urn:k8s:secret:NAME:KEY in {}"
_APPSEC: Final = "the application firewall is not asked: leave it off (crowdsecAppsecEnabled: false)"
_CAPI: Final = "the central API is not asked: point crowdsecLapiHost at a local API, and use mode stream"
_CAPTCHA: Final = "nobody is asked for a captcha: who should be is refused, as upstream does without a provider"
_REDIS: Final = "every instance keeps its own decisions: leave redis out"
_CLIENT_TLS: Final = "a certificate is not shown: use crowdsecLapiKey"
_LOG: Final = "decisions are told by problems and metrics of Hearthgate, in its own log format"
_BAN_FILE: Final = "files are not read: put the page itself into banPage"
_TELLING: Final = "the local API is not told about refused requests"
_KEY: Final = re.compile(r"[\x21-\x7e]+")

Positive = Annotated[int, msgspec.Meta(ge=1)]

_BESIDE_APPSEC: Final = "it goes with crowdsecAppsecEnabled"
_BESIDE_REDIS: Final = "it goes with redisCacheEnabled"
_BESIDE_CAPTCHA: Final = "it goes with captchaProvider"


class Mode(StrEnum):
    STREAM = "stream"
    LIVE = "live"
    NONE = "none"


class BouncerOptions(Strict, frozen=True, kw_only=True, rename="camel"):
    """As users write them; defaults are upstream's. `ban_page` is ours."""

    enabled: bool = False
    log_level: Annotated[str, ignored(_LOG)] = "INFO"
    log_format: Annotated[str, ignored(_LOG)] = "common"
    log_file_path: Annotated[str, ignored(_LOG)] = ""
    crowdsec_mode: Literal["stream", "live", "none", "alone", "appsec"] = "live"
    crowdsec_appsec_enabled: Annotated[bool, unsupported(_APPSEC)] = False
    crowdsec_appsec_scheme: Annotated[str, idle(_BESIDE_APPSEC)] = ""
    crowdsec_appsec_host: Annotated[str, idle(_BESIDE_APPSEC)] = ""
    crowdsec_appsec_path: Annotated[str, idle(_BESIDE_APPSEC)] = ""
    crowdsec_appsec_key: Annotated[SecretBytes | None, idle(_BESIDE_APPSEC)] = None
    crowdsec_appsec_key_file: Annotated[str, idle(_BESIDE_APPSEC)] = ""
    crowdsec_appsec_failure_block: Annotated[bool, idle(_BESIDE_APPSEC)] = True
    crowdsec_appsec_unreachable_block: Annotated[bool, idle(_BESIDE_APPSEC)] = True
    crowdsec_appsec_body_limit: Annotated[int, idle(_BESIDE_APPSEC)] = 0
    crowdsec_lapi_scheme: Literal["http", "https"] = "http"
    crowdsec_lapi_host: str = "crowdsec:8080"
    crowdsec_lapi_path: str = "/"
    crowdsec_lapi_key: SecretBytes | None = None
    crowdsec_lapi_key_file: Annotated[str, unsupported(_FILES.format("crowdsecLapiKey"))] = ""
    crowdsec_lapi_tls_insecure_verify: bool = False
    crowdsec_lapi_tls_certificate_authority: SecretBytes | None = None
    crowdsec_lapi_tls_certificate_authority_file: Annotated[
        str, unsupported(_FILES.format("crowdsecLapiTlsCertificateAuthority"))
    ] = ""
    crowdsec_lapi_tls_certificate_bouncer: Annotated[SecretBytes | None, unsupported(_CLIENT_TLS)] = None
    crowdsec_lapi_tls_certificate_bouncer_file: Annotated[str, unsupported(_CLIENT_TLS)] = ""
    crowdsec_lapi_tls_certificate_bouncer_key: Annotated[SecretBytes | None, unsupported(_CLIENT_TLS)] = None
    crowdsec_lapi_tls_certificate_bouncer_key_file: Annotated[str, unsupported(_CLIENT_TLS)] = ""
    crowdsec_capi_machine_id: Annotated[SecretBytes | None, unsupported(_CAPI)] = None
    crowdsec_capi_machine_id_file: Annotated[str, unsupported(_CAPI)] = ""
    crowdsec_capi_password: Annotated[SecretBytes | None, unsupported(_CAPI)] = None
    crowdsec_capi_password_file: Annotated[str, unsupported(_CAPI)] = ""
    crowdsec_capi_scenarios: Annotated[tuple[str, ...], unsupported(_CAPI)] = ()
    update_interval_seconds: Positive = 60
    metrics_update_interval_seconds: Annotated[int, ignored(_TELLING)] = 600
    update_max_failure: Annotated[int, msgspec.Meta(ge=-1)] | None = None
    stream_startup_block: bool = True
    default_decision_seconds: Annotated[int, msgspec.Meta(ge=0)] = 60
    remediation_status_code: int = 403
    http_timeout_seconds: Positive = 10
    trace_headers_custom_name: Annotated[str, unsupported("leave it out")] = ""
    remediation_headers_custom_name: str = ""
    forwarded_headers_custom_name: str = "X-Forwarded-For"
    forwarded_headers_trusted_ips: tuple[str, ...] = ()
    client_trusted_ips: tuple[str, ...] = ()
    redis_cache_enabled: Annotated[bool, unsupported(_REDIS)] = False
    redis_cache_host: Annotated[str, idle(_BESIDE_REDIS)] = ""
    redis_cache_password: Annotated[SecretBytes | None, idle(_BESIDE_REDIS)] = None
    redis_cache_password_file: Annotated[str, idle(_BESIDE_REDIS)] = ""
    redis_cache_database: Annotated[str, idle(_BESIDE_REDIS)] = ""
    redis_cache_unreachable_block: Annotated[bool, idle(_BESIDE_REDIS)] = True
    ban_html_file_path: Annotated[str, ignored(_BAN_FILE)] = ""
    ban_file_path: Annotated[str, ignored(_BAN_FILE)] = ""
    ban_page: str = ""
    captcha_html_file_path: Annotated[str, idle(_BESIDE_CAPTCHA)] = ""
    captcha_file_path: Annotated[str, idle(_BESIDE_CAPTCHA)] = ""
    captcha_provider: Annotated[str, unsupported(_CAPTCHA)] = ""
    captcha_custom_js_url: Annotated[str, idle(_BESIDE_CAPTCHA)] = ""
    captcha_custom_validate_url: Annotated[str, idle(_BESIDE_CAPTCHA)] = ""
    captcha_custom_key: Annotated[str, idle(_BESIDE_CAPTCHA)] = ""
    captcha_custom_response: Annotated[str, idle(_BESIDE_CAPTCHA)] = ""
    captcha_site_key: Annotated[SecretBytes | None, idle(_BESIDE_CAPTCHA)] = None
    captcha_site_key_file: Annotated[str, idle(_BESIDE_CAPTCHA)] = ""
    captcha_secret_key: Annotated[SecretBytes | None, idle(_BESIDE_CAPTCHA)] = None
    captcha_secret_key_file: Annotated[str, idle(_BESIDE_CAPTCHA)] = ""
    captcha_grace_period_seconds: Annotated[int, idle(_BESIDE_CAPTCHA)] = 1800


class Lapi(Value, frozen=True, kw_only=True):
    """A local API of CrowdSec. `endpoints`: the Service that the host means in the cluster; None: DNS knows it.
    path: ends in a slash. authority: PEM text, empty = the system's. timeout in seconds."""

    scheme: str
    host: str
    port: int
    endpoints: EndpointsKey | None
    path: str
    key: SecretBytes
    verify: bool = True
    authority: str = ""
    timeout: float = 10.0


class Bouncer(Middleware, frozen=True, kw_only=True):
    """trusted: networks that are never refused. interval, keep in seconds: between two fetches of a stream, and
    how long an answer about one address is kept. open_at_start: whether all may pass until the first fetch.
    max_failures: fetches that fail in a row before nobody may pass; -1 = what was fetched last stays."""

    ref: ObjectRef
    mode: Mode
    lapi: Lapi
    client: ClientAddress = ClientAddress()
    trusted: tuple[str, ...] = ()
    refusal: FixedAnswer = FixedAnswer()
    interval: float = 60.0
    keep: float = 60.0
    open_at_start: bool = False
    max_failures: int = -1


def crowdsec(given: object, draft: Draft) -> Middleware | None:
    options = read_options(given, BouncerOptions, draft)
    if options is None:
        return None
    if not options.enabled:
        draft.warn("enabled", "is not true: nobody is refused")
        draft.problems = [problem for problem in draft.problems if not problem.is_error]
        return Nothing(name=draft.name)
    if options.crowdsec_mode in ("alone", "appsec"):
        way_out = _CAPI if options.crowdsec_mode == "alone" else _APPSEC
        draft.refuse("crowdsecMode", f"{options.crowdsec_mode} is not supported: {way_out}", Reason.UNSUPPORTED)
        return None
    lapi = _lapi(options, draft)
    bouncer = _bouncer(options, lapi, draft) if lapi is not None else None
    return None if draft.is_refused else bouncer


def _bouncer(options: BouncerOptions, lapi: Lapi, draft: Draft) -> Bouncer:
    check_status(draft, "remediationStatusCode", options.remediation_status_code)
    check_page(draft, "banPage", options.ban_page)
    mark = options.remediation_headers_custom_name
    if mark:
        check_name(draft, "remediationHeadersCustomName", mark)
    maximum = options.update_max_failure
    return Bouncer(
        name=draft.name,
        ref=draft.ref,
        mode=Mode(options.crowdsec_mode),
        lapi=lapi,
        client=client_address(draft, options.forwarded_headers_trusted_ips, options.forwarded_headers_custom_name),
        trusted=networks(options.client_trusted_ips, draft, "clientTrustedIps"),
        refusal=FixedAnswer(
            status=options.remediation_status_code,
            page=options.ban_page,
            headers=((mark.lower(), "ban"),) if mark else (),
        ),
        interval=float(options.update_interval_seconds),
        keep=float(options.default_decision_seconds),
        open_at_start=not options.stream_startup_block,
        max_failures=-1 if maximum is None else maximum,
    )


def _lapi(options: BouncerOptions, draft: Draft) -> Lapi | None:
    host, port = _host(options, draft)
    key = options.crowdsec_lapi_key
    if key is None:
        draft.refuse("crowdsecLapiKey", "is required: urn:k8s:secret:NAME:KEY of a Secret", Reason.MISSING_FIELD)
    elif not _KEY.fullmatch(text := key.reveal().decode("latin-1").strip()):
        draft.refuse("crowdsecLapiKey", "holds characters that no key has", Reason.SECRET_INVALID)
    else:
        key = SecretBytes(text.encode())
    given = options.crowdsec_lapi_tls_certificate_authority
    authority = read_authority(given, "crowdsecLapiTlsCertificateAuthority", draft)
    path = "/" + options.crowdsec_lapi_path.strip("/")
    if not re.fullmatch(r"[\x21-\x22\x24-\x3e\x40-\x7e]*", path):
        draft.refuse("crowdsecLapiPath", f"not a path: {shorten(options.crowdsec_lapi_path)}")
    if draft.is_refused or key is None:
        return None
    links = draft.links or NO_LINKS
    balancer, problems = links.host(
        host, port, options.crowdsec_lapi_scheme, Transport(), draft.path("crowdsecLapiHost")
    )
    draft.problems.extend(problems)
    if balancer is None:
        return None
    return Lapi(
        scheme=options.crowdsec_lapi_scheme,
        host=host,
        port=port,
        endpoints=balancer.endpoints,
        path=path.rstrip("/") + "/",
        key=key,
        verify=not options.crowdsec_lapi_tls_insecure_verify,
        authority=authority,
        timeout=float(options.http_timeout_seconds),
    )


def _host(options: BouncerOptions, draft: Draft) -> tuple[str, int]:
    text = options.crowdsec_lapi_host
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or "/" in text or "@" in text or port == 0:
        draft.refuse("crowdsecLapiHost", f"not a host and port: {shorten(text)} (crowdsec-service.infra:8080)")
    return host, port or (443 if options.crowdsec_lapi_scheme == "https" else 80)
