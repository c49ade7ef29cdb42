"""The certificate of TLS-ALPN-01: what RFC 8737 asks for, and nothing that comes by chance."""

import hashlib
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hearthgate.ingress.proofs.certificate import IDENTIFIER, proof_pair, server_name
from hearthgate.ingress.routing.model import Proof, ProofKind


def proof(host: str, key: str = "token.thumb") -> Proof:
    return Proof(kind=ProofKind.TLS_ALPN, host=host, token="token", key_authorization=key)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a.test", "a.test"),
        ("192.0.2.7", "7.2.0.192.in-addr.arpa"),
        ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_name_that_the_ca_asks_for(host: str, name: str) -> None:
    assert server_name(proof(host)) == name


def test_certificate_is_good_for_its_key_and_says_the_digest() -> None:
    pair = proof_pair(proof("a.test"))
    certificate = x509.load_pem_x509_certificate(pair.chain)
    key = load_pem_private_key(pair.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(certificate)
    identifier = certificate.extensions.get_extension_for_oid(IDENTIFIER)
    assert identifier.critical
    digest = hashlib.sha256(b"token.thumb").digest()
    assert identifier.value.public_bytes() == b"\x04\x20" + digest
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("a.test")]
    assert certificate.not_valid_before_utc.year < 2026 < 9000 < certificate.not_valid_after_utc.year


def test_equal_proofs_give_equal_certificates() -> None:
    assert proof_pair(proof("a.test")) == proof_pair(proof("a.test"))
    others = {proof_pair(proof("a.test")), proof_pair(proof("b.test")), proof_pair(proof("a.test", "token.other"))}
    assert len(others) == 3
    assert ssl.PEM_cert_to_DER_cert(proof_pair(proof("a.test")).chain.decode())
