"""Solvers of ACME challenges: which names each proves, and how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.meta import Strict, unsupported
from hearthgate.resources.scalars import Duration, PortNumber

_OTHER_PROVIDER = unsupported("use cloudflare, rfc2136, acmeDNS or webhook")
_NO_POD = unsupported("challenges are answered without a pod")

ServiceType = Annotated[Literal["ClusterIP", "NodePort", ""], _NO_POD]


class SolverSelector(Strict, frozen=True, kw_only=True):
    """All that is listed must match. matchLabels: of the Certificate. dnsNames: literal, wildcards as `*.x`.
    dnsZones: the name lies in one of them."""

    match_labels: Mapping[str, str] = {}
    dns_names: tuple[str, ...] = ()
    dns_zones: tuple[str, ...] = ()


class TemplateMetadata(Strict, frozen=True, kw_only=True):
    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class IngressTemplate(Strict, frozen=True, kw_only=True):
    metadata: TemplateMetadata = TemplateMetadata()


class IngressSolver(Strict, frozen=True, kw_only=True):
    """At most one of name (an Ingress to edit), class (an annotation) and ingressClassName."""

    service_type: ServiceType = ""
    ingress_class_name: str | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    name: str = ""
    pod_template: Annotated[Any, _NO_POD] = None
    ingress_template: IngressTemplate | None = None


class ParentReference(Strict, frozen=True, kw_only=True):
    """gateway.networking.k8s.io ParentReference: the Gateway that shall serve the challenge."""

    name: str
    group: str = "gateway.networking.k8s.io"
    kind: str = "Gateway"
    namespace: str | None = None
    section_name: str | None = None
    port: PortNumber | None = None


class GatewaySolver(Strict, frozen=True, kw_only=True):
    service_type: ServiceType = ""
    labels: Mapping[str, str] = {}
    parent_refs: tuple[ParentReference, ...] = ()
    pod_template: Annotated[Any, _NO_POD] = None


class HTTP01(Strict, frozen=True, kw_only=True):
    """Exactly one of the two."""

    ingress: IngressSolver | None = None
    gateway_http_route: GatewaySolver | None = msgspec.field(default=None, name="gatewayHTTPRoute")


class Cloudflare(Strict, frozen=True, kw_only=True):
    """Exactly one of the two credentials; an API key needs the account's e-mail address with it."""

    email: str = ""
    api_token_secret_ref: SecretKeyRef | None = None
    api_key_secret_ref: SecretKeyRef | None = None


class RFC2136(Strict, frozen=True, kw_only=True):
    """nameserver: an address with or without a port. Key name and key go together."""

    nameserver: str
    tsig_key_name: str = ""
    tsig_secret_secret_ref: SecretKeyRef | None = None
    tsig_algorithm: Literal["HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512", ""] = "HMACMD5"
    protocol: Literal["UDP", "TCP", ""] = "UDP"


class AcmeDNS(Strict, frozen=True, kw_only=True):
    """host: the URL of the server. The Secret holds its accounts by domain as JSON."""

    host: str
    account_secret_ref: SecretKeyRef


class WebhookSolver(Strict, frozen=True, kw_only=True):
    """config: whatever the webhook takes."""

    group_name: str
    solver_name: str
    config: Any = None


class DNS01(Strict, frozen=True, kw_only=True):
    """Exactly one provider. cnameStrategy Follow: the record is written where `_acme-challenge` points to."""

    cname_strategy: Literal["None", "Follow", ""] = "None"
    nameservers: tuple[str, ...] = ()
    cloudflare: Cloudflare | None = None
    rfc2136: RFC2136 | None = None
    acme_dns: AcmeDNS | None = msgspec.field(default=None, name="acmeDNS")
    webhook: WebhookSolver | None = None
    akamai: Annotated[Any, _OTHER_PROVIDER] = None
    cloud_dns: Annotated[Any, _OTHER_PROVIDER] = msgspec.field(default=None, name="cloudDNS")
    route53: Annotated[Any, _OTHER_PROVIDER] = None
    azure_dns: Annotated[Any, _OTHER_PROVIDER] = msgspec.field(default=None, name="azureDNS")
    digitalocean: Annotated[Any, _OTHER_PROVIDER] = None


class Solver(Strict, frozen=True, kw_only=True):
    """waitInsteadOfSelfCheck: how long to wait before the CA is told, in place of looking whether the
    challenge can be seen."""

    selector: SolverSelector | None = None
    http01: HTTP01 | None = None
    dns01: DNS01 | None = None
    wait_instead_of_self_check: Duration | None = None
