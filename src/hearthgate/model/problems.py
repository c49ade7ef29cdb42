"""A user's mistake as a value: what is wrong, where, and the way out.

Problems are collected, never raised. Status conditions, Events, logs, metrics and every command read
the same list. `reason` is a stable constant that tests and alerts may rely on; `message` may improve.
"""

import difflib
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from hearthgate.model.refs import ObjectRef


class Severity(StrEnum):
    """`ERROR`: the object, or the part of it that the field names, is out of service. `WARNING`: it serves."""

    ERROR = "error"
    WARNING = "warning"


class Reason(StrEnum):
    """Why a Problem exists. Stable: the values are an interface."""

    # manifests and decoding
    SYNTAX_ERROR = "SyntaxError"
    TOO_LARGE = "TooLarge"
    UNREADABLE = "Unreadable"
    UNKNOWN_KIND = "UnknownKind"
    DUPLICATE_OBJECT = "DuplicateObject"
    INVALID_NAME = "InvalidName"
    UNKNOWN_FIELD = "UnknownField"
    INVALID_VALUE = "InvalidValue"
    MISSING_FIELD = "MissingField"
    UNSUPPORTED = "Unsupported"
    DEPRECATED = "Deprecated"
    REJECTED = "Rejected"
    # links between objects
    CLASS_MISMATCH = "ClassMismatch"
    ENTRYPOINT_NOT_FOUND = "EntryPointNotFound"
    MIDDLEWARE_NOT_FOUND = "MiddlewareNotFound"
    MIDDLEWARE_INVALID = "MiddlewareInvalid"
    MIDDLEWARE_CYCLE = "MiddlewareCycle"
    SERVICE_NOT_FOUND = "ServiceNotFound"
    SERVICE_PORT_NOT_FOUND = "ServicePortNotFound"
    SERVICE_CYCLE = "ServiceCycle"
    PARENT_NOT_FOUND = "ParentNotFound"
    ROUTE_CYCLE = "RouteCycle"
    NO_ENDPOINTS = "NoEndpoints"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason, not a secret
    SECRET_INVALID = "SecretInvalid"  # noqa: S105
    TLS_OPTION_NOT_FOUND = "TLSOptionNotFound"
    TRANSPORT_NOT_FOUND = "ServersTransportNotFound"
    CROSS_NAMESPACE = "CrossNamespaceRefused"
    EXTERNAL_NAME = "ExternalNameRefused"
    NOT_ATTACHED = "NotAttached"
    LISTENER_CONFLICT = "ListenerConflict"
    PROTOCOL_MISMATCH = "ProtocolMismatch"
    SERVER_DOWN = "ServerDown"
    # rules and routes
    INVALID_RULE = "InvalidRule"
    RULE_TOO_COMPLEX = "RuleTooComplex"
    DUPLICATE_ROUTER = "DuplicateRouter"
    TLS_OPTION_CONFLICT = "TLSOptionConflict"
    DEFAULT_CERTIFICATE = "DefaultCertificate"
    # the data plane
    PROXY_REJECTED = "ProxyRejected"
    ADDRESS_IN_USE = "AddressInUse"
    NOT_FORWARDED = "NotForwarded"
    DATA_PATH_MISSING = "DataPathMissing"
    POLICY_MISSING = "PolicyNotInForce"
    # what guards hear from elsewhere
    DECISIONS_STALE = "DecisionsStale"
    DATABASE_UNREADABLE = "DatabaseUnreadable"
    PROVIDER_UNREACHABLE = "ProviderUnreachable"
    # settings
    RESTART_NEEDED = "RestartNeeded"


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One mistake in one object.

    ref: the object at fault (for a missing reference: the object that names it).
    field: a path such as `spec.routes[0].match`; empty when the whole object is meant.
    message: what is wrong with which value, and the way out. Never holds a secret.
    """

    ref: ObjectRef
    field: str = ""
    reason: Reason
    message: str
    severity: Severity = Severity.ERROR

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.ref}: {self.field}" if self.field else str(self.ref)
        return f"{where}: {self.message}"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` with the nearest known word, else an empty string."""
    words = {word.lower(): word for word in known}
    near = difflib.get_close_matches(wrong.lower()[:100], words, n=1, cutoff=0.7)
    return f" (did you mean '{words[near[0]]}'?)" if near else ""


def shorten(value: object, limit: int = 80) -> str:
    """`value` as it may stand in a message: one line, quoted, at most `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
