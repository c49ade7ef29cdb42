"""BGPPeer, BFDProfile and Community: the routers that BGP speaks to."""

from typing import Annotated, Literal

import msgspec

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.meta import Resource, Strict, ignored
from hearthgate.resources.scalars import Duration, Selector

ASN = Annotated[int, msgspec.Meta(ge=0, le=4294967295)]
Milliseconds = Annotated[int, msgspec.Meta(ge=10, le=60000)]


class SecretReference(Strict, frozen=True, kw_only=True):
    """A Secret of type `kubernetes.io/basic-auth`: its `password` counts."""

    name: str = ""
    namespace: str = ""


class BGPPeerSpec(Strict, frozen=True, kw_only=True):
    """Exactly one of peerASN (not 0) and dynamicASN, and exactly one of peerAddress and interface. Timers that
    are not set are the speaker's to choose. No node selectors: every node opens a session."""

    my_asn: ASN = msgspec.field(name="myASN")
    peer_asn: ASN = msgspec.field(default=0, name="peerASN")
    dynamic_asn: Literal["internal", "external", ""] = msgspec.field(default="", name="dynamicASN")
    local_asn: Annotated[int, msgspec.Meta(ge=1, le=4294967295)] | None = msgspec.field(
        default=None, name="localASN"
    )
    peer_address: str = ""
    interface: str = ""
    source_address: str = ""
    peer_port: Annotated[int, msgspec.Meta(ge=1, le=16384)] = 179
    hold_time: Duration | None = None
    keepalive_time: Duration | None = None
    connect_time: Duration | None = None
    router_id: str = msgspec.field(default="", name="routerID")
    node_selectors: tuple[Selector, ...] = ()
    password: SecretBytes | None = None
    password_secret: SecretReference | None = None
    bfd_profile: str = ""
    enable_graceful_restart: bool = False
    ebgp_multi_hop: bool = False
    vrf: str = ""
    disable_mp: Annotated[bool, ignored("sessions carry one address family unless dualStackAddressFamily")] = (
        msgspec.field(default=False, name="disableMP")
    )
    dual_stack_address_family: bool = False


class BGPPeer(Resource, frozen=True, kw_only=True):
    spec: BGPPeerSpec


class BFDProfileSpec(Strict, frozen=True, kw_only=True):
    """Intervals are milliseconds. minimumTtl counts for sessions over several hops."""

    receive_interval: Milliseconds = 300
    transmit_interval: Milliseconds = 300
    detect_multiplier: Annotated[int, msgspec.Meta(ge=2, le=255)] = 3
    echo_interval: Milliseconds = 50
    echo_mode: bool = False
    passive_mode: bool = False
    minimum_ttl: Annotated[int, msgspec.Meta(ge=1, le=254)] = 254


class BFDProfile(Resource, frozen=True, kw_only=True):
    spec: BFDProfileSpec = BFDProfileSpec()


class CommunityAlias(Strict, frozen=True, kw_only=True):
    """value: `a:b` of 16 bits each, or `large:a:b:c` of 32 bits each."""

    name: str = ""
    value: str = ""


class CommunitySpec(Strict, frozen=True, kw_only=True):
    communities: tuple[CommunityAlias, ...] = ()


class Community(Resource, frozen=True, kw_only=True):
    spec: CommunitySpec = CommunitySpec()
