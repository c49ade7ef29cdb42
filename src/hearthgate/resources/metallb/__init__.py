"""metallb.io: every field of upstream 0.16, decoded. BGPPeer is v1beta2, the others v1beta1."""

from hearthgate.resources.metallb.advertisements import BGPAdvertisement, L2Advertisement
from hearthgate.resources.metallb.peers import BFDProfile, BGPPeer, Community
from hearthgate.resources.metallb.pools import IPAddressPool
from hearthgate.resources.metallb.reports import ConfigurationState, ServiceBGPStatus, ServiceL2Status

__all__ = [
    "BFDProfile",
    "BGPAdvertisement",
    "BGPPeer",
    "Community",
    "ConfigurationState",
    "IPAddressPool",
    "L2Advertisement",
    "ServiceBGPStatus",
    "ServiceL2Status",
]
