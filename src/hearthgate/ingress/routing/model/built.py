"""The model as a whole, and what a build gives beside it."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from hearthgate.ingress.routing.gateway.verdicts import Verdict
from hearthgate.ingress.routing.model.endpoints import Endpoints
from hearthgate.ingress.routing.model.entrypoints import EntryPoint, UDPEntryPoint
from hearthgate.ingress.routing.model.proofs import Proof
from hearthgate.ingress.routing.model.routers import Router
from hearthgate.ingress.routing.model.streams import TCPRouter, UDPRouter
from hearthgate.ingress.routing.model.tls import Certificate, TLSOptions
from hearthgate.ingress.routing.model.values import Value
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef


class RoutingModel(Value, frozen=True, kw_only=True):
    """All sorted: routers by `order`; certificates by ref; entrypoints by name.

    certificates: any of them may serve any name that it covers (exact first, then wildcard).
    default_certificate: for all other names.
    proofs: what CAs must see now. proof_routers: those that answer HTTP-01, before all others.
    """

    entrypoints: tuple[EntryPoint, ...] = ()
    routers: tuple[Router, ...] = ()
    tls_options: tuple[TLSOptions, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    default_certificate: Certificate | None = None
    tcp_routers: tuple[TCPRouter, ...] = ()
    udp_routers: tuple[UDPRouter, ...] = ()
    udp_entrypoints: tuple[UDPEntryPoint, ...] = ()
    proofs: tuple[Proof, ...] = ()
    proof_routers: tuple[Router, ...] = ()

    @property
    def every_router(self) -> tuple[Router | TCPRouter | UDPRouter, ...]:
        return (*self.routers, *self.tcp_routers, *self.udp_routers)

    def without(self, left_out: Collection[Router | TCPRouter | UDPRouter]) -> "RoutingModel":
        """The model less some of its routers."""
        if not left_out:
            return self
        return msgspec.structs.replace(
            self,
            routers=tuple(router for router in self.routers if router not in left_out),
            tcp_routers=tuple(router for router in self.tcp_routers if router not in left_out),
            udp_routers=tuple(router for router in self.udp_routers if router not in left_out),
        )


class Point(NamedTuple):
    """Where something is reached: an address or a host name."""

    ip: str = ""
    hostname: str = ""


class Built(NamedTuple):
    """Result of a build: the model, the endpoints of its services, and what is wrong with the objects that
    it was built from. `owned`: every object that is for us, whether it serves or not, in no order. `verdicts`:
    what is to be said of objects of the Gateway API, all but what the proxy says of it."""

    model: RoutingModel
    endpoints: Endpoints
    problems: tuple[Problem, ...]
    owned: tuple[ObjectRef, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    reached_at: tuple[Point, ...] | None = None
    """Where Ingresses are reached; None when nothing is to be said of that."""
