"""Kubeconfigs: what lets kubectl in, as the first administrator or as a user."""

import base64
import binascii
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from hearthgate.apiserver.access.authority import Authority, KeyPair
from hearthgate.apiserver.access.identity import ADMIN_GROUP
from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

ADMIN_USER: Final = "hearthgate-admin"
_NAME: Final = "hearthgate"


def write_kubeconfig(path: Path, url: str, authority: Authority, now: datetime) -> None:
    """Writes `path` (0600); the client certificate in it is kept as long as it is good."""
    pair = _kept(path, authority, now) or authority.client(ADMIN_USER, ADMIN_GROUP, now)
    content = kubeconfig(url, authority.certificate, ADMIN_USER, pair, context=_NAME)
    if not path.exists() or path.read_bytes() != content:
        write_atomically(path, content)


def kubeconfig(
    url: str,
    authority: bytes,
    user: str,
    credential: KeyPair | SecretBytes,
    *,
    context: str = "",
    namespace: str = "default",
) -> bytes:
    """The file as JSON, which is YAML: every reader of a kubeconfig takes it. `credential`: a client certificate
    or a bearer token; `authority`: PEM."""
    context = context or f"{user}@{_NAME}"
    if isinstance(credential, KeyPair):
        proof = {
            "client-certificate-data": _text(credential.certificate),
            "client-key-data": _text(credential.key.reveal()),
        }
    else:
        proof = {"token": credential.reveal().decode()}
    cluster = {"server": url, "certificate-authority-data": _text(authority)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": _NAME, "cluster": cluster}],
        "contexts": [{"name": context, "context": {"cluster": _NAME, "user": user, "namespace": namespace}}],
        "users": [{"name": user, "user": proof}],
    }
    return msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"


def server_of(path: Path) -> str:
    """The URL in a kubeconfig that was written here. Raises Permanent when there is none."""
    try:
        url = msgspec.json.decode(path.read_bytes())["clusters"][0]["cluster"]["server"]
    except (OSError, msgspec.DecodeError, LookupError, TypeError) as error:
        message = f"{path} does not say where the API listens: start `hearthgate up` once, or give --server"
        raise Permanent(message) from error
    return str(url)


def _kept(path: Path, authority: Authority, now: datetime) -> KeyPair | None:
    try:
        config: Any = msgspec.json.decode(path.read_bytes())
        user = config["users"][0]["user"]
        certificate = base64.b64decode(user["client-certificate-data"], validate=True)
        key = base64.b64decode(user["client-key-data"], validate=True)
    except (OSError, msgspec.DecodeError, LookupError, TypeError, binascii.Error):
        return None  # absent, or no longer what was written here: it is written anew
    return KeyPair(certificate, SecretBytes(key)) if authority.is_current(certificate, now) else None


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
