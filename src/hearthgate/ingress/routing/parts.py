"""What a model is put together from. Equal parts give equal models, so while they stay there is nothing to do:
most changes of a cluster end here, because nothing that was linked anew came out other than before."""

from typing import NamedTuple

from hearthgate.ingress.routing.gateway.provider import Contribution
from hearthgate.ingress.routing.issued import Issued
from hearthgate.ingress.routing.link_table import Ranked
from hearthgate.ingress.routing.model import Certificate, EndpointsKey, Point, Proof, TLSOptions
from hearthgate.ingress.routing.streams import LinkedStreams
from hearthgate.ingress.routing.tracking import Result
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef


class Parts(NamedTuple):
    """served: the ports of Services that have an endpoint; which one does not matter to a model.
    usable: names of TLS options. stored: certificates besides those of routes and Gateways;
    issued: those that may serve though nobody names them.
    links: the version of each LinkTable. streams: of IngressRouteTCPs and IngressRouteUDPs."""

    served: frozenset[EndpointsKey]
    problems: tuple[Problem, ...]
    owned: tuple[ObjectRef, ...]
    options: tuple[TLSOptions, ...]
    usable: frozenset[str]
    default: Certificate | None
    stored: tuple[Certificate, ...]
    redirections: tuple[Ranked, ...]
    links: tuple[int, ...]
    gateways: Contribution
    streams: tuple[Result[LinkedStreams | None], ...]
    reached_at: tuple[Point, ...] | None
    proofs: tuple[Proof, ...]
    issued: tuple[Issued, ...]
