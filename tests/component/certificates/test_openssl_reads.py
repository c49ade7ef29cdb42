"""What is made here is what OpenSSL takes it for: requests, chains, keys and PKCS #12 files."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from hearthgate.certificates.secrets.contents import literal_passwords, secret_data
from hearthgate.certificates.x509.csr import request_of
from hearthgate.certificates.x509.keys import Key, encode_key
from hearthgate.certificates.x509.leaf import pem_of
from hearthgate.certificates.x509.sign import CA
from hearthgate.resources.certmanager import Certificate
from tests.certificate_samples import NOW, authority, certificate, key_of, signed

KEYS = [("RSA", 2048), ("ECDSA", 256), ("ECDSA", 384), ("ECDSA", 521), ("Ed25519", 0)]
NAMES: dict[str, Any] = {
    "commonName": "web.test",
    "dnsNames": ["web.test", "*.web.test"],
    "ipAddresses": ["192.0.2.1", "2001:db8::1"],
    "uris": ["spiffe://web.test/a"],
    "emailAddresses": ["me@web.test"],
    "otherNames": [{"oid": "1.3.6.1.4.1.311.20.2.3", "utf8Value": "user@web.test"}],
    "subject": {"organizations": ["One", "Two"], "countries": ["DE"], "serialNumber": "7"},
    "usages": ["digital signature", "server auth", "timestamping"],
}


def openssl(*arguments: str | Path) -> str:
    """What it says. Asserts that it is content."""
    run = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def asked(algorithm: str, size: int, **spec: Any) -> tuple[Certificate, Key]:
    return certificate(privateKey={"algorithm": algorithm, "size": size}, **spec), key_of(algorithm, size)


@pytest.mark.parametrize(("algorithm", "size"), KEYS)
def test_requests(tmp_path: Path, algorithm: str, size: int) -> None:
    made, key = asked(algorithm, size, **NAMES)
    request = request_of(made.spec, key)
    assert isinstance(request, bytes)
    (tmp_path / "csr").write_bytes(request)
    said = openssl("req", "-in", tmp_path / "csr", "-noout", "-text", "-verify", "-nameopt", "RFC2253")
    assert "verify OK" in said
    assert "serialNumber=7,CN=web.test,O=Two+O=One,C=DE" in said
    for name in ("DNS:*.web.test", "IP Address:192.0.2.1", "IP Address:2001:DB8:0:0:0:0:0:1", "email:me@web.test"):
        assert name in said
    assert "UPN::user@web.test" in said
    assert "Digital Signature" in said
    assert "TLS Web Server Authentication, Time Stamping" in said


def test_chains(tmp_path: Path) -> None:
    middle = authority("intermediate", above=authority())
    leaf = signed(certificate(), key_of(), ca=middle)
    for name, held in (("leaf", leaf), ("middle", middle.certificate), ("root", authority().certificate)):
        (tmp_path / name).write_bytes(pem_of((held,)))
    moment = str(int(NOW.timestamp()))
    said = openssl(
        *("verify", "-x509_strict", "-purpose", "sslserver", "-attime", moment, "-verify_hostname", "web.test"),
        *("-CAfile", tmp_path / "root", "-untrusted", tmp_path / "middle", tmp_path / "leaf"),
    )
    assert said.strip().endswith("OK")


def test_constraints_of_a_ca_count(tmp_path: Path) -> None:
    made = certificate(isCA=True, commonName="ca", nameConstraints={"permitted": {"dnsDomains": ["home.test"]}})
    narrow = CA(signed(made, key_of(number=3)), key_of(number=3))
    for host in ("a.home.test", "a.other.test"):
        leaf = signed(certificate(dnsNames=[host]), key_of(), ca=narrow)
        for name, held in (("leaf", leaf), ("ca", narrow.certificate), ("root", authority().certificate)):
            (tmp_path / name).write_bytes(pem_of((held,)))
        verify: list[str | Path] = [
            *("openssl", "verify", "-attime", str(int(NOW.timestamp())), "-CAfile", tmp_path / "root"),
            *("-untrusted", tmp_path / "ca", tmp_path / "leaf"),
        ]
        run = subprocess.run(verify, capture_output=True, text=True, check=False)
        assert (run.returncode == 0) is (host == "a.home.test"), run.stderr
        assert run.returncode == 0 or "permitted subtree violation" in run.stderr


@pytest.mark.parametrize("encoding", ["PKCS1", "PKCS8"])
@pytest.mark.parametrize(("algorithm", "size"), KEYS)
def test_keys(tmp_path: Path, algorithm: str, size: int, encoding: str) -> None:
    (tmp_path / "key").write_bytes(encode_key(key_of(algorithm, size), encoding))
    assert "Private-Key" in openssl("pkey", "-in", tmp_path / "key", "-noout", "-text", "-check")


PROFILES = {
    "": "pbeWithSHA1And3-KeyTripleDES-CBC",
    "LegacyDES": "pbeWithSHA1And3-KeyTripleDES-CBC",
    "Modern2023": "PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256",
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("algorithm", "size"), KEYS)
def test_pkcs12(tmp_path: Path, algorithm: str, size: int, profile: str) -> None:
    store = {"create": True, "password": "hush", "profile": profile}
    made, key = asked(algorithm, size, commonName="web.test", keystores={"pkcs12": store})
    middle = authority("intermediate", above=authority())
    chain = pem_of((signed(made, key, ca=middle), middle.certificate, authority().certificate))
    root = pem_of((authority().certificate,))
    data = secret_data(made.spec, encode_key(key), chain, root, literal_passwords(made.spec))
    for name in ("keystore.p12", "truststore.p12"):
        (tmp_path / name).write_bytes(data[name])
    opened = ("-passin", "pass:hush", "-nodes", "-info")
    said = openssl("pkcs12", "-in", tmp_path / "keystore.p12", *opened)
    assert PROFILES[profile] in said
    assert [line.split("CN = ")[1] for line in said.splitlines() if line.startswith("subject=")] == [
        "web.test",
        "intermediate",
        "authority",
    ]
    trust = openssl("pkcs12", "-in", tmp_path / "truststore.p12", *opened)
    assert "subject=CN = authority" in trust
    assert "PRIVATE KEY" not in trust
