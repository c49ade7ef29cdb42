"""Annotations of ingress-nginx on Ingresses that are ours: nothing here acts on them, so each is told, with the
way that Traefik's users go. Those that guard a site take it out of service, unless an annotation of Traefik names
middlewares.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from hearthgate.ingress.routing.ingresses.annotations import ROUTER, annotation_field
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef

PREFIX: Final = "nginx.ingress.kubernetes.io/"
_MIDDLEWARES: Final = f"{ROUTER}middlewares"
_GUARDS: Final = (
    *("auth-type", "auth-secret", "auth-url", "auth-tls-secret", "auth-tls-verify-client", "satisfy"),
    *("whitelist-source-range", "allowlist-source-range", "denylist-source-range", "enable-modsecurity"),
)
_WAYS_OUT: Final[tuple[tuple[str, str], ...]] = (
    ("auth-tls-", "a TLSOption with clientAuth, named by router.tls.options"),
    ("auth-url", "a Middleware forwardAuth"),
    ("auth-signin", "a Middleware forwardAuth with authSigninURL"),
    ("auth-response-headers", "a Middleware forwardAuth with authResponseHeaders"),
    ("auth-", "a Middleware basicAuth or forwardAuth"),
    ("satisfy", "Middlewares: all of them count"),
    ("whitelist-source-range", "a Middleware ipAllowList"),
    ("allowlist-source-range", "a Middleware ipAllowList"),
    ("denylist-source-range", "a rule with !ClientIP(`…`) in an IngressRoute"),
    ("rewrite-target", "a Middleware stripPrefix or replacePathRegex"),
    ("app-root", "a Middleware redirectRegex"),
    ("use-regex", "router.pathmatcher: PathRegexp and paths of type ImplementationSpecific"),
    ("ssl-redirect", "redirections of the entrypoint, or a Middleware redirectScheme"),
    ("force-ssl-redirect", "redirections of the entrypoint, or a Middleware redirectScheme"),
    ("permanent-redirect", "a Middleware redirectRegex"),
    ("temporal-redirect", "a Middleware redirectRegex"),
    ("from-to-www-redirect", "a Middleware redirectRegex"),
    ("server-alias", "one more rule for the other host"),
    ("backend-protocol", "service.serversscheme at the Service"),
    ("proxy-ssl-", "a ServersTransport, named by service.serverstransport at the Service"),
    (
        "proxy-body-size",
        "nothing: bodies are not limited, unless by a Middleware buffering",
    ),
    ("client-max-body-size", "a Middleware buffering with maxRequestBodyBytes"),
    ("proxy-request-buffering", "nothing: bodies are passed on as they come"),
    ("proxy-buffer", "nothing: bodies are passed on as they come"),
    ("proxy-read-timeout", "nothing: answers may take their time"),
    ("proxy-send-timeout", "nothing: requests may take their time"),
    ("proxy-connect-timeout", "a ServersTransport with forwardingTimeouts.dialTimeout"),
    ("proxy-next-upstream", "a Middleware retry"),
    ("proxy-http-version", "nothing: the version is negotiated"),
    ("affinity", "service.sticky.cookie at the Service"),
    ("session-cookie-", "service.sticky.cookie.… at the Service"),
    ("canary", "a TraefikService with weights"),
    ("mirror-", "a TraefikService with mirroring"),
    ("enable-cors", "a Middleware headers with accessControl…"),
    ("cors-", "a Middleware headers with accessControl…"),
    ("limit-connections", "a Middleware inFlightReq"),
    ("limit-", "a Middleware rateLimit"),
    ("custom-http-errors", "a Middleware errors"),
    ("default-backend", "a Middleware errors"),
    ("custom-headers", "a Middleware headers"),
    ("upstream-vhost", "a Middleware headers with customRequestHeaders.Host"),
    ("x-forwarded-prefix", "a Middleware headers or stripPrefix, which sets it"),
    ("upstream-hash-by", "strategy hrw in an IngressRoute"),
    ("load-balance", "strategy in an IngressRoute"),
    ("configuration-snippet", "Middlewares for what it does"),
    ("server-snippet", "Middlewares for what it does"),
    ("ssl-passthrough", "an IngressRouteTCP with tls.passthrough"),
    ("websocket-services", "nothing: WebSockets work"),
    ("enable-access-log", "router.observability.accesslogs"),
    ("enable-opentelemetry", "router.observability.tracing"),
    ("enable-modsecurity", "a Middleware that asks a firewall"),
)


def nginx_problems(ref: ObjectRef, annotations: Mapping[str, str]) -> Iterator[Problem]:
    """One for each annotation; an error for those without which the site would stand open."""
    replaced = any(name.lower() == _MIDDLEWARES for name in annotations)
    for name in sorted(annotations):
        if not name.startswith(PREFIX):
            continue
        key = name.removeprefix(PREFIX)
        guards = key in _GUARDS and annotations[name] not in ("", "off", "false") and not replaced
        way_out = next((way for start, way in _WAYS_OUT if key.startswith(start)), "")
        need = way_out.removeprefix("nothing: ")
        use = f": use {way_out}" if need == way_out and way_out else f" ({need})" if need else ""
        said = f"annotations of ingress-nginx are not acted on{use}"
        yield Problem(
            ref=ref,
            field=annotation_field(name),
            reason=Reason.UNSUPPORTED,
            message=f"{said}; without that guard it is not served" if guards else said,
            severity=Severity.ERROR if guards else Severity.WARNING,
        )
