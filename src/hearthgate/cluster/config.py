"""Where the API server is and how to prove who asks: kubeconfig files and the service account of a pod.

Reads client-go's kubeconfig format (v1 Config). What would need another program or has been taken out of
Kubernetes (exec plugins, auth providers, passwords) is refused by name instead of asked without credentials.
"""

import base64
import binascii
import os
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from hearthgate.model.errors import Permanent
from hearthgate.model.problems import did_you_mean, shorten
from hearthgate.model.secret import SecretBytes

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Token:
    """A bearer token, from memory or from a file that is renewed by others (a kubelet turns it hourly)."""

    def __init__(self, value: SecretBytes | None = None, path: Path | None = None) -> None:
        self._value = value
        self._path = path

    def value(self) -> SecretBytes | None:
        if self._value is None:
            self.renew()
        return self._value

    def renew(self) -> bool:
        """Reads the file again. True when the token is another one now, so that asking again makes sense."""
        if self._path is None:
            return False
        old = self._value
        try:
            self._value = SecretBytes(self._path.read_bytes().strip())
        except OSError as error:
            raise Permanent(f"token file {self._path}: {error.strerror}") from error
        return self._value != old

    def __bool__(self) -> bool:
        return self._value is not None or self._path is not None


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """server: base URL. tls: None for plain HTTP. server_hostname: the name to expect in the certificate."""

    server: str
    tls: ssl.SSLContext | None = None
    server_hostname: str | None = None
    token: Token = field(default_factory=Token)

    @property
    def is_loopback(self) -> bool:
        return (urlsplit(self.server).hostname or "") in {"localhost", "127.0.0.1", "::1"}


