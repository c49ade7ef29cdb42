"""Issuer.spec and ClusterIssuer.spec: exactly one kind of issuer, and solvers that can solve something."""

import base64
import binascii
from collections.abc import Iterator
from typing import Final

from cryptography import x509

from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import shorten
from hearthgate.resources.certmanager.checks.wording import exactly_one, invalid, missing, secret_key
from hearthgate.resources.certmanager.issuer import ACMEIssuer, CAIssuer, IssuerSpec
from hearthgate.resources.certmanager.solvers import (
    DNS01,
    HTTP01,
    RFC2136,
    Cloudflare,
    ExecSolver,
    GatewaySolver,
    IngressSolver,
    Solver,
)
from hearthgate.resources.walk import Mistake

_ISSUERS: Final = {"acme": "acme", "ca": "ca", "self_signed": "selfSigned", "vault": "vault", "venafi": "venafi"}
_PROVIDERS: Final = {
    "cloudflare": "cloudflare",
    "rfc2136": "rfc2136",
    "acme_dns": "acmeDNS",
    "webhook": "webhook",
    "exec_": "exec",
    "akamai": "akamai",
    "cloud_dns": "cloudDNS",
    "route53": "route53",
    "azure_dns": "azureDNS",
    "digitalocean": "digitalocean",
}
_DNS_PORT: Final = 53
_LONGEST_PROGRAM: Final = 120.0


def mistakes(spec: IssuerSpec) -> Iterator[Mistake]:
    """Paths begin with `spec`."""
    given = [name for field, name in _ISSUERS.items() if getattr(spec, field) is not None]
    yield from exactly_one("spec", given, tuple(_ISSUERS.values()))
    if spec.acme is not None:
        yield from _acme(spec.acme)
    if spec.ca is not None:
        yield from _ca(spec.ca)
    if spec.self_signed is not None:
        yield from _urls("spec.selfSigned.crlDistributionPoints", spec.self_signed.crl_distribution_points)


def _acme(acme: ACMEIssuer) -> Iterator[Mistake]:
    if not acme.server:
        yield missing("spec.acme.server", "is required: the URL of the CA's directory")
    if not acme.private_key_secret_ref.name:
        yield missing("spec.acme.privateKeySecretRef.name", "is required: the Secret for the key of the account")
    if acme.ca_bundle:
        if acme.skip_tls_verify:
            yield invalid("spec.acme.skipTLSVerify", "stands beside caBundle: only one of them may be set")
        if not _holds_certificates(acme.ca_bundle):
            yield invalid("spec.acme.caBundle", "holds no certificate: PEM in base64 is wanted")
    binding = acme.external_account_binding
    if binding is not None:
        if not binding.key_id:
            yield missing("spec.acme.externalAccountBinding.keyID")
        yield from secret_key("spec.acme.externalAccountBinding.keySecretRef", binding.key_secret_ref)
    for index, solver in enumerate(acme.solvers):
        yield from _solver(f"spec.acme.solvers[{index}]", solver)


def _ca(ca: CAIssuer) -> Iterator[Mistake]:
    if not ca.secret_name:
        yield missing("spec.ca.secretName", "is required: the Secret with tls.crt and tls.key of the CA")
    for field, urls in (
        ("crlDistributionPoints", ca.crl_distribution_points),
        ("ocspServers", ca.ocsp_servers),
        ("issuingCertificateURLs", ca.issuing_certificate_urls),
    ):
        yield from _urls(f"spec.ca.{field}", urls)


def _urls(field: str, urls: tuple[str, ...]) -> Iterator[Mistake]:
    for index, url in enumerate(urls):
        if not url or not url.isascii():
            yield invalid(f"{field}[{index}]", f"{shorten(url)} is not a URL")


def _solver(field: str, solver: Solver) -> Iterator[Mistake]:
    known = {"http01": solver.http01, "dns01": solver.dns01, "tlsALPN01": solver.tls_alpn01}
    yield from exactly_one(field, [name for name, value in known.items() if value is not None], tuple(known))
    wait = solver.wait_instead_of_self_check
    if wait is not None and parse_duration(wait) < 0:
        yield invalid(f"{field}.waitInsteadOfSelfCheck", f"{wait} is less than 0")
    if solver.http01 is not None:
        yield from _http01(f"{field}.http01", solver.http01)
    if solver.dns01 is not None:
        yield from _dns01(f"{field}.dns01", solver.dns01)


