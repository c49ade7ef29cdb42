"""Account keys and what they sign, by the examples of RFC 7515 and RFC 7638."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from hearthgate.certificates.acme import base64url, jws
from hearthgate.certificates.acme.account_key import AccountKey, BadKey, canonical
from hearthgate.certificates.acme.proofs import alpn_digest, dns_value, key_authorization

# RFC 7515, appendix A.2
MODULUS = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS"
    "-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2"
    "CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9"
    "gb54h4FRWyuXpoQ"
)
EXPONENT = (
    "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO"
    "-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBj"
    "udU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU9"
    "1p1DhOVRuOopznQ"
)
SIGNED = (
    "eyJhbGciOiJSUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUA"
    "r7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO-"
    "-xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
    "IoypGlUPQGe77Rw"
)
# RFC 7515, appendix A.3
CURVE_KEY = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
CURVE_X, CURVE_Y = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
# RFC 7638, section 3.1
THUMBED = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF"
    "V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd"
    "AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
    "kEgU8awapJzKnqDKgw",
    "e": "AQAB",
}
URL = "https://ca.example/acme/new-order"


def number(text: str) -> int:
    return int.from_bytes(base64url.decode(text), "big")


def example_rsa() -> rsa.RSAPrivateKey:
    n, e, d = number(MODULUS), 65537, number(EXPONENT)
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    parts = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    return rsa.RSAPrivateNumbers(p, q, d, *parts, rsa.RSAPublicNumbers(e, n)).private_key()


def pem(private: Any, form: serialization.PrivateFormat, password: bytes | None = None) -> bytes:
    closing = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    content: bytes = private.private_bytes(serialization.Encoding.PEM, form, closing)
    return content


def test_rs256() -> None:
    key = AccountKey(example_rsa())
    assert key.algorithm == "RS256"
    assert base64url.encode(key.sign(SIGNED.encode())) == SIGNATURE
    assert dict(key.jwk) == {"kty": "RSA", "n": MODULUS, "e": "AQAB"}


def test_es256() -> None:
    private = ec.derive_private_key(number(CURVE_KEY), ec.SECP256R1())
    key = AccountKey(private)
    assert dict(key.jwk) == {"kty": "EC", "crv": "P-256", "x": CURVE_X, "y": CURVE_Y}
    signature = key.sign(b"content")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    private.public_key().verify(encode_dss_signature(r, s), b"content", ec.ECDSA(hashes.SHA256()))


def test_es384() -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    key = AccountKey(private)
    signature = key.sign(b"content")
    assert (key.algorithm, key.jwk["crv"], len(signature)) == ("ES384", "P-384", 96)
    r, s = (int.from_bytes(half, "big") for half in (signature[:48], signature[48:]))
    private.public_key().verify(encode_dss_signature(r, s), b"content", ec.ECDSA(hashes.SHA384()))


def test_coordinates_have_full_length() -> None:
    """Of one key in 256 the first byte of x is zero."""
    small = next(
        private
        for scalar in range(1, 5000)
        if (private := ec.derive_private_key(scalar, ec.SECP256R1())).public_key().public_numbers().x < 1 << 248
    )
    assert len(base64url.decode(AccountKey(small).jwk["x"])) == 32


def test_thumbprint() -> None:
    digest = hashlib.sha256(canonical(THUMBED)).digest()
    assert base64url.encode(digest) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_proofs() -> None:
    key = AccountKey(example_rsa())
    text = key_authorization("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", key)
    assert text == f"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.{key.thumbprint}"
    assert alpn_digest(text) == hashlib.sha256(text.encode()).digest()
    assert base64url.decode(dns_value(text)) == alpn_digest(text)


@pytest.mark.parametrize(
    "private", [example_rsa(), ec.derive_private_key(7, ec.SECP384R1())], ids=["RSA", "ECDSA on P-384"]
)
@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8]
)
def test_a_key_is_read_and_written(private: Any, form: serialization.PrivateFormat) -> None:
    key = AccountKey.parse(pem(private, form))
    assert key == AccountKey(private)
    assert AccountKey.parse(key.to_pem()) == key
    assert key.hash() == AccountKey(private).hash()
    assert repr(key) == f"AccountKey({key.algorithm}, {key.thumbprint})"


def test_the_hash_of_an_rsa_key_is_upstreams() -> None:
    """SHA-256 of the PKCS#1 bytes, in padded base64: `status.acme.lastPrivateKeyHash` of an adopted issuer."""
    der = example_rsa().private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    wanted = hashlib.sha256(der).digest()
    assert AccountKey(example_rsa()).hash().replace("+", "-").replace("/", "_").rstrip("=") == base64url.encode(
        wanted
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a private key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a private key"),
        (pem(ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.PKCS8), "Ed25519"),
        (pem(dsa.generate_private_key(1024), serialization.PrivateFormat.PKCS8), "DSA"),
        (pem(ec.derive_private_key(7, ec.SECP521R1()), serialization.PrivateFormat.PKCS8), "secp521r1"),
        (pem(rsa.generate_private_key(65537, 1024), serialization.PrivateFormat.PKCS8), "1024 bits"),
        (pem(ec.derive_private_key(7, ec.SECP256R1()), serialization.PrivateFormat.PKCS8, b"pass"), "encrypted"),
    ],
    ids=["nothing", "certificate", "Ed25519", "DSA", "P-521", "short RSA", "encrypted"],
)
def test_keys_that_no_account_has(content: bytes, words: str) -> None:
    with pytest.raises(BadKey, match=words):
        AccountKey.parse(content)


def opened(body: bytes) -> tuple[dict[str, Any], str, bytes, str]:
    parts = json.loads(body)
    header = json.loads(base64url.decode(parts["protected"]))
    return (
        header,
        parts["payload"],
        base64url.decode(parts["signature"]),
        f"{parts['protected']}.{parts['payload']}",
    )


def test_a_request_with_the_key() -> None:
    key = AccountKey(example_rsa())
    header, payload, signature, signed = opened(jws.sign(key, {"a": 1}, url=URL, nonce="n1"))
    assert header == {"alg": "RS256", "nonce": "n1", "url": URL, "jwk": dict(key.jwk)}
    assert json.loads(base64url.decode(payload)) == {"a": 1}
    example_rsa().public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_request_of_an_account() -> None:
    header, payload, _, _ = opened(
        jws.sign(AccountKey.generate(), None, url=URL, nonce="n1", account="https://ca.example/acct/1")
    )
    assert header == {"alg": "ES256", "nonce": "n1", "url": URL, "kid": "https://ca.example/acct/1"}
    assert payload == ""


def test_an_external_account_is_bound() -> None:
    key = AccountKey.generate()
    binding = jws.ExternalBinding.parse("kid-1", b" AAECAwQFBgcICQoLDA0ODw==\n")
    signed = binding.sign(key, URL)
    header, payload, signature, content = opened(json.dumps(signed).encode())
    assert header == {"alg": "HS256", "kid": "kid-1", "url": URL}
    assert json.loads(base64url.decode(payload)) == dict(key.jwk)
    assert signature == hmac.digest(bytes(range(16)), content.encode(), hashlib.sha256)
    assert "AAEC" not in repr(binding)


@pytest.mark.parametrize("secret", [b"", b"a+b/", b"abcde", b"\xff"], ids=["empty", "base64", "length", "bytes"])
def test_mac_keys_that_are_none(secret: bytes) -> None:
    with pytest.raises(BadKey, match="kid-1") as raised:
        jws.ExternalBinding.parse("kid-1", secret)
    assert not secret or secret.decode("latin-1") not in str(raised.value)
