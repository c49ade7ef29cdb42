"""ServiceL2Status, ServiceBGPStatus and ConfigurationState: what speakers and controller report. Nobody else
writes them."""

from typing import Literal

from hearthgate.resources.meta import Condition, Lenient, Resource, Strict


class NoSpec(Strict, frozen=True, kw_only=True):
    """Has no fields."""


class Interface(Lenient, frozen=True, kw_only=True):
    """A network interface.

    name: Its name.
    """

    name: str = ""


class L2Announcement(Lenient, frozen=True, kw_only=True):
    """Which node announces the addresses of a Service.

    node: The node.
    service_name: The Service.
    service_namespace: Its namespace.
    interfaces: The interfaces that announce, when not all of them do.
    """

    node: str = ""
    service_name: str = ""
    service_namespace: str = ""
    interfaces: tuple[Interface, ...] = ()


class ServiceL2Status(Resource, frozen=True, kw_only=True):
    """Who announces a Service in the local network. Written by the speaker."""

    spec: NoSpec = NoSpec()
    status: L2Announcement | None = None


class BGPAnnouncement(Lenient, frozen=True, kw_only=True):
    """To whom a node announces the addresses of a Service.

    node: The node.
    service_name: The Service.
    service_namespace: Its namespace.
    peers: The BGPPeers it shall be announced to, whether or not their sessions are up.
    """

    node: str = ""
    service_name: str = ""
    service_namespace: str = ""
    peers: tuple[str, ...] = ()


class ServiceBGPStatus(Resource, frozen=True, kw_only=True):
    """To which peers a Service is announced. Written by the speaker."""

    spec: NoSpec = NoSpec()
    status: BGPAnnouncement | None = None


class ConfigurationReport(Lenient, frozen=True, kw_only=True):
    """Whether the objects of metallb.io make sense together.

    result: Valid, Invalid, or Unknown.
    error_summary: Every problem on a line of its own.
    conditions: The judgement of each part.
    """

    result: Literal["Valid", "Invalid", "Unknown", ""] = ""
    error_summary: str = ""
    conditions: tuple[Condition, ...] = ()


class ConfigurationState(Resource, frozen=True, kw_only=True):
    """What one part of the balancer thinks of its configuration."""

    status: ConfigurationReport | None = None
