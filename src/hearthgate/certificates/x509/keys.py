"""Private keys: what a Certificate asks for, made, written as PEM, read back and compared."""

from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.certificate import PrivateKey

Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

DEFAULT_SIZE: Final = {"RSA": 2048, "ECDSA": 256, "Ed25519": 0}
RSA_SIZES: Final = range(2048, 8193)
CURVES: Final[dict[int, ec.EllipticCurve]] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
_EXPONENT: Final = 65537


class KeyProblem(ValueError):
    """Why bytes are no private key. The words never hold a part of them."""


class PrivateKeySpec(NamedTuple):
    """What a Certificate asks for, with the defaults filled in. size: bits; 0 for Ed25519."""

    algorithm: str = "RSA"
    size: int = 2048
    encoding: str = "PKCS1"

    @classmethod
    def of(cls, key: PrivateKey | None) -> "PrivateKeySpec":
        if key is None:
            return cls()
        algorithm = key.algorithm or "RSA"
        size = 0 if algorithm == "Ed25519" else key.size or DEFAULT_SIZE[algorithm]
        return cls(algorithm, size, key.encoding or "PKCS1")

    def __str__(self) -> str:
        return f"{self.algorithm} {self.size}" if self.size else self.algorithm


def generate(spec: PrivateKeySpec) -> Key:
    """A new key. RSA of 4096 bits takes about a second: not for the event loop. Raises KeyProblem for a size that
    admission refuses."""
    match spec.algorithm:
        case "RSA" if spec.size in RSA_SIZES:
            return rsa.generate_private_key(_EXPONENT, spec.size)
        case "ECDSA" if spec.size in CURVES:
            return ec.generate_private_key(CURVES[spec.size])
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
    raise KeyProblem(f"there are no keys of {spec} (RSA has 2048 to 8192 bits, ECDSA 256, 384 or 521)")


def parse_key(pem: bytes) -> Key:
    """Raises KeyProblem: not PEM, encrypted, or of an algorithm that certificates are not made with."""
    return _parse(SecretBytes(pem))


@lru_cache(maxsize=4096)
def _parse(pem: SecretBytes) -> Key:
    """Kept, because a reconciler looks at every Secret again and again."""
    try:
        # Whether RSA's numbers are primes is not asked: that takes 25 ms, 190 ms with 4096 bits.
        key = load_pem_private_key(pem.reveal(), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise KeyProblem("the private key is encrypted (store it without a passphrase)") from None
    except UnsupportedAlgorithm:
        raise KeyProblem("the private key is of an algorithm that is not known here") from None
    except ValueError:
        raise KeyProblem("not a private key in PEM") from None
    if isinstance(key, rsa.RSAPrivateKey) and not _works(key):
        raise KeyProblem("the private key is damaged: what it signs does not fit its own public key")
    if isinstance(key, Key):
        return key
    raise KeyProblem("the private key is neither RSA nor ECDSA nor Ed25519")


def _works(key: rsa.RSAPrivateKey) -> bool:
    """Whether its private and its public half belong together: in half a millisecond."""
    try:
        signature = key.sign(b"", padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signature, b"", padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def encode_key(key: Key, encoding: str = "PKCS1") -> bytes:
    """PEM. PKCS1 means the old form of each algorithm; Ed25519 has PKCS8 alone."""
    old = encoding == "PKCS1" and not isinstance(key, ed25519.Ed25519PrivateKey)
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL if old else PrivateFormat.PKCS8, NoEncryption()
    )


def fits(key: Key, spec: PrivateKeySpec) -> str | None:
    """Why the key is not what is asked for; None when it is. The encoding does not count."""
    found = spec_of(key)
    if (found.algorithm, found.size) == (spec.algorithm, spec.size):
        return None
    return f"the private key is {found}, not {spec}"


def spec_of(key: Key) -> PrivateKeySpec:
    match key:
        case rsa.RSAPrivateKey():
            return PrivateKeySpec("RSA", key.key_size)
        case ec.EllipticCurvePrivateKey():
            return PrivateKeySpec("ECDSA", key.curve.key_size)
        case _:
            return PrivateKeySpec("Ed25519", 0)


def same_public_key(one: Key | PublicKeyTypes, other: Key | PublicKeyTypes) -> bool:
    """Whether both are, or belong to, the same public key."""
    return public_der(one) == public_der(other)


def public_der(key: Key | PublicKeyTypes) -> bytes:
    """SubjectPublicKeyInfo."""
    public = key.public_key() if isinstance(key, Key) else key
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
