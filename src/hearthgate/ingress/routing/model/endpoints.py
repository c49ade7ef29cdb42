"""Where servers are, and how they are."""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple


class EndpointsKey(NamedTuple):
    """Names the endpoints of one port of one Service. `port` is the port's name in its EndpointSlices. `check`:
    the name of the health check whose results they bear; empty = none."""

    namespace: str
    service: str
    port: str
    check: str = ""

    @property
    def unchecked(self) -> "EndpointsKey":
        return self._replace(check="") if self.check else self


class EndpointState(IntEnum):
    """ACTIVE: it serves. FENCED: it is about to go, and serves only the sessions that it has. DOWN: it failed its
    health check."""

    ACTIVE = 0
    FENCED = 1
    DOWN = 2


class Endpoint(NamedTuple):
    """One address that serves. `address` is an IP address, or a host name where a Service has external ones."""

    address: str
    port: int
    state: EndpointState = EndpointState.ACTIVE

    @property
    def place(self) -> tuple[str, int]:
        return self[:2]


Endpoints = Mapping[EndpointsKey, tuple[Endpoint, ...]]
