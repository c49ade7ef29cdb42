"""core/v1 Secret and ConfigMap. No message holds a value of a Secret."""

import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from hearthgate.apiserver.errors import Cause
from hearthgate.apiserver.semantics.validation import faults

Object = Mapping[str, Any]

_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_LIMIT: Final = 1024 * 1024
_DEMANDED: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_JSON: Final = frozenset({".dockercfg", ".dockerconfigjson"})
_ACCOUNT: Final = "kubernetes.io/service-account.name"


def check_secret(obj: Object, old: Object | None) -> Iterator[Cause]:
    data = obj.get("data") or {}
    yield from _keys("data", data)
    if sum(_size(text) for text in data.values()) > _LIMIT:
        yield faults.too_long("data", _LIMIT)
    kind = obj.get("type", "")
    for key in _DEMANDED.get(kind, ()):
        if key not in data:
            yield faults.required(f"data[{key}]")
        elif key in _JSON and not _is_json(data[key]):
            yield Cause(f"data[{key}]", "Invalid value: must be JSON", "FieldValueInvalid")
    if kind == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        yield faults.required("data[username]")
        yield faults.required("data[password]")
    annotations = obj.get("metadata", {}).get("annotations") or {}
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT):
        yield faults.required(f"metadata.annotations[{_ACCOUNT}]")


def check_config_map(obj: Object, old: Object | None) -> Iterator[Cause]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    yield from _keys("data", data)
    yield from _keys("binaryData", binary)
    for key in sorted(data.keys() & binary.keys()):
        yield faults.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    if sum(len(text.encode()) for text in data.values()) + sum(map(_size, binary.values())) > _LIMIT:
        yield faults.too_long("", _LIMIT)


def _keys(field: str, data: Object) -> Iterator[Cause]:
    for key in data:
        if not _KEY.fullmatch(key) or key == "." or key.startswith(".."):
            why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
            yield faults.invalid(f"{field}[{key}]", key, why)


def _size(text: str) -> int:
    """Of what base64 stands for."""
    return len(text) * 3 // 4


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(binascii.a2b_base64(text))
    except (msgspec.DecodeError, binascii.Error, RecursionError):
        return False
    return True
