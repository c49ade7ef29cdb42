"""Which hash a key signs with, by `signatureAlgorithm` or by the strength of the key, as upstream chooses."""

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hearthgate.certificates.x509.keys import Key

_NAMED: Final[Mapping[str, tuple[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None]]] = {
    "SHA256WithRSA": ("RSA", hashes.SHA256()),
    "SHA384WithRSA": ("RSA", hashes.SHA384()),
    "SHA512WithRSA": ("RSA", hashes.SHA512()),
    "ECDSAWithSHA256": ("ECDSA", hashes.SHA256()),
    "ECDSAWithSHA384": ("ECDSA", hashes.SHA384()),
    "ECDSAWithSHA512": ("ECDSA", hashes.SHA512()),
    "PureEd25519": ("Ed25519", None),
}

Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
"""None in its place: Ed25519 brings its own."""


def hash_for(key: Key, algorithm: str = "") -> Hash | None:
    """algorithm: `spec.signatureAlgorithm`; admission has seen that it fits the key."""
    if algorithm:
        return _NAMED[algorithm][1]
    if isinstance(key, rsa.RSAPrivateKey):
        bits = key.key_size
        return hashes.SHA256() if bits < 3072 else hashes.SHA384() if bits < 4096 else hashes.SHA512()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        bits = key.curve.key_size
        return hashes.SHA256() if bits <= 256 else hashes.SHA384() if bits <= 384 else hashes.SHA512()
    return None
