"""BGPPeer, BFDProfile and Community: the routers that BGP speaks to."""

from typing import Annotated, Literal

import msgspec

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.meta import Resource, Strict, idle, ignored, unsupported
from hearthgate.resources.scalars import Duration, Selector

ASN = Annotated[int, msgspec.Meta(ge=0, le=4294967295)]
Milliseconds = Annotated[int, msgspec.Meta(ge=10, le=60000)]


class SecretReference(Strict, frozen=True, kw_only=True):
    """A Secret of type kubernetes.io/basic-auth, of which the password counts.

    name: The name of the Secret.
    namespace: Its namespace.
    """

    name: str = ""
    namespace: str = ""


class BGPPeerSpec(Strict, frozen=True, kw_only=True):
    """A router to speak BGP with. Exactly one of peerASN and dynamicASN, and one of peerAddress and interface.

    my_asn: The AS number of this side.
    peer_asn: The AS number of the router.
    dynamic_asn: Takes any AS number: internal: the same as myASN; external: any other.
    local_asn: An AS number to show to this router in place of myASN.
    peer_address: The address of the router.
    interface: The network interface behind which the router is (unnumbered BGP).
    source_address: The address to connect from.
    peer_port: The port of the router.
    hold_time: How long without a message the session stays; three times keepaliveTime unless set.
    keepalive_time: How often a sign of life is sent; a third of holdTime unless set.
    connect_time: How long to wait between attempts to connect, in whole seconds.
    router_id: The router ID of this side, written as an IPv4 address.
    node_selectors: Nodes that open a session, by their labels; none: every node.
    password: The TCP-MD5 password. Better kept in a Secret: passwordSecret.
    password_secret: The Secret with the TCP-MD5 password.
    bfd_profile: The BFDProfile by which a dead session is noticed within a second; none: no BFD.
    enable_graceful_restart: Whether the router keeps the routes while the speaker restarts. Cannot be changed.
    ebgp_multi_hop: Whether the router is more than one hop away.
    vrf: The VRF of this machine that the session is in.
    disable_mp: Once kept address families in sessions of their own.
    dual_stack_address_family: Whether routes of both address families go over this session.
    """

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
    """A router that addresses are announced to."""

    spec: BGPPeerSpec


class BFDProfileSpec(Strict, frozen=True, kw_only=True):
    """How fast a dead session is noticed: RFC 5880. Intervals are milliseconds.

    receive_interval: The shortest interval in which packets are taken.
    transmit_interval: The shortest interval in which packets are sent.
    detect_multiplier: After so many missed packets the session is down.
    echo_interval: The shortest interval of echo packets.
    echo_mode: Whether echo packets are used.
    passive_mode: Whether to wait for the other side to begin.
    minimum_ttl: The least TTL of packets of sessions over several hops.
    """

    receive_interval: Milliseconds = 300
    transmit_interval: Milliseconds = 300
    detect_multiplier: Annotated[int, msgspec.Meta(ge=2, le=255)] = 3
    echo_interval: Annotated[Milliseconds, idle("there are no echo packets")] = 50
    echo_mode: Annotated[bool, unsupported("the session goes without echo packets")] = False
    passive_mode: bool = False
    minimum_ttl: Annotated[int, msgspec.Meta(ge=1, le=254)] = 254


class BFDProfile(Resource, frozen=True, kw_only=True):
    """Timers of BFD that BGPPeers name."""

    spec: BFDProfileSpec = BFDProfileSpec()


class CommunityAlias(Strict, frozen=True, kw_only=True):
    """A name for a BGP community.

    name: The name that BGPAdvertisements use.
    value: a:b of 16 bits each, or large:a:b:c of 32 bits each.
    """

    name: str = ""
    value: str = ""


class CommunitySpec(Strict, frozen=True, kw_only=True):
    """Names for BGP communities.

    communities: The names; none may occur twice, in all objects together.
    """

    communities: tuple[CommunityAlias, ...] = ()


class Community(Resource, frozen=True, kw_only=True):
    """Names for BGP communities."""

    spec: CommunitySpec = CommunitySpec()
