"""ServiceL2Status, ServiceBGPStatus and ConfigurationState: what speakers and controller report. Nobody else
writes them."""

from typing import Literal

from hearthgate.resources.meta import Condition, Lenient, Resource, Strict


class NoSpec(Strict, frozen=True, kw_only=True):
    """These kinds have a spec without fields."""


class Interface(Lenient, frozen=True, kw_only=True):
    name: str = ""


class L2Announcement(Lenient, frozen=True, kw_only=True):
    """interfaces: only when the announcement is restricted to them."""

    node: str = ""
    service_name: str = ""
    service_namespace: str = ""
    interfaces: tuple[Interface, ...] = ()


class ServiceL2Status(Resource, frozen=True, kw_only=True):
    spec: NoSpec = NoSpec()
    status: L2Announcement | None = None


class BGPAnnouncement(Lenient, frozen=True, kw_only=True):
    """peers: to whom the Service shall be announced, whether or not their sessions are up."""

    node: str = ""
    service_name: str = ""
    service_namespace: str = ""
    peers: tuple[str, ...] = ()


class ServiceBGPStatus(Resource, frozen=True, kw_only=True):
    spec: NoSpec = NoSpec()
    status: BGPAnnouncement | None = None


class ConfigurationReport(Lenient, frozen=True, kw_only=True):
    """errorSummary: the messages of all problems, one a line."""

    result: Literal["Valid", "Invalid", "Unknown", ""] = ""
    error_summary: str = ""
    conditions: tuple[Condition, ...] = ()


class ConfigurationState(Resource, frozen=True, kw_only=True):
    status: ConfigurationReport | None = None
