"""From bytes or mappings to typed resources, with every mistake found, not just the first.

The fast path is msgspec's own decoder, which refuses unknown fields. Only when it refuses is the object
walked field by field, to name every mistake with its path and the way out. An object with an error yields
no resource: it costs itself and nothing else.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec

from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from hearthgate.resources import builtin, support, walk
from hearthgate.resources.certmanager import checks
from hearthgate.resources.core import Base64Secret
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_API_VERSION, KINDS
from hearthgate.resources.versions import BY_OTHER_VERSION, OtherVersion


class Decoded(NamedTuple):
    """`resource` is None when a problem is an error."""

    resource: Resource | None
    problems: tuple[Problem, ...]


def decode(kind: Kind, raw: bytes) -> Decoded:
    """Decodes one JSON object of a known kind. Never raises on bad input."""
    try:
        resource = _decoder(kind).decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            data = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            ref = ObjectRef(kind.kind, "", "")
            return Decoded(None, (Problem(ref=ref, reason=Reason.SYNTAX_ERROR, message=str(error)),))
        return Decoded(None, _mistakes(kind, data))
    return _supported(kind, resource)


def decode_mapping(data: Mapping[str, Any]) -> Decoded:
    """Decodes one object as a manifest gives it; the kind is found from apiVersion and kind. An object in another
    version than the stored one is converted first; its problems speak of the fields as they were written."""
    found = find_kind(data)
    if isinstance(found, Problem):
        return Decoded(None, (found,))
    if other := BY_OTHER_VERSION.get((data["apiVersion"], data["kind"])):
        return _as_written(other, ref_of(data), decode_mapping(other.to_storage(dict(data))))
    if found.resource_type is None:
        return Decoded(None, _by_tables(found, data))
    try:
        resource = msgspec.convert(data, found.resource_type, dec_hook=_dec_hook)
    except msgspec.ValidationError:
        problems = _mistakes(found, data)
        named = {problem.field for problem in problems}
        beside = (problem for problem in _by_tables(found, data) if problem.field not in named)
        return Decoded(None, (*problems, *beside))
    decoded = _supported(found, resource)
    if not (beyond := _by_tables(found, data)):
        return decoded
    is_served = not any(problem.is_error for problem in beyond)
    return Decoded(decoded.resource if is_served else None, (*decoded.problems, *beyond))


def find_kind(data: Mapping[str, Any]) -> Kind | Problem:
    """The kind as which an object is stored that says it is this, or why there is none."""
    api_version, kind = data.get("apiVersion"), data.get("kind")
    ref = ref_of(data)
    if not isinstance(api_version, str) or not isinstance(kind, str) or not api_version or not kind:
        message = "not a Kubernetes object: apiVersion and kind are required"
        return Problem(ref=ref, reason=Reason.MISSING_FIELD, message=message)
    if found := BY_API_VERSION.get((api_version, kind)):
        return found
    if other := BY_OTHER_VERSION.get((api_version, kind)):
        return other.storage
    versions = sorted(known.api_version for known in KINDS if known.kind == kind)
    if versions:
        message = f"{kind} is not served as {shorten(api_version)} (use {versions[0]})"
        return Problem(ref=ref, field="apiVersion", reason=Reason.UNKNOWN_KIND, message=message)
    hint = did_you_mean(kind, (known.kind for known in KINDS))
    message = f"kind {shorten(kind)} of {shorten(api_version)} is not one that Hearthgate serves{hint}"
    return Problem(ref=ref, field="kind", reason=Reason.UNKNOWN_KIND, message=message, severity=Severity.WARNING)


def ref_of(data: Mapping[str, Any]) -> ObjectRef:
    """Who an undecoded object says it is, as far as that can be read."""
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}

    def text(value: object) -> str:
        return value if isinstance(value, str) else ""

    kind = text(data.get("kind")) or "Object"
    return ObjectRef(kind, text(metadata.get("namespace")), text(metadata.get("name")))


@cache
def _decoder(kind: Kind) -> msgspec.json.Decoder[Resource]:
    assert kind.resource_type is not None, kind  # noqa: S101 - callers pick typed kinds
    return msgspec.json.Decoder(kind.resource_type, dec_hook=_dec_hook)


def _dec_hook(wanted: type, value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if wanted is Base64Secret:
        return Base64Secret.decode(value)
    if wanted is SecretBytes:
        return SecretBytes(value.encode())
    raise NotImplementedError(wanted)


def _mistakes(kind: Kind, data: Any) -> tuple[Problem, ...]:
    if not isinstance(data, Mapping):
        ref = ObjectRef(kind.kind, "", "")
        return (Problem(ref=ref, reason=Reason.INVALID_VALUE, message="must be a mapping"),)
    ref = ref_of(data)
    assert kind.resource_type is not None, kind  # noqa: S101
    problems = tuple(
        Problem(ref=ref, field=mistake.path, reason=mistake.reason, message=mistake.message)
        for mistake in walk.mistakes(kind.resource_type, data, _dec_hook)
    )
    # The walk and the decoder follow the same types; should they ever disagree, the object is still refused.
    return problems or (Problem(ref=ref, reason=Reason.INVALID_VALUE, message="cannot be decoded"),)


def _by_tables(kind: Kind, data: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What the tables of the built-in kinds find beyond the types, which read a part of those kinds, and of any
    metadata. Such a field serves nobody; the object serves without it."""
    if builtin.is_builtin(kind.api_version, kind.kind):
        found = builtin.mistakes(kind.api_version, kind.kind, data)
    else:
        metadata = data.get("metadata")
        found = builtin.message_mistakes("ObjectMeta", metadata, "metadata") if metadata is not None else []
    return tuple(
        Problem(
            ref=ref_of(data),
            field=mistake.path,
            reason=mistake.reason,
            message=mistake.message,
            severity=Severity.WARNING if mistake.reason is Reason.UNKNOWN_FIELD else Severity.ERROR,
        )
        for mistake in found
    )


def _supported(kind: Kind, resource: Resource) -> Decoded:
    problems = tuple(support.problems(resource))
    problems += tuple(
        Problem(ref=resource.ref, field=mistake.path, reason=mistake.reason, message=mistake.message)
        for mistake in checks.mistakes(resource)
    )
    return Decoded(None if any(problem.is_error for problem in problems) else resource, problems)


def _as_written(other: OtherVersion, ref: ObjectRef, decoded: Decoded) -> Decoded:
    problems = [msgspec.structs.replace(problem, field=other.field(problem.field)) for problem in decoded.problems]
    if other.warning:
        problems.append(
            Problem(
                ref=ref,
                field="apiVersion",
                reason=Reason.DEPRECATED,
                message=other.warning,
                severity=Severity.WARNING,
            )
        )
    return Decoded(decoded.resource, tuple(problems))
