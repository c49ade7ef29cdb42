"""What the API server answers when it does not do as asked, mapped once from HTTP (Status, meta.k8s.io/v1)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hearthgate.model.errors import Permanent, Transient
from hearthgate.resources.meta import Lenient


class Unreachable(Transient):
    """No connection: refused, no route, time-out, TLS failure. Nothing was asked."""


class Interrupted(Transient):
    """The connection broke or fell silent before the answer was complete."""


class Silent(Interrupted):
    """Not a byte for so long that the connection counts as dead (half-open after a crash, a lost route)."""


class Unavailable(Transient):
    """The server asks to come back later, or has trouble of its own: 429, 5xx (507: its disk is full)."""


class Unauthorized(Transient):
    """401: credentials expire and are renewed outside, so it is worth another try."""


class Conflict(Transient):
    """409: someone else changed the object since it was read."""


class Expired(Transient):
    """410: the resourceVersion or continue token is too old. List anew."""


class AlreadyExists(Permanent):
    """409 on create."""


class NotFound(Permanent):
    """404: the object or, when `named` is False, the whole resource or subresource."""

    def __init__(self, message: str, *, named: bool) -> None:
        super().__init__(message)
        self.named = named


class Forbidden(Permanent):
    """403: RBAC, admission, or a namespace that is going away."""


class Refused(Permanent):
    """Any other 4xx: the request itself is wrong."""


class StatusDetails(Lenient, frozen=True, kw_only=True):
    name: str = ""
    retry_after_seconds: int | None = None


class ServerStatus(Lenient, frozen=True, kw_only=True):
    """A Status object as far as it is read."""

    code: int = 0
    reason: str = ""
    message: str = ""
    details: StatusDetails | None = None


def read_status(body: bytes | msgspec.Raw) -> ServerStatus:
    """The Status in a body; an empty one when the body is something else, such as a proxy's page."""
    try:
        return msgspec.json.decode(body, type=ServerStatus)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ServerStatus()


def failure(
    what: str, code: int, status: ServerStatus, headers: Mapping[str, Any], *, private: bool = False
) -> Transient | Permanent:
    """The exception for an answer other than 2xx. `private`: keep the server's words, which may quote the
    object, out of the message."""
    told = status.reason if private else status.message or status.reason
    message = f"{what}: {code} {told}".rstrip()
    retry_after = _retry_after(status, headers)
    match code:
        case 401:
            return Unauthorized(message)
        case 403:
            return Forbidden(message)
        case 404:
            return NotFound(message, named=status.details is not None and bool(status.details.name))
        case 409 if status.reason == "AlreadyExists":
            return AlreadyExists(message)
        case 409:
            return Conflict(message)
        case 410:
            return Expired(message)
        case 429:
            return Unavailable(message, retry_after=retry_after)
        case _ if code >= 500:
            return Unavailable(message, retry_after=retry_after)
        case _ if status.reason in {"Expired", "Gone"}:
            return Expired(message)
        case _:
            return Refused(message)


def _retry_after(status: ServerStatus, headers: Mapping[str, Any]) -> float | None:
    """Seconds. The date form of the header (RFC 9110 10.2.3) is not used by API servers and not read."""
    text = str(headers.get("Retry-After", ""))
    if text.isdecimal():
        return float(text)
    if status.details is not None and status.details.retry_after_seconds:
        return float(status.details.retry_after_seconds)
    return None
