"""Solvers of ACME challenges: which names each proves, and how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.meta import Strict, differs, unsupported
from hearthgate.resources.scalars import Duration, PortNumber

_OTHER_PROVIDER = unsupported("use cloudflare, rfc2136, acmeDNS, webhook or exec")
_NO_POD = unsupported("challenges are answered without a pod")
_BY_PROXY = differs("answered on every entrypoint: what it says stands in the Challenge and changes nothing")

ServiceType = Annotated[Literal["ClusterIP", "NodePort", ""], _NO_POD]


class SolverSelector(Strict, frozen=True, kw_only=True):
    """Which names a solver is for: all that is listed must match. The most exact match wins.

    match_labels: Labels of the Certificate.
    dns_names: The names themselves; wildcards are written *.example.org.
    dns_zones: Zones that the name lies in.
    """

    match_labels: Mapping[str, str] = {}
    dns_names: tuple[str, ...] = ()
    dns_zones: tuple[str, ...] = ()


class TemplateMetadata(Strict, frozen=True, kw_only=True):
    """Marks of an object.

    annotations: Annotations.
    labels: Labels.
    """

    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class IngressTemplate(Strict, frozen=True, kw_only=True):
    """Marks of the Ingress.

    metadata: Annotations and labels.
    """

    metadata: TemplateMetadata = TemplateMetadata()


class IngressSolver(Strict, frozen=True, kw_only=True):
    """Serves the challenge by an Ingress. At most one of name, class and ingressClassName.

    service_type: The type of the Service before the pod that answers.
    ingress_class_name: The class of the Ingress.
    class_: The class of the Ingress, as an annotation.
    name: An Ingress to extend, in place of making one.
    pod_template: What the pod that answers looks like.
    ingress_template: Marks of the Ingress.
    """

    service_type: ServiceType = ""
    ingress_class_name: str | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    name: str = ""
    pod_template: Annotated[Any, _NO_POD] = None
    ingress_template: IngressTemplate | None = None


class ParentReference(Strict, frozen=True, kw_only=True):
    """The Gateway that serves the challenge.

    name: Its name.
    group: Its API group.
    kind: Its kind.
    namespace: Its namespace; that of the challenge unless set.
    section_name: Its listener.
    port: The port of its listener.
    """

    name: str
    group: str = "gateway.networking.k8s.io"
    kind: str = "Gateway"
    namespace: str | None = None
    section_name: str | None = None
    port: PortNumber | None = None


class GatewaySolver(Strict, frozen=True, kw_only=True):
    """Serves the challenge by an HTTPRoute.

    service_type: The type of the Service before the pod that answers.
    labels: Labels of the HTTPRoute.
    parent_refs: The Gateways that serve it.
    pod_template: What the pod that answers looks like.
    """

    service_type: ServiceType = ""
    labels: Mapping[str, str] = {}
    parent_refs: tuple[ParentReference, ...] = ()
    pod_template: Annotated[Any, _NO_POD] = None


class HTTP01(Strict, frozen=True, kw_only=True):
    """The CA fetches a file from the host by HTTP. One of the two.

    ingress: By an Ingress.
    gateway_http_route: By an HTTPRoute.
    """

    ingress: Annotated[IngressSolver | None, _BY_PROXY] = None
    gateway_http_route: Annotated[GatewaySolver | None, _BY_PROXY] = msgspec.field(
        default=None, name="gatewayHTTPRoute"
    )


class Cloudflare(Strict, frozen=True, kw_only=True):
    """A zone at Cloudflare. One of the two credentials.

    email: The account's e-mail address; needed with an API key.
    api_token_secret_ref: An API token that may edit DNS and read the zone.
    api_key_secret_ref: The account's API key.
    """

    email: str = ""
    api_token_secret_ref: SecretKeyRef | None = None
    api_key_secret_ref: SecretKeyRef | None = None


class RFC2136(Strict, frozen=True, kw_only=True):
    """A nameserver that takes dynamic updates (RFC 2136).

    nameserver: Its address, with a port unless it is 53.
    tsig_key_name: The name of the TSIG key.
    tsig_secret_secret_ref: The TSIG key.
    tsig_algorithm: The algorithm of the TSIG key.
    protocol: How updates are sent.
    """

    nameserver: str
    tsig_key_name: str = ""
    tsig_secret_secret_ref: SecretKeyRef | None = None
    tsig_algorithm: Literal["HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512", ""] = "HMACMD5"
    protocol: Literal["UDP", "TCP", ""] = "UDP"


class AcmeDNS(Strict, frozen=True, kw_only=True):
    """An acme-dns server.

    host: The URL of the server.
    account_secret_ref: The accounts there by domain, as JSON.
    """

    host: str
    account_secret_ref: SecretKeyRef


class WebhookSolver(Strict, frozen=True, kw_only=True):
    """A webhook that writes the records.

    group_name: The API group of the webhook.
    solver_name: The name of the solver in it.
    config: Whatever the webhook takes.
    """

    group_name: str
    solver_name: str
    config: Any = None


class ExecSolver(Strict, frozen=True, kw_only=True):
    """A program that writes and removes the record, for any other provider. The settings must allow it
    (certificates.dns01Exec.allowed).

    command: Its absolute path, and arguments before ours.
    timeout: How long it may take, before it is killed with all that it started; at most 2m.
    """

    command: tuple[str, ...]
    timeout: Duration = "60s"


class DNS01(Strict, frozen=True, kw_only=True):
    """The CA looks up a TXT record. Exactly one provider.

    cname_strategy: Follow: the record is written where _acme-challenge points to.
    nameservers: Resolvers that must see the record before the CA is told.
    cloudflare: A zone at Cloudflare.
    rfc2136: A nameserver that takes dynamic updates.
    acme_dns: An acme-dns server.
    webhook: A webhook that writes the records.
    exec: A program that writes the records.
    akamai: A zone at Akamai.
    cloud_dns: A zone at Google Cloud.
    route53: A zone at AWS Route 53.
    azure_dns: A zone at Azure.
    digitalocean: A zone at DigitalOcean.
    """

    cname_strategy: Literal["None", "Follow", ""] = "None"
    nameservers: tuple[str, ...] = ()
    cloudflare: Cloudflare | None = None
    rfc2136: RFC2136 | None = None
    acme_dns: AcmeDNS | None = msgspec.field(default=None, name="acmeDNS")
    webhook: WebhookSolver | None = None
    exec_: Annotated[ExecSolver | None, differs("cert-manager has no such provider")] = msgspec.field(
        default=None, name="exec"
    )
    akamai: Annotated[Any, _OTHER_PROVIDER] = None
    cloud_dns: Annotated[Any, _OTHER_PROVIDER] = msgspec.field(default=None, name="cloudDNS")
    route53: Annotated[Any, _OTHER_PROVIDER] = None
    azure_dns: Annotated[Any, _OTHER_PROVIDER] = msgspec.field(default=None, name="azureDNS")
    digitalocean: Annotated[Any, _OTHER_PROVIDER] = None


class TLSALPN01(Strict, frozen=True, kw_only=True):
    """The CA opens a TLS connection to port 443 of the host, and is shown a certificate made for it alone."""


class Solver(Strict, frozen=True, kw_only=True):
    """How to prove that some names are ours. One of http01, dns01 and tlsALPN01.

    selector: The names it is for; none: those that no other solver is for.
    http01: By a file that the CA fetches.
    dns01: By a TXT record; needed for wildcards.
    tls_alpn01: By a TLS handshake on port 443, where port 80 cannot be reached. Not for wildcards.
    wait_instead_of_self_check: Wait so long before the CA is told, in place of looking whether the proof
        can be seen.
    """

    selector: SolverSelector | None = None
    http01: HTTP01 | None = None
    dns01: DNS01 | None = None
    tls_alpn01: Annotated[TLSALPN01 | None, differs("cert-manager has no such solver")] = msgspec.field(
        default=None, name="tlsALPN01"
    )
    wait_instead_of_self_check: Duration | None = None
