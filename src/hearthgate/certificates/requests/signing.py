"""CertificateRequests signed here: by the key pair of a CA issuer, or by the key of the request itself. Pure."""

import base64
import binascii
from datetime import datetime

from hearthgate.certificates.issuers.ca import Unusable, signing_pair
from hearthgate.certificates.issuers.named import DEFAULT_KEY
from hearthgate.certificates.requests.verdict import Failed, Issued, Pending, Verdict
from hearthgate.certificates.spans import span
from hearthgate.certificates.x509.chains import strip_root
from hearthgate.certificates.x509.csr import RequestFacts, parse_request
from hearthgate.certificates.x509.keys import KeyProblem, parse_key, same_public_key
from hearthgate.certificates.x509.leaf import pem_of
from hearthgate.certificates.x509.sign import DEFAULT_DURATION, Terms, self_sign, sign
from hearthgate.resources.certmanager import CertificateRequest
from hearthgate.resources.certmanager.issuer import CAIssuer, SelfSignedIssuer
from hearthgate.resources.core import Secret
from hearthgate.resources.walk import Mistake

KEY_ANNOTATION = "cert-manager.io/private-key-secret-name"


def facts_of(request: CertificateRequest) -> RequestFacts | Failed:
    """What its CSR says."""
    try:
        pem = base64.b64decode(request.spec.request, validate=True)
    except (binascii.Error, ValueError):
        return Failed("RequestParsingError", "spec.request is not base64")
    found = parse_request(pem)
    if isinstance(found, Mistake):
        return Failed("RequestParsingError", f"spec.request: {found.message}")
    return found


def sign_by_ca(
    request: CertificateRequest, issuer: CAIssuer, secret: Secret | None, namespace: str, now: datetime
) -> Verdict:
    """secret: with the key pair, in `namespace`; None: there is none."""
    facts = facts_of(request)
    if isinstance(facts, Failed):
        return facts
    pair = signing_pair(secret, namespace, issuer.secret_name, now)
    if isinstance(pair, Unusable):
        return Pending("SecretMissing" if pair.missing else "SecretInvalidData", pair.message)
    terms = _terms(request)._replace(
        crl_distribution_points=issuer.crl_distribution_points,
        ocsp_servers=issuer.ocsp_servers,
        issuing_certificate_urls=issuer.issuing_certificate_urls,
    )
    try:
        leaf = sign(facts, terms, pair.ca, now)
    except ValueError as error:
        return Failed("SigningError", f"the CA cannot sign this request: {error}")
    chain = pair.chain.certificates
    warning = None
    if leaf.not_valid_after_utc < now + terms.duration:
        ends = f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        warning = ("CAEndsFirst", f"valid until {ends} only, when the certificate of the CA ends: renew the CA")
    return Issued(pem_of(strip_root((leaf, *chain))), pem_of(chain[-1:]), warning)


def self_signed(
    request: CertificateRequest, issuer: SelfSignedIssuer, secret: Secret | None, now: datetime
) -> Verdict:
    """secret: with the private key, as the annotation names it; None: there is none."""
    name = request.metadata.annotations.get(KEY_ANNOTATION, "")
    if not name:
        return Failed("MissingAnnotation", f"without the annotation {KEY_ANNOTATION} there is no key to sign with")
    where = f"Secret {request.metadata.namespace}/{name}"
    value = None if secret is None else secret.value(DEFAULT_KEY)
    if value is None:
        what = "does not exist" if secret is None else f"has no {DEFAULT_KEY}"
        return Pending("SecretMissing", f"{where} with the private key of the request {what}")
    facts = facts_of(request)
    if isinstance(facts, Failed):
        return facts
    try:
        key = parse_key(value.reveal())
    except KeyProblem as error:
        return Pending("ErrorParsingKey", f"{where}: {DEFAULT_KEY}: {error}")
    if not same_public_key(facts.public_key, key):
        return Failed("ErrorKeyMatch", f"{where} holds another key than the one that the request was made with")
    terms = _terms(request)._replace(crl_distribution_points=issuer.crl_distribution_points)
    try:
        certificate = pem_of((self_sign(facts, terms, key, now),))
    except ValueError as error:
        return Failed("SigningError", f"this request cannot be signed by its own key: {error}")
    warning = None
    if not facts.subject.rdns:
        message = "the certificate has no subject, so that its issuer is empty too, which RFC 5280 forbids"
        warning = ("BadConfig", f"{message}: set commonName or subject")
    return Issued(certificate, certificate, warning)


def _terms(request: CertificateRequest) -> Terms:
    spec = request.spec
    duration = span(spec.duration) if spec.duration else DEFAULT_DURATION
    return Terms(usages=spec.usages, is_ca=spec.is_ca, duration=duration)
