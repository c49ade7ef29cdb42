"""Settings of the certificates domain, under the names of cert-manager's ControllerConfiguration."""

from typing import Annotated, Final

import msgspec

from hearthgate.certificates.notify.settings import Notification
from hearthgate.resources.meta import Strict
from hearthgate.resources.scalars import Duration

OWN_NAMESPACE: Final = "hearthgate"
LOCAL_ISSUER: Final = "hearthgate-local-ca"
"""The ClusterIssuer of a box that has no other: a CA of its own, whose root its people may trust."""


class ACMEDNS01Config(Strict, frozen=True, kw_only=True):
    """How DNS-01 proofs are looked for before the CA is told.

    recursive_nameservers: resolvers, `ip:port` or DNS-over-HTTPS as `https://...`; none: those of this machine.
    recursive_nameservers_only: ask just them, never the zone's own servers.
    check_retry_period: time between two looks.
    give_up_after: after so long the CA decides, whatever was seen: it may see what we cannot.
    public_nameservers: asked for a second opinion when this machine's resolvers do not show a proof, and none were
    named: a home's resolvers may answer for a zone of their own. Empty: nobody is asked.
    """

    recursive_nameservers: tuple[str, ...] = ()
    recursive_nameservers_only: bool = False
    public_nameservers: tuple[str, ...] = ("https://1.1.1.1/dns-query", "https://8.8.8.8/dns-query")
    check_retry_period: Duration = "10s"
    give_up_after: Duration = "2m"


class DNS01ExecConfig(Strict, frozen=True, kw_only=True):
    """Whoever may write an issuer shall not run any program with the rights of this one.

    allowed: absolute paths of the programs that `solvers[].dns01.exec` may name.
    """

    allowed: tuple[str, ...] = ()


class ACMEHTTP01Config(Strict, frozen=True, kw_only=True):
    """solver_nameservers: resolvers for the look at HTTP-01 proofs; none: this machine's."""

    solver_nameservers: tuple[str, ...] = ()


class IngressShimConfig(Strict, frozen=True, kw_only=True):
    """Which issuer serves objects that ask for a certificate and name none.

    default_auto_certificate_annotations: annotations of an Ingress that ask for it.
    extra_certificate_annotations: annotations that the Certificate takes over.
    """

    default_issuer_name: str = ""
    default_issuer_kind: str = "Issuer"
    default_issuer_group: str = "cert-manager.io"
    default_auto_certificate_annotations: tuple[str, ...] = ("kubernetes.io/tls-acme",)
    extra_certificate_annotations: tuple[str, ...] = ()


class CertificateSettings(Strict, frozen=True, kw_only=True):
    """enabled: whether certificates are issued; None: yes with the embedded API, no on a cluster, where
    cert-manager may be at work.
    auto: whether hosts of routes that no certificate covers get a Certificate of the default issuer.
    local_ca: whether a box without any issuer gets a CA of its own, for the hosts of routes without a certificate.
    cluster_resource_namespace: where the Secrets of ClusterIssuers lie.
    copied_annotation_prefixes: annotations of a Certificate that its requests and orders take over: `*` for all,
    a prefix with `-` in front for none of those.
    """

    enabled: bool | None = None
    auto: bool = False
    local_ca: bool = msgspec.field(default=True, name="localCA")
    cluster_resource_namespace: str = OWN_NAMESPACE
    acme_dns01_config: ACMEDNS01Config = msgspec.field(default=ACMEDNS01Config(), name="acmeDNS01Config")
    dns01_exec: DNS01ExecConfig = msgspec.field(default=DNS01ExecConfig(), name="dns01Exec")
    acme_http01_config: ACMEHTTP01Config = msgspec.field(default=ACMEHTTP01Config(), name="acmeHTTP01Config")
    ingress_shim_config: IngressShimConfig = IngressShimConfig()
    max_concurrent_challenges: Annotated[int, msgspec.Meta(ge=1)] = 60
    copied_annotation_prefixes: tuple[str, ...] = (
        "*",
        "-kubectl.kubernetes.io/",
        "-fluxcd.io/",
        "-argocd.argoproj.io/",
    )
    enable_certificate_owner_ref: bool = False
    notifications: tuple[Notification, ...] = ()
    certificate_request_minimum_backoff_duration: Duration = "1h"
    certificate_request_maximum_backoff_duration: Duration = "32h"
