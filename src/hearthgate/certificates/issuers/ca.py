"""CA issuers: the key pair that signs. Pure."""

from datetime import datetime
from typing import NamedTuple

from hearthgate.certificates.issuers.outcome import Outcome, not_ready, ready
from hearthgate.certificates.x509.chains import ordered
from hearthgate.certificates.x509.keys import KeyProblem, parse_key, same_public_key
from hearthgate.certificates.x509.leaf import CertificateProblem, Chain, parse_chain
from hearthgate.certificates.x509.sign import CA, why_no_ca
from hearthgate.resources.core import Secret

CERTIFICATE, KEY = "tls.crt", "tls.key"


class SigningPair(NamedTuple):
    """chain: the CA's certificate first, then those above it."""

    ca: CA
    chain: Chain


class Unusable(NamedTuple):
    """missing: whether something is not there, rather than wrong. message: what, and the way out."""

    missing: bool
    message: str


def signing_pair(secret: Secret | None, namespace: str, name: str, now: datetime) -> SigningPair | Unusable:
    """The pair in a Secret, when it may sign now. namespace, name: of the Secret, which may not exist."""
    where = f"Secret {namespace}/{name}"
    if secret is None:
        return Unusable(True, f"{where} does not exist: create it with {CERTIFICATE} and {KEY} of your CA")
    certificate, key = secret.value(CERTIFICATE), secret.value(KEY)
    for found, field in ((certificate, CERTIFICATE), (key, KEY)):
        if not found:
            return Unusable(True, f"{where} has no {field}: it must hold {CERTIFICATE} and {KEY} of your CA")
    assert certificate is not None and key is not None  # noqa: S101, PT018 - both were looked at
    try:
        chain, private = parse_chain(certificate.reveal()), parse_key(key.reveal())
    except (CertificateProblem, KeyProblem) as error:
        field = CERTIFICATE if isinstance(error, CertificateProblem) else KEY
        return Unusable(False, f"{where}: {field}: {error}")
    if not same_public_key(chain.leaf.public_key, private):
        return Unusable(False, f"{where}: {KEY} does not belong to the first certificate of {CERTIFICATE}")
    if (why := why_no_ca(chain.certificates[0])) is not None:
        return Unusable(False, f"{where}: {why}")
    if chain.leaf.not_after <= now:
        return Unusable(False, f"{where}: the CA ended at {chain.leaf.not_after:%Y-%m-%dT%H:%M:%SZ}: renew it")
    return SigningPair(CA(chain.certificates[0], private), Chain(chain.leaf, ordered(chain.certificates)))


def judge_ca(secret: Secret | None, namespace: str, name: str, now: datetime) -> Outcome:
    found = signing_pair(secret, namespace, name, now)
    if isinstance(found, Unusable):
        return not_ready("ErrGetKeyPair" if found.missing else "ErrInvalidKeyPair", found.message)
    ends = found.chain.leaf.not_after
    message = f"the key pair in Secret {namespace}/{name} may sign, until {ends:%Y-%m-%dT%H:%M:%SZ}"
    return ready("KeyPairVerified", message, event="KeyPairVerified", again=(ends - now).total_seconds())
