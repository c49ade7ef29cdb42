"""The kubeconfig that lets kubectl in: the authority's certificate and an administrator's."""

import base64
import binascii
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from hearthgate.apiserver.access.authority import Authority, KeyPair
from hearthgate.apiserver.access.identity import ADMIN_GROUP
from hearthgate.disk.atomic import write_atomically
from hearthgate.model.secret import SecretBytes

_USER: Final = "hearthgate-admin"
_NAME: Final = "hearthgate"


def write_kubeconfig(path: Path, url: str, authority: Authority, now: datetime) -> None:
    """Writes `path` (0600); the client certificate in it is kept as long as it is good."""
    pair = _kept(path, authority, now) or authority.client(_USER, ADMIN_GROUP, now)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _NAME,
        "clusters": [
            {
                "name": _NAME,
                "cluster": {"server": url, "certificate-authority-data": _text(authority.certificate)},
            }
        ],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _USER, "namespace": "default"}}],
        "users": [
            {
                "name": _USER,
                "user": {
                    "client-certificate-data": _text(pair.certificate),
                    "client-key-data": _text(pair.key.reveal()),
                },
            }
        ],
    }
    # JSON is YAML: every reader of a kubeconfig takes it.
    content = msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"
    if not path.exists() or path.read_bytes() != content:
        write_atomically(path, content)


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
