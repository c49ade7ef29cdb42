"""BGPPeer as metallb.io/v1beta1 had it: for the schema of that version. Objects are read as v1beta2."""

from typing import Annotated

import msgspec

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.meta import Resource, Strict
from hearthgate.resources.metallb.peers import ASN
from hearthgate.resources.scalars import Duration, Selector


class BGPPeerSpec(Strict, frozen=True, kw_only=True):
    """A router to speak BGP with.

    my_asn: The AS number of this side.
    peer_asn: The AS number of the router.
    peer_address: The address of the router.
    source_address: The address to connect from.
    peer_port: The port of the router; 0 stands for 179.
    hold_time: How long without a message the session stays.
    keepalive_time: How often a sign of life is sent.
    router_id: The router ID of this side, written as an IPv4 address.
    node_selectors: Nodes that open a session, by their labels; none: every node.
    password: The TCP-MD5 password.
    bfd_profile: The BFDProfile of the session.
    ebgp_multi_hop: Whether the router is more than one hop away.
    """

    my_asn: ASN = msgspec.field(name="myASN")
    peer_asn: ASN = msgspec.field(name="peerASN")
    peer_address: str
    source_address: str = ""
    peer_port: Annotated[int, msgspec.Meta(ge=0, le=16384)] = 0
    hold_time: Duration | None = None
    keepalive_time: Duration | None = None
    router_id: str = msgspec.field(default="", name="routerID")
    node_selectors: tuple[Selector, ...] = ()
    password: SecretBytes | None = None
    bfd_profile: str = ""
    ebgp_multi_hop: bool = False


class BGPPeer(Resource, frozen=True, kw_only=True):
    """A router that addresses are announced to. Use v1beta2."""

    spec: BGPPeerSpec
