"""What is said of Gateways and their routes: conditions in the words of the specification, as values."""

from typing import Final, NamedTuple

from hearthgate.model.refs import ObjectRef
from hearthgate.resources.gateway.references import ParentReference
from hearthgate.resources.meta import Condition

CONTROLLERS: Final = ("hearthgate.dev/gateway-controller", "traefik.io/gateway-controller")
"""The names under which GatewayClasses ask for this program."""
ACCEPTED, RESOLVED, PROGRAMMED, CONFLICTED = "Accepted", "ResolvedRefs", "Programmed", "Conflicted"
PARTIALLY_INVALID: Final = "PartiallyInvalid"
GatewayKey = tuple[str, str]
Target = tuple[GatewayKey, str]
"""A listener: the key of its Gateway, and its name."""


class ParentVerdict(NamedTuple):
    """What is said of a route at one parent."""

    parent: ParentReference
    controller: str
    conditions: tuple[Condition, ...]


class RouteVerdict(NamedTuple):
    """What is said of a route. attached: the listeners that it is attached to."""

    ref: ObjectRef
    parents: tuple[ParentVerdict, ...] = ()
    attached: tuple[Target, ...] = ()


class ListenerVerdict(NamedTuple):
    """What is said of a listener. kinds: of routes that it takes. valid: whether it may serve."""

    name: str
    kinds: tuple[str, ...]
    conditions: tuple[Condition, ...]
    valid: bool
    attached: int = 0


class Address(NamedTuple):
    """`type` is IPAddress or Hostname."""

    type: str
    value: str


class GatewayVerdict(NamedTuple):
    """What is said of a Gateway, all but whether the proxy runs it. valid: whether it may serve."""

    ref: ObjectRef
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerVerdict, ...]
    addresses: tuple[Address, ...]
    valid: bool


class ClassVerdict(NamedTuple):
    """What is said of a GatewayClass."""

    ref: ObjectRef
    conditions: tuple[Condition, ...]


class AncestorVerdict(NamedTuple):
    """What is said of a policy at one Gateway."""

    gateway: GatewayKey
    controller: str
    conditions: tuple[Condition, ...]


class PolicyVerdict(NamedTuple):
    """What is said of a policy."""

    ref: ObjectRef
    ancestors: tuple[AncestorVerdict, ...] = ()


Verdict = ClassVerdict | GatewayVerdict | RouteVerdict | PolicyVerdict


def condition(kind: str, status: bool, reason: str, message: str = "") -> Condition:
    return Condition(type=kind, status=str(status), reason=reason, message=message)


def accepted(reason: str = "Accepted", message: str = "") -> Condition:
    """True for the reason Accepted, False for every other one."""
    return condition(ACCEPTED, reason == "Accepted", reason, message or "in service")


def resolved(reason: str = "ResolvedRefs", message: str = "") -> Condition:
    """True for the reason ResolvedRefs, False for every other one."""
    return condition(RESOLVED, reason == "ResolvedRefs", reason, message or "every reference leads somewhere")
