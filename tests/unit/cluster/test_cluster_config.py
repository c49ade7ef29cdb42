"""Kubeconfig files and the service account of a pod."""

import base64
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hearthgate.cluster.config import ClientConfig, find_config, from_files
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

TOKEN = "very-private-token"


def certificate() -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), pem


CERTIFICATE, KEY = certificate()


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()


def write(
    path: Path, *, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, name: str = "x"
) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "n"}}],
        "clusters": [{"name": name, "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
    }
    path.write_bytes(msgspec.yaml.encode(content))
    return path


def token_of(config: ClientConfig) -> bytes:
    value = config.token.value()
    return b"" if value is None else value.reveal()


def test_embedded_data_and_token(tmp_path: Path) -> None:
    path = write(
        tmp_path / "config",
        cluster={"certificate-authority-data": data(CERTIFICATE), "tls-server-name": "kube"},
        user={"token": TOKEN, "client-certificate-data": data(CERTIFICATE), "client-key-data": data(KEY)},
    )
    config = from_files([path])
    assert config.server == "https://10.0.0.1:6443"
    assert config.server_hostname == "kube"
    assert token_of(config) == TOKEN.encode()
    assert config.tls is not None
    assert config.tls.verify_mode is ssl.CERT_REQUIRED
    assert len(config.tls.get_ca_certs()) == 1
    assert TOKEN not in repr(config)


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(CERTIFICATE)
    (tmp_path / "tls.crt").write_bytes(CERTIFICATE)
    (tmp_path / "tls.key").write_bytes(KEY)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    path = write(
        tmp_path / "config",
        cluster={"certificate-authority": "ca.crt"},
        user={"tokenFile": "token", "client-certificate": "tls.crt", "client-key": "tls.key"},
    )
    config = from_files([path])
    assert config.tls is not None
    assert len(config.tls.get_ca_certs()) == 1
    assert token_of(config) == TOKEN.encode()
    assert not config.token.renew()
    (tmp_path / "token").write_text("renewed")
    assert config.token.renew()
    assert config.token.value() == SecretBytes(b"renewed")


def test_insecure_only_when_told(tmp_path: Path) -> None:
    path = write(tmp_path / "config", cluster={"insecure-skip-tls-verify": True})
    config = from_files([path])
    assert config.tls is not None
    assert config.tls.verify_mode is ssl.CERT_NONE


def test_first_file_wins_and_contexts_are_chosen_by_name(tmp_path: Path) -> None:
    one = write(tmp_path / "one", cluster={"server": "https://one"}, name="one")
    two = write(tmp_path / "two", cluster={"server": "https://two"}, name="two")
    env = {"KUBECONFIG": f"{one}:{tmp_path / 'none'}:{two}"}
    assert find_config(kubeconfig=None, context=None, env=env, home=tmp_path).server == "https://one"
    assert find_config(kubeconfig=None, context="two", env=env, home=tmp_path).server == "https://two"
    assert find_config(kubeconfig=two, context=None, env=env, home=tmp_path).server == "https://two"


def test_pod_is_the_last_resort(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(CERTIFICATE)
    (tmp_path / "token").write_text(TOKEN)
    env = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    config = find_config(kubeconfig=None, context=None, env=env, home=tmp_path, pod=tmp_path)
    assert config.server == "https://[fd00::1]:6443"
    assert token_of(config) == TOKEN.encode()
    with pytest.raises(Permanent, match="give --kubeconfig"):
        find_config(kubeconfig=None, context=None, env={}, home=tmp_path, pod=tmp_path)


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({}, {"exec": {"command": "aws", "env": [{"name": "K", "value": TOKEN}]}}, "an exec plugin"),
        ({}, {"auth-provider": {"name": "oidc", "config": {"id-token": TOKEN}}}, "an auth-provider"),
        ({}, {"username": "me", "password": TOKEN}, "a user name and password"),
        ({}, {"as": "admin", "token": TOKEN}, "impersonation"),
        ({"proxy-url": "http://proxy"}, {}, "proxy-url is not supported"),
        ({"server": "http://10.0.0.1"}, {"token": TOKEN}, "unencrypted"),
        ({"server": "10.0.0.1:6443"}, {}, "not an http or https URL"),
        ({"certificate-authority-data": "%%%"}, {}, "certificate-authority-data is not base64"),
        ({"certificate-authority-data": data(b"junk")}, {}, "certificate authority cannot be used"),
        ({"certificate-authority": "none.crt"}, {}, "certificate authority cannot be used"),
        ({}, {"client-certificate-data": data(CERTIFICATE)}, "needs both"),
        ({}, {"client-certificate-data": data(CERTIFICATE), "client-key-data": data(b"junk")}, "cannot be used"),
        ({}, {"client-certificate": "none.crt", "client-key": "none.key"}, "client-certificate .*none.crt"),
        ({}, {"token": [TOKEN]}, "Expected `str`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_by_name(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], message: str
) -> None:
    with pytest.raises(Permanent, match=message) as caught:
        from_files([write(tmp_path / "config", cluster=cluster, user=user)])
    assert TOKEN not in str(caught.value)


def test_broken_yaml_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"users: [{{user: {{token: {TOKEN}")
    with pytest.raises(Permanent, match="not valid YAML") as caught:
        from_files([path])
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


def test_unknown_context_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"no context 'homelap' \(did you mean 'homelab'\?\)"):
        from_files([write(tmp_path / "config", name="homelab")], "homelap")