def _http01(field: str, http01: HTTP01) -> Iterator[Mistake]:
    known = {"ingress": http01.ingress, "gatewayHTTPRoute": http01.gateway_http_route}
    yield from exactly_one(field, [name for name, value in known.items() if value is not None], tuple(known))
    if http01.ingress is not None:
        yield from _ingress(f"{field}.ingress", http01.ingress)
    if http01.gateway_http_route is not None:
        yield from _gateway(f"{field}.gatewayHTTPRoute", http01.gateway_http_route)


def _ingress(field: str, ingress: IngressSolver) -> Iterator[Mistake]:
    given = [
        name
        for name, value in (
            ("name", ingress.name),
            ("class", ingress.class_),
            ("ingressClassName", ingress.ingress_class_name),
        )
        if value
    ]
    if len(given) > 1:
        yield invalid(field, f"has {' and '.join(given)}: only one of them may be set")


def _gateway(field: str, gateway: GatewaySolver) -> Iterator[Mistake]:
    for index, parent in enumerate(gateway.parent_refs):
        for name, value in (("name", parent.name), ("kind", parent.kind)):
            if not value:
                yield missing(f"{field}.parentRefs[{index}].{name}")


def _dns01(field: str, dns01: DNS01) -> Iterator[Mistake]:
    given = [name for attribute, name in _PROVIDERS.items() if getattr(dns01, attribute) is not None]
    yield from exactly_one(field, given, tuple(_PROVIDERS.values()))
    if dns01.cloudflare is not None:
        yield from _cloudflare(f"{field}.cloudflare", dns01.cloudflare)
    if dns01.rfc2136 is not None:
        yield from _rfc2136(f"{field}.rfc2136", dns01.rfc2136)
    if dns01.acme_dns is not None:
        if not dns01.acme_dns.host:
            yield missing(f"{field}.acmeDNS.host")
        yield from secret_key(f"{field}.acmeDNS.accountSecretRef", dns01.acme_dns.account_secret_ref)
    if dns01.webhook is not None and not dns01.webhook.solver_name:
        yield missing(f"{field}.webhook.solverName")
    if dns01.exec_ is not None:
        yield from _exec(f"{field}.exec", dns01.exec_)


def _exec(field: str, program: ExecSolver) -> Iterator[Mistake]:
    if not program.command:
        yield missing(f"{field}.command", "is required: the absolute path of the program")
    elif not program.command[0].startswith("/"):
        yield invalid(f"{field}.command[0]", f"{shorten(program.command[0])} is not an absolute path")
    if not 0 < parse_duration(program.timeout) <= _LONGEST_PROGRAM:
        yield invalid(f"{field}.timeout", f"{program.timeout} is not more than 0 and at most 2m")


def _cloudflare(field: str, cloudflare: Cloudflare) -> Iterator[Mistake]:
    known = {
        "apiTokenSecretRef": cloudflare.api_token_secret_ref,
        "apiKeySecretRef": cloudflare.api_key_secret_ref,
    }
    yield from exactly_one(field, [name for name, ref in known.items() if ref is not None], tuple(known))
    for name, ref in known.items():
        if ref is not None:
            yield from secret_key(f"{field}.{name}", ref)
    if cloudflare.api_key_secret_ref is not None and not cloudflare.email:
        yield missing(f"{field}.email", "is required beside apiKeySecretRef (a token needs none)")


def _rfc2136(field: str, rfc2136: RFC2136) -> Iterator[Mistake]:
    if read_nameserver(rfc2136.nameserver) is None:
        yield invalid(
            f"{field}.nameserver",
            f"{shorten(rfc2136.nameserver)} is not host or host:port (an IPv6 address in brackets)",
        )
    name, secret = rfc2136.tsig_key_name, rfc2136.tsig_secret_secret_ref
    if name and secret is None:
        yield missing(f"{field}.tsigSecretSecretRef", "is required beside tsigKeyName")
    if secret is not None:
        if not name:
            yield missing(f"{field}.tsigKeyName", "is required beside tsigSecretSecretRef")
        yield from secret_key(f"{field}.tsigSecretSecretRef", secret)


def read_nameserver(text: str) -> tuple[str, int] | None:
    """(host, port), the port 53 unless it is given; None for what is neither."""
    host, colon, port = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        host, colon, port = text, "", ""
    elif not colon:
        host, port = text, ""
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare) != (host.startswith("[") and host.endswith("]")):
        return None
    if not port:
        return bare, _DNS_PORT
    return (bare, int(port)) if port.isascii() and port.isdigit() and 0 < int(port) < 65536 else None


def _holds_certificates(bundle: str) -> bool:
    try:
        return bool(x509.load_pem_x509_certificates(base64.b64decode(bundle, validate=True)))
    except (ValueError, binascii.Error):
        return False
