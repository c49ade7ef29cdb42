"""Keys of ACME accounts: RSA (RS256) and ECDSA on P-256 and P-384 (ES256, ES384).

cert-manager takes RSA keys only; existing Secrets with such a key go on working, new keys are ECDSA.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hearthgate.certificates.acme import base64url
from hearthgate.model.errors import Permanent

Algorithm = Literal["ECDSA", "RSA"]
_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_CURVES: Final[Mapping[str, tuple[str, str, int, hashes.HashAlgorithm]]] = {
    "secp256r1": ("ES256", "P-256", 32, hashes.SHA256()),
    "secp384r1": ("ES384", "P-384", 48, hashes.SHA384()),
}
"""By the name that the library has for a curve: algorithm, JOSE's name, bytes of a coordinate, digest."""
_SMALLEST_RSA: Final = 2048


class BadKey(Permanent):
    """A key that no account can have. The message holds nothing of it."""


class AccountKey:
    """A private key that signs requests. Its `repr` shows the thumbprint of the public half."""

    def __init__(self, private: _PrivateKey) -> None:
        """Raises BadKey."""
        self._private = private
        if isinstance(private, rsa.RSAPrivateKey):
            if private.key_size < _SMALLEST_RSA:
                raise BadKey(f"an RSA key of {private.key_size} bits is too short: use {_SMALLEST_RSA} or more")
            public = private.public_key().public_numbers()
            self.algorithm = "RS256"
            self.jwk: Mapping[str, str] = {
                "e": base64url.number(public.e),
                "kty": "RSA",
                "n": base64url.number(public.n),
            }
        else:
            if private.curve.name not in _CURVES:
                raise BadKey(f"an ECDSA key on {private.curve.name} is not accepted by CAs: use P-256 or P-384")
            self.algorithm, curve, size, self._digest = _CURVES[private.curve.name]
            point = private.public_key().public_numbers()
            self._size = size
            self.jwk = {
                "crv": curve,
                "kty": "EC",
                "x": base64url.number(point.x, size),
                "y": base64url.number(point.y, size),
            }
        self.thumbprint = base64url.encode(hashlib.sha256(canonical(self.jwk)).digest())

    @classmethod
    def generate(cls, algorithm: Algorithm = "ECDSA") -> "AccountKey":
        """ECDSA on P-256, or RSA of 2048 bits for CAs that take nothing else."""
        if algorithm == "RSA":
            return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def parse(cls, pem: bytes) -> "AccountKey":
        """From PEM: PKCS#1, SEC 1 or PKCS#8, without a password. Raises BadKey."""
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except TypeError:
            raise BadKey("the key is encrypted: store it without a password") from None
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey("it is not a private key in PEM") from None
        if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise BadKey(f"accounts have RSA or ECDSA keys, not {type(private).__name__}")
        return cls(private)

    def to_pem(self) -> bytes:
        """As cert-manager writes account keys: PKCS#1 or SEC 1."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )

    def hash(self) -> str:
        """What `status.acme.lastPrivateKeyHash` of an issuer holds: for RSA the same as cert-manager computes."""
        der = self._private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        return base64.b64encode(hashlib.sha256(der).digest()).decode("ascii")

    def sign(self, content: bytes) -> bytes:
        """A signature as JOSE has it (RFC 7518): of ECDSA both numbers at full length, one after the other."""
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(content, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self._private.sign(content, ec.ECDSA(self._digest)))
        return r.to_bytes(self._size, "big") + s.to_bytes(self._size, "big")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccountKey) and self.thumbprint == other.thumbprint

    def __hash__(self) -> int:
        return hash(self.thumbprint)

    def __repr__(self) -> str:
        return f"AccountKey({self.algorithm}, {self.thumbprint})"


def canonical(jwk: Mapping[str, str]) -> bytes:
    """What RFC 7638 digests: sorted members, no white space."""
    return json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode("ascii")
