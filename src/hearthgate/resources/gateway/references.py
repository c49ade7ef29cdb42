"""References between objects, and the scalars that the kinds of gateway.networking.k8s.io share."""

from typing import Annotated, Final

import msgspec

from hearthgate.resources.meta import Strict
from hearthgate.resources.scalars import WORDS, PortNumber

GROUP: Final = "gateway.networking.k8s.io"
_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

Hostname = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(\*\.)?{_LABEL}(\.{_LABEL})*$",
        min_length=1,
        max_length=253,
        extra={WORDS: "a host name in lower case, perhaps with *. at its start"},
    ),
]
PreciseHostname = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_LABEL}(\.{_LABEL})*$",
        min_length=1,
        max_length=253,
        extra={WORDS: "a host name in lower case without a wildcard"},
    ),
]
ObjectName = Annotated[
    str, msgspec.Meta(min_length=1, max_length=253, extra={WORDS: "the name of an object (1 to 253 characters)"})
]
SectionName = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_LABEL}(\.{_LABEL})*$",
        min_length=1,
        max_length=253,
        extra={WORDS: "a name of lower-case letters, digits, dashes and dots"},
    ),
]
ShortDuration = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",
        extra={WORDS: "a duration such as 1h30m or 500ms (units: h, m, s, ms)"},
    ),
]
Weight = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class ParentReference(Strict, frozen=True, kw_only=True):
    """What a route attaches to.

    group: The API group of the parent.
    kind: Gateway.
    namespace: Its namespace; without one that of the route.
    name: Its name.
    section_name: One listener of it, by name.
    port: The listeners of it at this port.
    """

    group: str = GROUP
    kind: str = "Gateway"
    namespace: ObjectName | None = None
    name: ObjectName
    section_name: SectionName | None = None
    port: PortNumber | None = None


class LocalReference(Strict, frozen=True, kw_only=True):
    """An object of the same namespace.

    group: Its API group; empty for the core group.
    kind: Its kind.
    name: Its name.
    """

    group: str
    kind: str
    name: ObjectName


class SecretReference(Strict, frozen=True, kw_only=True):
    """A Secret with a certificate. One of another namespace needs a ReferenceGrant there.

    group: The API group; empty for the core group.
    kind: Secret.
    name: Its name.
    namespace: Its namespace; without one that of the Gateway.
    """

    group: str = ""
    kind: str = "Secret"
    name: ObjectName
    namespace: ObjectName | None = None


class ObjectReference(Strict, frozen=True, kw_only=True):
    """Any object.

    group: Its API group; empty for the core group.
    kind: Its kind.
    name: Its name.
    namespace: Its namespace.
    """

    group: str
    kind: str
    name: ObjectName
    namespace: ObjectName | None = None


class BackendObjectReference(Strict, frozen=True, kw_only=True):
    """A Service. One of another namespace needs a ReferenceGrant there.

    group: The API group; empty for the core group.
    kind: Service, or TraefikService of the group traefik.io.
    name: Its name.
    namespace: Its namespace; without one that of the route.
    port: The port of the Service.
    """

    group: str = ""
    kind: str = "Service"
    name: ObjectName
    namespace: ObjectName | None = None
    port: PortNumber | None = None


class BackendRef(BackendObjectReference, frozen=True, kw_only=True):
    """A Service with its share.

    weight: Its share among the backends of the rule; 0 for none.
    """

    weight: Weight = 1
