"""What only upstream's users know: settings of Traefik 3.7 that do not exist here, and how matchers differ.

Tests hold both against the code: an absent setting must be refused, a matcher with a difference must exist.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_CERTIFICATES: Final = "certificates come from Secrets"
_MANIFESTS: Final = "routes come from manifests, of a folder, the embedded API or a cluster"
_TRANSPORT: Final = "name a ServersTransport at the Service"
_SLASHES: Final = "a raw backslash is `/`; `/a//../b` is `/a/b`; `/a/.` keeps the slash at its end"
_NO_WILDCARD: Final = "a wildcard is refused, with the HostRegexp to write; upstream matches nothing, silently"

ABSENT_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "hub": "there is no counterpart",
        "hostResolver": "CNAMEs of requests are not followed: name every host in the rule",
        "ocsp": "answers of OCSP are not stapled",
        "spiffe": "there is no SPIFFE Workload API: use certificatesSecrets and peerCertSANs",
        "tcpServersTransport": "name a ServersTransportTCP at the service of the route",
        "serversTransport.maxIdleConnsPerHost": _TRANSPORT,
        "serversTransport.forwardingTimeouts": _TRANSPORT,
        "serversTransport.spiffe": _TRANSPORT,
        "core.strictTLSOptions": "hosts whose routes disagree about TLS options are a Problem of the routes",
        "log.filePath": "the log goes to standard error: redirect it",
        "log.noColor": "colours are for terminals only",
        "log.maxSize": "the log goes to standard error: redirect it",
        "log.otlp": "the log goes to standard error: have a collector read it",
        "providers.precedence": "of rules with one priority the order of names decides",
        "providers.providersThrottleDuration": "changes are taken as soon as they settle",
        "providers.file": _MANIFESTS,
        "providers.http": _MANIFESTS,
        "providers.rest": _MANIFESTS,
        "providers.docker": _MANIFESTS,
        "providers.swarm": _MANIFESTS,
        "providers.consulCatalog": _MANIFESTS,
        "providers.nomad": _MANIFESTS,
        "providers.ecs": _MANIFESTS,
        "providers.consul": _MANIFESTS,
        "providers.etcd": _MANIFESTS,
        "providers.redis": _MANIFESTS,
        "providers.zooKeeper": _MANIFESTS,
        "providers.plugin": _MANIFESTS,
        "providers.kubernetesIngressNGINX": "annotations of ingress-nginx are told with Traefik's way for each",
    }
)
"""Setting to the way out."""

_V3: Final = "IngressRoute, `syntax: v3`"
_V2: Final = "IngressRoute, `syntax: v2`"
_LINES: Final = "header lines that repeat are compared as one value, joined by `,`"
_HEADERS: Final = f"{_LINES}; X-Forwarded-Port, and the Proto of WebSockets, are as a trusted proxy sent them"

MATCHER_DIFFERENCES: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (_V3, "Header"): _HEADERS,
        (_V3, "HeaderRegexp"): f"{_LINES}; `!` with an anchored pattern that matches an empty value is refused",
        (
            _V3,
            "HostRegexp",
        ): "a dot at the end of the host is no part of it; `.+` and `.*` alone match IPv6 addresses",
        (_V3, "Path"): _SLASHES,
        (_V3, "PathPrefix"): _SLASHES,
        (
            _V3,
            "PathRegexp",
        ): "to `.`, `\\w` and negated classes `%20` is three characters",
        (_V3, "QueryRegexp"): "`^` and `$` work at the ends of the pattern or of its top-level alternatives only",
        (_V2, "Host"): _NO_WILDCARD,
        (
            _V2,
            "HostHeader",
        ): _NO_WILDCARD,
        (_V2, "HostRegexp"): "templates that hold a `:` are compared without the port of the request",
        (_V2, "Headers"): _LINES,
        (_V2, "HeadersRegexp"): _LINES,
        (_V2, "Query"): "any value of a key that repeats may match; upstream looks at the first",
    }
)
"""(the table of the page, the matcher) to what is otherwise here."""