class _Entry(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """Base of the three named lists: paths in it are relative to the file that it stands in."""


class _Cluster(_Entry, frozen=True, kw_only=True):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class _User(_Entry, frozen=True, kw_only=True):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    impersonate: str = msgspec.field(default="", name="as")
    username: str = ""
    exec: Any = None
    auth_provider: Any = None

    def __repr__(self) -> str:
        return "_User(…)"


class _Context(_Entry, frozen=True, kw_only=True):
    cluster: str = ""
    user: str = ""


class _NamedCluster(msgspec.Struct, frozen=True):
    name: str
    cluster: _Cluster


class _NamedUser(msgspec.Struct, frozen=True):
    name: str
    user: _User | None = None


class _NamedContext(msgspec.Struct, frozen=True):
    name: str
    context: _Context


class _File(_Entry, frozen=True, kw_only=True):
    clusters: tuple[_NamedCluster, ...] | None = ()
    users: tuple[_NamedUser, ...] | None = ()
    contexts: tuple[_NamedContext, ...] | None = ()
    current_context: str = ""


E_ = TypeVar("E_", _Cluster, _User, _Context)
_Found = tuple[E_, Path]


def find_config(
    *,
    kubeconfig: Path | None,
    context: str | None,
    env: Mapping[str, str],
    home: Path,
    pod: Path = SERVICE_ACCOUNT,
) -> ClientConfig:
    """The configuration kubectl would use: the file that is named, else $KUBECONFIG, else ~/.kube/config, else
    the service account of the pod. Raises Permanent that says what is missing."""
    if kubeconfig is not None:
        return from_files([kubeconfig], context)
    named = [Path(part) for part in env.get("KUBECONFIG", "").split(os.pathsep) if part]
    present = [path for path in named or [home / ".kube" / "config"] if path.is_file()]
    if present:
        return from_files(present, context)
    if named:
        raise Permanent(f"KUBECONFIG: none of these files exists: {', '.join(map(str, named))}")
    if (host := env.get("KUBERNETES_SERVICE_HOST")) and (pod / "token").is_file():
        return from_pod(host, env.get("KUBERNETES_SERVICE_PORT", "443"), pod)
    raise Permanent("no API server: give --kubeconfig, or set KUBECONFIG")


def from_pod(host: str, port: str, directory: Path = SERVICE_ACCOUNT) -> ClientConfig:
    """The configuration of a process inside a pod."""
    shown = f"[{host}]" if ":" in host else host
    tls = _tls(str(directory / "ca.crt"), ca_file=directory / "ca.crt")
    return ClientConfig(server=f"https://{shown}:{port}", tls=tls, token=Token(path=directory / "token"))


def from_files(paths: Sequence[Path], context: str | None = None) -> ClientConfig:
    """The configuration of a context, of the current one when none is named. Of several files the first that
    names a thing wins, as with kubectl."""
    files = [(_read(path), path.parent) for path in paths]
    source = ", ".join(map(str, paths))
    name = context or next((file.current_context for file, _ in files if file.current_context), "")
    if not name:
        raise Permanent(f"{source}: no current-context (name one)")
    chosen, _ = _pick(
        source, "context", name, ((c.name, (c.context, at)) for f, at in files for c in f.contexts or ())
    )
    cluster, cluster_at = _pick(
        source, "cluster", chosen.cluster, ((c.name, (c.cluster, at)) for f, at in files for c in f.clusters or ())
    )
    user, user_at = _User(), Path()
    if chosen.user:
        user, user_at = _pick(
            source,
            "user",
            chosen.user,
            ((u.name, (u.user or _User(), at)) for f, at in files for u in f.users or ()),
        )
    _refuse(source, chosen.user, user, cluster)
    return _config(source, cluster, cluster_at, user, user_at)


def _read(path: Path) -> _File:
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise Permanent(f"{path}: {error.strerror}") from error
    except msgspec.ValidationError as error:
        raise Permanent(f"{path}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The parser's own words quote the line, and the line may hold a token.
        raise Permanent(f"{path}: not a kubeconfig: not valid YAML") from None


def _pick(source: str, what: str, name: str, entries: Iterable[tuple[str, _Found[E_]]]) -> _Found[E_]:
    known: dict[str, _Found[E_]] = {}
    for entry, found in entries:
        known.setdefault(entry, found)
    if name not in known:
        raise Permanent(f"{source}: no {what} {shorten(name)}{did_you_mean(name, known)}")
    return known[name]


def _refuse(source: str, name: str, user: _User, cluster: _Cluster) -> None:
    refused = {
        "an exec plugin": user.exec is not None,
        "an auth-provider": user.auth_provider is not None,
        "a user name and password": bool(user.username),
        "impersonation (as)": bool(user.impersonate),
    }
    if found := [word for word, used in refused.items() if used]:
        way_out = "use a token, a tokenFile or a client certificate"
        raise Permanent(f"{source}: user {shorten(name)} signs in with {found[0]}: not supported ({way_out})")
    if cluster.proxy_url:
        raise Permanent(f"{source}: proxy-url is not supported")


def _config(source: str, cluster: _Cluster, cluster_at: Path, user: _User, user_at: Path) -> ClientConfig:
    token = Token()
    if user.token:
        token = Token(SecretBytes(user.token.encode()))
    elif user.token_file:
        token = Token(path=user_at / user.token_file)
    url = urlsplit(cluster.server)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise Permanent(f"{source}: server {shorten(cluster.server)} is not an http or https URL")
    server = cluster.server.rstrip("/")
    if url.scheme == "http":
        config = ClientConfig(server=server, token=token)
        if token and not config.is_loopback:
            raise Permanent(f"{source}: a token would travel unencrypted to {server} (use https)")
        return config
    tls = _tls(
        source,
        ca_file=cluster_at / cluster.certificate_authority if cluster.certificate_authority else None,
        ca_data=_data(source, "certificate-authority-data", cluster.certificate_authority_data),
        insecure=cluster.insecure_skip_tls_verify,
    )
    certificate = _material(
        source, "client-certificate", user.client_certificate, user.client_certificate_data, user_at
    )
    key = _material(source, "client-key", user.client_key, user.client_key_data, user_at)
    if certificate and key:
        _load_client_certificate(source, tls, certificate, key)
    elif certificate or key:
        raise Permanent(f"{source}: a client certificate needs both client-certificate and client-key")
    return ClientConfig(server=server, tls=tls, server_hostname=cluster.tls_server_name or None, token=token)


def _tls(
    source: str, *, ca_file: Path | None = None, ca_data: bytes = b"", insecure: bool = False
) -> ssl.SSLContext:
    try:
        if ca_data:
            context = ssl.create_default_context(cadata=ca_data.decode())
        else:
            context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise Permanent(f"{source}: certificate authority cannot be used: {error}") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _data(source: str, field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Permanent(f"{source}: {field} is not base64") from None


def _material(source: str, field: str, name: str, data: str, at: Path) -> bytes:
    """The PEM bytes of a client certificate or key; embedded data wins over a file, as with kubectl."""
    if data:
        return _data(source, f"{field}-data", data)
    if not name:
        return b""
    try:
        return (at / name).read_bytes()
    except OSError as error:
        raise Permanent(f"{source}: {field} {at / name}: {error.strerror}") from error


def _load_client_certificate(source: str, tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    with _in_memory(certificate) as certificate_path, _in_memory(key) as key_path:
        try:
            # An empty password turns the prompt for an encrypted key into an error.
            tls.load_cert_chain(certificate_path, key_path, password="")
        except (OSError, ValueError) as error:
            raise Permanent(f"{source}: client certificate and key cannot be used together: {error}") from error


@contextmanager
def _in_memory(content: bytes) -> Any:
    """A path to `content` that never touches a disk: OpenSSL takes keys only by path."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
