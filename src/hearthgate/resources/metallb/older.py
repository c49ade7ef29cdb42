"""BGPPeer as metallb.io/v1beta1 had it: for the schema of that version. Objects are read as v1beta2."""

from typing import Annotated

import msgspec

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.meta import Resource, Strict
from hearthgate.resources.metallb.peers import ASN
from hearthgate.resources.scalars import Duration, Selector


class BGPPeerSpec(Strict, frozen=True, kw_only=True):
    """peerPort 0: the default, 179."""

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
    spec: BGPPeerSpec
