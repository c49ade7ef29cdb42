"""What controllers tell about objects of gateway.networking.k8s.io: several may speak about one route."""

import msgspec

from hearthgate.resources.gateway.references import GROUP
from hearthgate.resources.meta import Condition, Lenient


class ParentStatusReference(Lenient, frozen=True, kw_only=True):
    """The parent as the route names it.

    group: The API group of the parent.
    kind: Its kind.
    namespace: Its namespace, where the route names it.
    name: Its name.
    section_name: Its listener, where the route names one.
    port: The port, where the route names one.
    """

    group: str = GROUP
    kind: str = "Gateway"
    namespace: str | None = None
    name: str
    section_name: str | None = None
    port: int | None = None


class RouteParentStatus(Lenient, frozen=True, kw_only=True):
    """What one controller says of a route at one parent.

    parent_ref: The parent.
    controller_name: Who says it.
    conditions: What is true of the route there.
    """

    parent_ref: ParentStatusReference
    controller_name: str = ""
    conditions: tuple[Condition, ...] = ()


class RouteStatus(Lenient, frozen=True, kw_only=True):
    """What controllers say of a route.

    parents: At each of its parents.
    """

    parents: tuple[RouteParentStatus, ...] = ()


class PolicyAncestorStatus(Lenient, frozen=True, kw_only=True):
    """What one controller says of a policy at one Gateway.

    ancestor_ref: The Gateway.
    controller_name: Who says it.
    conditions: What is true of the policy there.
    """

    ancestor_ref: ParentStatusReference
    controller_name: str = ""
    conditions: tuple[Condition, ...] = ()


class PolicyStatus(Lenient, frozen=True, kw_only=True):
    """What controllers say of a policy.

    ancestors: At each Gateway that it matters for.
    """

    ancestors: tuple[PolicyAncestorStatus, ...] = ()


class SupportedFeature(Lenient, frozen=True, kw_only=True):
    """One feature of the specification.

    name: The name of the feature.
    """

    name: str


class GatewayClassStatus(Lenient, frozen=True, kw_only=True):
    """Whether Gateways of the class are served.

    conditions: What is true of the class.
    supported_features: The features of the specification that it has.
    """

    conditions: tuple[Condition, ...] = ()
    supported_features: tuple[SupportedFeature, ...] = ()


class GatewayStatusAddress(Lenient, frozen=True, kw_only=True):
    """Where a Gateway is reached.

    type: IPAddress or Hostname.
    value: The address.
    """

    type: str = "IPAddress"
    value: str = ""


class RouteGroupKind(Lenient, frozen=True, kw_only=True):
    """A kind of routes.

    group: Its API group.
    kind: The kind.
    """

    group: str = GROUP
    kind: str


class ListenerStatus(Lenient, frozen=True, kw_only=True):
    """What became of one listener.

    name: The name of the listener.
    supported_kinds: The kinds of routes that it takes.
    attached_routes: How many routes are attached to it.
    conditions: What is true of it.
    """

    name: str
    supported_kinds: tuple[RouteGroupKind, ...] = ()
    attached_routes: int = 0
    conditions: tuple[Condition, ...] = ()


class GatewayStatus(Lenient, frozen=True, kw_only=True):
    """What became of a Gateway.

    addresses: Where it is reached.
    conditions: What is true of it.
    listeners: What became of each listener.
    attached_listener_sets: How many ListenerSets are attached to it.
    """

    addresses: tuple[GatewayStatusAddress, ...] = ()
    conditions: tuple[Condition, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()
    attached_listener_sets: int | None = msgspec.field(default=None)
