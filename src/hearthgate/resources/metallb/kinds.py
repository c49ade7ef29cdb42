"""The kinds of metallb.io as the API serves them, with upstream's columns."""

from collections.abc import Iterator
from typing import Final

from hearthgate.resources import metallb
from hearthgate.resources.kinds import Column, Kind
from hearthgate.resources.meta import Resource
from hearthgate.resources.metallb import older

_WIDE: Final = 10
"""Upstream's priority of columns that show only with `-o wide`."""
_POOLS: Final = (
    Column("IPADDRESSPOOLS", ".spec.ipAddressPools"),
    Column("IPADDRESSPOOL SELECTORS", ".spec.ipAddressPoolSelectors"),
)
_NODES: Final = Column("NODE SELECTORS", ".spec.nodeSelectors", priority=_WIDE)
_SERVICE: Final = (
    Column("SERVICE NAME", ".status.serviceName"),
    Column("SERVICE NAMESPACE", ".status.serviceNamespace"),
)
_PEER: Final = (
    Column("ADDRESS", ".spec.peerAddress"),
    Column("ASN", ".spec.peerASN"),
    Column("BFD PROFILE", ".spec.bfdProfile"),
    Column("MULTI HOPS", ".spec.ebgpMultiHop"),
)


def _kind(
    plural: str,
    resource: type[Resource],
    *columns: Column,
    version: str = "v1beta1",
    remark: str = "",
) -> Kind:
    return Kind(
        "metallb.io",
        version,
        resource.__name__,
        plural,
        resource_type=resource,
        categories=("hearthgate",),
        status=True,
        upstream_status=True,
        columns=columns,
        whole_table=bool(columns),
        remark=remark,
    )


def _kinds() -> Iterator[Kind]:
    yield _kind(
        "ipaddresspools",
        metallb.IPAddressPool,
        Column("AUTO ASSIGN", ".spec.autoAssign", "boolean"),
        Column("AVOID BUGGY IPS", ".spec.avoidBuggyIPs", "boolean"),
        Column("ADDRESSES", ".spec.addresses"),
    )
    interfaces = Column("INTERFACES", ".spec.interfaces")
    yield _kind("l2advertisements", metallb.L2Advertisement, *_POOLS, interfaces, _NODES)
    peers = Column("PEERS", ".spec.peers")
    yield _kind("bgpadvertisements", metallb.BGPAdvertisement, *_POOLS, peers, _NODES)
    yield _kind("bgppeers", metallb.BGPPeer, *_PEER, version="v1beta2")
    yield _kind(
        "bfdprofiles",
        metallb.BFDProfile,
        Column("PASSIVE MODE", ".spec.passiveMode"),
        Column("TRANSMIT INTERVAL", ".spec.transmitInterval"),
        Column("RECEIVE INTERVAL", ".spec.receiveInterval"),
        Column("MULTIPLIER", ".spec.detectMultiplier"),
    )
    yield _kind("communities", metallb.Community)
    node = Column("ALLOCATED NODE", ".status.node")
    yield _kind("servicel2statuses", metallb.ServiceL2Status, node, *_SERVICE)
    yield _kind("servicebgpstatuses", metallb.ServiceBGPStatus, Column("NODE", ".status.node"), *_SERVICE)
    yield _kind(
        "configurationstates",
        metallb.ConfigurationState,
        Column("RESULT", ".status.result"),
        Column("ERRORSUMMARY", ".status.errorSummary"),
        Column("AGE", ".metadata.creationTimestamp", "date"),
        remark="Hearthgate stores ConfigurationState objects but neither writes nor reads them",
    )


KINDS: Final = tuple(_kinds())
BGP_PEER: Final = next(kind for kind in KINDS if kind.resource_type is metallb.BGPPeer)
OLDER_BGP_PEER: Final = _kind("bgppeers", older.BGPPeer, *_PEER)
"""Not among KINDS: a view of BGP_PEER (`resources.versions`)."""
