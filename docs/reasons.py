"""What each Reason means, in the words of the documentation: (what happened, the way out)."""

from collections.abc import Mapping
from types import MappingProxyType

from hearthgate.model.problems import Reason

REASONS: Mapping[Reason, tuple[str, str]] = MappingProxyType(
    {
        Reason.SYNTAX_ERROR: (
            "A file is not YAML or JSON. What it last said correctly stays in force.",
            "Repair the line that the message names.",
        ),
        Reason.TOO_LARGE: (
            "A file, an object or a rule is larger than what is read.",
            "Split it, or store the data elsewhere; the message names the limit.",
        ),
        Reason.UNREADABLE: (
            "A file or folder cannot be read, or is not text.",
            "Check its permissions, or move it out of the folder.",
        ),
        Reason.UNKNOWN_KIND: (
            "The object is of a kind that Hearthgate does not serve.",
            "Check apiVersion and kind; objects for other programs can stay elsewhere.",
        ),
        Reason.DUPLICATE_OBJECT: (
            "One object stands in two places. The first in path order counts.",
            "Delete one of the two places that the message names.",
        ),
        Reason.INVALID_NAME: (
            "A name or namespace is missing or not a DNS label.",
            "Use lower-case letters, digits and hyphens.",
        ),
        Reason.UNKNOWN_FIELD: (
            "The object has a field that its kind does not know.",
            "Correct the name; the message suggests the nearest one.",
        ),
        Reason.INVALID_VALUE: (
            "A field has a value of the wrong type or outside its range.",
            "The message says what the field takes.",
        ),
        Reason.MISSING_FIELD: ("A required field is absent.", "Add it."),
        Reason.UNSUPPORTED: (
            "Hearthgate knows the field, or the kind when no field is named, and cannot honour it yet.",
            "Remove it, or use what the message offers; see [the fields](traefik-compatibility.md).",
        ),
        Reason.DEPRECATED: (
            "The field has no effect, upstream neither; of `apiVersion`: the version has a successor.",
            "Remove the field or use the successor.",
        ),
        Reason.REJECTED: (
            "The API refused the object. Its last good version stays in force.",
            "The message holds the API's answer.",
        ),
        Reason.CLASS_MISMATCH: (
            "The object belongs to another ingress class.",
            "Nothing, if that is meant; else set the class or `providers.kubernetesCRD.ingressClass`.",
        ),
        Reason.ENTRYPOINT_NOT_FOUND: (
            "A route names an entrypoint that the settings do not have.",
            "Add it to `entryPoints`, or correct the name.",
        ),
        Reason.MIDDLEWARE_NOT_FOUND: (
            "A route or chain names a middleware that does not exist. The route is out of service.",
            "Create it, or correct name and namespace.",
        ),
        Reason.MIDDLEWARE_INVALID: (
            "A middleware exists and cannot be used. Every route that names it is out of service.",
            "See the problem of the middleware itself.",
        ),
        Reason.MIDDLEWARE_CYCLE: ("A chain contains itself.", "Break the circle that the message shows."),
        Reason.SERVICE_NOT_FOUND: (
            "A route names a Service or TraefikService that does not exist.",
            "Create it, or correct name and namespace.",
        ),
        Reason.SERVICE_PORT_NOT_FOUND: (
            "The Service has no port with this number or name.",
            "Use one of the ports that the message lists.",
        ),
        Reason.SERVICE_CYCLE: ("A TraefikService contains itself.", "Break the circle that the message shows."),
        Reason.PARENT_NOT_FOUND: (
            "An IngressRoute names a parent that does not exist.",
            "Correct spec.parentRefs, or create the parent.",
        ),
        Reason.ROUTE_CYCLE: (
            "IngressRoutes name each other as parents in a circle.",
            "Take one of the spec.parentRefs out.",
        ),
        Reason.PROTOCOL_MISMATCH: (
            "A route speaks another protocol to a Service than the port's `appProtocol` says.",
            "Set `scheme` at the service of the route to what the message names.",
        ),
        Reason.SERVER_DOWN: (
            "A server of a Service fails its health check and gets no requests.",
            "See why it does not answer the check as `healthCheck` wants it.",
        ),
        Reason.NO_ENDPOINTS: (
            "A Service has no server that is ready; its routes answer 503.",
            "Start one, or set the annotation `hearthgate.dev/endpoints`.",
        ),
        Reason.SECRET_NOT_FOUND: (
            "A Secret (or ConfigMap) that an object names does not exist in its namespace.",
            "Create it in the namespace of the object that names it.",
        ),
        Reason.SECRET_INVALID: (
            "A Secret lacks a key, or what it holds is not what it should be.",
            "The message names key and format, never the value.",
        ),
        Reason.TLS_OPTION_NOT_FOUND: (
            "A route names a TLSOption that does not exist.",
            "Create it, or correct name and namespace.",
        ),
        Reason.TRANSPORT_NOT_FOUND: (
            "A service names a ServersTransport that does not exist in the Service's namespace.",
            "Create it there, or correct the name.",
        ),
        Reason.CROSS_NAMESPACE: (
            "An object refers to another namespace, which the settings do not allow.",
            "Set `providers.kubernetesCRD.allowCrossNamespace: true`, or move one of the two.",
        ),
        Reason.EXTERNAL_NAME: (
            "A Service is of type ExternalName, which the settings do not allow.",
            "Set `providers.kubernetesCRD.allowExternalNameServices: true`.",
        ),
        Reason.NOT_ATTACHED: (
            "A route of the Gateway API names a Gateway or listener that does not exist or does not let it in.",
            "Correct `spec.parentRefs` or `spec.hostnames`, or the listener's `allowedRoutes`.",
        ),
        Reason.LISTENER_CONFLICT: (
            "Two listeners of a Gateway have one port and cannot be told apart: neither serves.",
            "Give them different hostnames, or one protocol.",
        ),
        Reason.INVALID_RULE: (
            "A rule cannot be parsed, or a matcher does not take this argument.",
            "The message names the position in the rule.",
        ),
        Reason.RULE_TOO_COMPLEX: (
            "A rule is longer, deeper or has more alternatives than Hearthgate compiles.",
            "Split it into several routes.",
        ),
        Reason.DUPLICATE_ROUTER: (
            "Two routes have the same name and rule on one entrypoint. One of them serves.",
            "Delete one.",
        ),
        Reason.TLS_OPTION_CONFLICT: (
            "One host is claimed with different TLSOptions; it gets the default ones.",
            "Use the same TLSOption in all routes of the host.",
        ),
        Reason.DEFAULT_CERTIFICATE: (
            "No certificate covers the host: browsers will warn.",
            "`hearthgate certs` says how far it is; or name a Secret, by `tls.secretName` or in a TLSStore.",
        ),
        Reason.PROXY_REJECTED: (
            "Envoy refused what was made from the object. The last good configuration serves.",
            "This is a fault of Hearthgate: please report it with the message.",
        ),
        Reason.ADDRESS_IN_USE: (
            "An entrypoint's address is taken by another program.",
            "Stop that program, or change `entryPoints.<name>.address`.",
        ),
        Reason.NOT_FORWARDED: (
            "Servers of a Service are on other machines, and the kernel does not forward to them.",
            "Set `net.ipv4.ip_forward=1` by sysctl, or `loadBalancer.forwarding: true`.",
        ),
        Reason.DATA_PATH_MISSING: (
            "The kernel cannot be told to lead a Service's connections to its servers.",
            "As the message says: install nftables, or run with CAP_NET_ADMIN.",
        ),
        Reason.POLICY_MISSING: (
            "NetworkPolicies are not enforced as they are written.",
            "As the message says: set `policy.enforce` and `policy.members`, install nftables, or run as root.",
        ),
        Reason.PROVIDER_UNREACHABLE: (
            "An OpenID provider cannot be asked, so nobody can log in. Sessions that need not be renewed go on.",
            "See that the provider runs at `providerUrl` and is reached from this machine.",
        ),
        Reason.DATABASE_UNREADABLE: (
            "The file with countries of a geoblock is missing or not a MaxMind database.",
            "Put a database (.mmdb) at the path that the message names, readable for Hearthgate.",
        ),
        Reason.DECISIONS_STALE: (
            "A bouncer cannot fetch decisions or ask about an address. The message says what holds meanwhile.",
            "See that CrowdSec's local API runs, is reached at the host that is named, and knows the key.",
        ),
        Reason.RESTART_NEEDED: (
            "A setting has changed in its file that a running program cannot change.",
            "Restart Hearthgate when it suits; until then the old value holds.",
        ),
    }
)
