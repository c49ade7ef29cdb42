"""Refusals of the API as meta.k8s.io/v1 Status: code, reason, message, causes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from hearthgate.model.errors import HearthgateError
from hearthgate.resources.kinds import Kind


class Cause(NamedTuple):
    """One mistake in the object. `reason` is upstream's (FieldValueInvalid, FieldValueRequired, ...)."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class ApiError(HearthgateError):
    """The request was refused. `status` is the HTTP code, `reason` the Status reason that clients act on."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        causes: Sequence[Cause] = (),
        *,
        kind: Kind | None = None,
        name: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = tuple(causes)
        self.kind = kind
        self.name = name

    def body(self) -> dict[str, Any]:
        """The Status object."""
        details: dict[str, Any] = {}
        if self.name:
            details["name"] = self.name
        if self.kind is not None:
            if self.kind.group:
                details["group"] = self.kind.group
            details["kind"] = self.kind.kind if self.status == 422 else self.kind.plural
        if self.causes:
            details["causes"] = [cause._asdict() for cause in self.causes]
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": details} if details else {}),
            "code": self.status,
        }


def not_found(kind: Kind, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', kind=kind, name=name)


def already_exists(kind: Kind, name: str) -> ApiError:
    message = f'{kind.resource} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, kind=kind, name=name)


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, kind=kind, name=name)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def not_strict(kind: Kind, faults: Sequence[str]) -> ApiError:
    """400 for unknown and duplicate fields, worded as upstream: tools look for `strict decoding error`."""
    said = f"strict decoding error: {', '.join(faults)}"
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {said}')


def forbidden(kind: Kind, name: str, why: str, causes: Sequence[Cause] = ()) -> ApiError:
    message = f'{kind.resource} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, causes, kind=kind, name=name)


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 with every mistake at once, worded as upstream so that kubectl lists them."""
    said = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes]
    text = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    title = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    message = f'{title} "{name}" is invalid: {text}'
    return ApiError(422, "Invalid", message, causes, kind=kind, name=name)


def expired(message: str) -> ApiError:
    """410: the client must list again."""
    return ApiError(410, "Expired", message)


def too_large(message: str) -> ApiError:
    return ApiError(413, "RequestEntityTooLarge", message)
