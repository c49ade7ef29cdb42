"""Private keys: made, written, read, compared."""

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from hearthgate.certificates.x509.keys import (
    KeyProblem,
    PrivateKeySpec,
    encode_key,
    fits,
    generate,
    parse_key,
    same_public_key,
)
from hearthgate.resources.certmanager.certificate import PrivateKey
from tests.certificate_samples import key_of

KINDS = [("RSA", 2048), ("ECDSA", 256), ("ECDSA", 384), ("ECDSA", 521), ("Ed25519", 0)]
HEADS = {
    ("RSA", "PKCS1"): b"RSA PRIVATE KEY",
    ("ECDSA", "PKCS1"): b"EC PRIVATE KEY",
    ("Ed25519", "PKCS1"): b"PRIVATE KEY",
}


@pytest.mark.parametrize("encoding", ["PKCS1", "PKCS8"])
@pytest.mark.parametrize(("algorithm", "size"), KINDS)
def test_a_key_is_read_as_it_was_written(algorithm: str, size: int, encoding: str) -> None:
    key = key_of(algorithm, size)
    pem = encode_key(key, encoding)
    head = HEADS.get((algorithm, encoding), b"PRIVATE KEY")
    assert pem.startswith(b"-----BEGIN " + head + b"-----\n")
    again = parse_key(pem)
    assert same_public_key(again, key)
    assert same_public_key(again.public_key(), key)
    assert fits(again, PrivateKeySpec(algorithm, size)) is None


DEFAULTS: dict[str, tuple[PrivateKey | None, PrivateKeySpec]] = {
    "nothing": (None, PrivateKeySpec("RSA", 2048, "PKCS1")),
    "empty words": (PrivateKey(algorithm="", encoding=""), PrivateKeySpec("RSA", 2048, "PKCS1")),
    "ECDSA": (PrivateKey(algorithm="ECDSA"), PrivateKeySpec("ECDSA", 256, "PKCS1")),
    "a size of Ed25519": (PrivateKey(algorithm="Ed25519", size=9), PrivateKeySpec("Ed25519", 0, "PKCS1")),
    "all": (PrivateKey(algorithm="RSA", size=4096, encoding="PKCS8"), PrivateKeySpec("RSA", 4096, "PKCS8")),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_filled_in(name: str) -> None:
    asked, expected = DEFAULTS[name]
    assert PrivateKeySpec.of(asked) == expected


def test_a_key_of_another_kind_does_not_fit() -> None:
    said = fits(key_of("ECDSA", 256), PrivateKeySpec("ECDSA", 384))
    assert said == "the private key is ECDSA 256, not ECDSA 384"
    assert fits(key_of("ECDSA", 256), PrivateKeySpec("RSA", 2048)) is not None
    assert not same_public_key(key_of("ECDSA", 256), key_of("ECDSA", 256, 1))


@pytest.mark.parametrize("spec", [("RSA", 1024), ("RSA", 8193), ("ECDSA", 255), ("DSA", 1024)])
def test_other_sizes_are_refused(spec: tuple[str, int]) -> None:
    with pytest.raises(KeyProblem):
        generate(PrivateKeySpec(*spec))


def _pem(encrypted: bool = False, foreign: bool = False) -> bytes:
    key = dsa.generate_private_key(1024) if foreign else key_of()
    encryption = BestAvailableEncryption(b"secret") if encrypted else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _damaged() -> bytes:
    """RSA with other exponents. With one of them alone OpenSSL finds a way to sign all the same."""
    key = key_of("RSA", 2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    whole = key.private_numbers()
    numbers = rsa.RSAPrivateNumbers(
        whole.p, whole.q, whole.d ^ 2, whole.dmp1 ^ 2, whole.dmq1, whole.iqmp, whole.public_numbers
    )
    damaged = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return damaged.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


BAD = {
    "damaged": (_damaged(), "damaged"),
    "empty": (b"", "PEM"),
    "text": (b"hello", "PEM"),
    "encrypted": (_pem(encrypted=True), "passphrase"),
    "another algorithm": (_pem(foreign=True), "neither RSA"),
    "cut": (_pem()[:100], "PEM"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_key_is_told_without_its_content(name: str) -> None:
    pem, words = BAD[name]
    with pytest.raises(KeyProblem, match=words) as caught:
        parse_key(pem)
    middle = pem.decode().splitlines()[1:2]
    assert not any(line in str(caught.value) for line in middle)
