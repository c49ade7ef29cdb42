"""The options of a plugin, which no schema describes: from a mapping to a typed value, with every mistake named.

As upstream reads them: names in any case, numbers and booleans as text too, lists as one text with commas.
`urn:k8s:secret:NAME:KEY` stands for a value of a Secret, where the option is a secret.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from cryptography import x509
from msgspec import inspect

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.model.problems import Reason, Severity
from hearthgate.model.secret import SecretBytes
from hearthgate.resources import support, walk

URN: Final = "urn:k8s:secret:"
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}

Options = TypeVar("Options", bound=msgspec.Struct)


def read_options(given: Any, wanted: type[Options], draft: Draft) -> Options | None:
    """The options as `wanted`; None when they cannot be read. Mistakes go to the draft."""
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        draft.refuse("", "must be a mapping of options")
        return None
    fields = {field.encode_name: field for field in inspect.type_info(wanted).fields}  # type: ignore[attr-defined]
    by_lower = {name.lower(): name for name in fields}
    named: dict[str, Any] = {}
    for key, value in given.items():
        name = by_lower.get(str(key).lower(), str(key))
        kind = _bare(fields[name].type) if name in fields else None
        named[name] = _loose(value, kind)
        if isinstance(value, str) and value.startswith(URN):
            named[name] = _from_secret(value, name, kind, draft)
    if draft.is_refused:
        return None
    try:
        options = msgspec.convert(named, wanted, dec_hook=_hook)
    except msgspec.ValidationError:
        for mistake in walk.mistakes(wanted, named, _hook):
            draft.refuse(mistake.path, mistake.message, mistake.reason)
        return None
    for problem in support.marked(options, draft.ref, Severity.ERROR):
        (draft.refuse if problem.is_error else draft.warn)(problem.field, problem.message, problem.reason)
    return options


def read_authority(given: SecretBytes | None, field: str, draft: Draft) -> str:
    """Certificates as PEM text. Empty when none are given, or when it is none: that goes to the draft."""
    if given is None:
        return ""
    try:
        x509.load_pem_x509_certificates(given.reveal())
        return given.reveal().decode("ascii")
    except ValueError:
        draft.refuse(field, "holds no certificate in PEM", Reason.SECRET_INVALID)
        return ""


def _bare(info: inspect.Type) -> inspect.Type:
    """The type without marks, and without None."""
    if isinstance(info, inspect.Metadata):
        return _bare(info.type)
    if isinstance(info, inspect.UnionType):
        return _bare(next(one for one in info.types if not isinstance(one, inspect.NoneType)))
    return info


def _loose(value: Any, kind: inspect.Type | None) -> Any:
    match kind:
        case inspect.BoolType() if isinstance(value, str) and value.lower() in _TRUTH:
            return _TRUTH[value.lower()]
        case inspect.IntType() if isinstance(value, str) and value.strip().lstrip("-").isdigit():
            return int(value)
        case inspect.VarTupleType() if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        case _:
            return value


def _from_secret(urn: str, name: str, kind: inspect.Type | None, draft: Draft) -> Any:
    if not (isinstance(kind, inspect.CustomType) and kind.cls is SecretBytes):
        draft.refuse(name, "takes no value from a Secret: write it here")
        return urn
    secret_name, colon, key = urn.removeprefix(URN).partition(":")
    if not (secret_name and colon and key):
        draft.refuse(name, "names no value of a Secret: write urn:k8s:secret:NAME:KEY")
        return urn
    secret = draft.secret(secret_name)
    where = f"Secret {draft.ref.namespace}/{secret_name}"
    if secret is None:
        draft.refuse(name, f"{where} does not exist", Reason.SECRET_NOT_FOUND)
        return urn
    value = secret.value(key)
    if not value:
        known = ", ".join(secret.keys()) or "none"
        draft.refuse(name, f"{where} has no key {key} (its keys: {known})", Reason.SECRET_INVALID)
        return urn
    return value


def _hook(wanted: type, value: Any) -> Any:
    if wanted is SecretBytes and isinstance(value, str | SecretBytes):
        return value if isinstance(value, SecretBytes) else SecretBytes(value.encode())
    raise ValueError("must be a string")
