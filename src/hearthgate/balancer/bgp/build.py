"""What this node announces to which router. Pure: every node decides for itself alone.

All nodes announce, and routers spread the traffic (ECMP), unless the traffic of a Service is to stay on the node
that it reaches: then only those with endpoints of it.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hearthgate.balancer.allocation.asked import held_by, is_ours
from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.allocation.pools import Pool
from hearthgate.balancer.allocation.validation import read_pools
from hearthgate.balancer.bgp.advertisements import Advertisement, read_advertisements
from hearthgate.balancer.bgp.communities import read_aliases
from hearthgate.balancer.bgp.model import Announcement, Path, Prefix, Session
from hearthgate.balancer.bgp.peers import Wanted, read_peers
from hearthgate.balancer.speaker.nodes import ANYWHERE, Nodes, Serving, labels_of
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.problems import Problem
from hearthgate.resources.core import Namespace, Service
from hearthgate.resources.metallb import BGPAdvertisement, BGPPeer, Community, IPAddressPool

NOT_OWNER: Final = "notOwner"
NO_ADVERTISEMENT: Final = "noMatchingAdvertisement"
CONFLICTING: Final = "conflictingAdvertisements"
BARRED: Final = "nodeBarred"
NO_LOCAL_ENDPOINTS: Final = "noLocalEndpoints"
NO_ENDPOINTS: Final = "noEndpoints"
NO_PEERS: Final = "noPeers"


class Silence(NamedTuple):
    """Why this node does not announce a Service that a BGPAdvertisement covers. reason: upstream's word where it
    has one. message: for people."""

    service: Key
    reason: str
    message: str


class Model(NamedTuple):
    """sessions: by key of their BGPPeer."""

    sessions: tuple[Session, ...]
    announcements: Mapping[Key, Announcement]
    silences: tuple[Silence, ...]
    problems: tuple[Problem, ...]


_Routes = dict[Key, dict[Prefix, Path]]


def build(snapshot: Snapshot, nodes: Nodes, node: str, *, lb_class: str = "") -> Model:
    """node: our name."""
    if not snapshot.all(BGPPeer) and not snapshot.all(BGPAdvertisement) and not snapshot.all(Community):
        return Model((), {}, (), ())
    labels = labels_of(snapshot, node)
    pools = read_pools(snapshot.all(IPAddressPool), snapshot.all(Namespace)).usable
    aliases = read_aliases(snapshot.all(Community))
    ads = read_advertisements(snapshot, pools, aliases.named)
    peers = read_peers(snapshot, labels)
    routes: _Routes = {wanted.resource.key: {} for wanted in peers.usable}
    announcements: dict[Key, Announcement] = {}
    silences: list[Silence] = []
    here = _Here(node, labels, nodes, Serving(snapshot, frozenset(nodes.able)))
    for service in snapshot.all(Service):
        held = held_by(service) if is_ours(service, lb_class) else ()
        covered = {address: found for address in held if (found := _covering(address, service, pools, ads.usable))}
        if not covered:
            continue
        silence = here.silence(service, covered)
        if silence is None:
            chosen = {address: here.of(found) for address, found in covered.items()}
            names = _add(chosen, peers.usable, routes)
            if names:
                announcements[service.key] = Announcement(service.key, tuple(chosen), names)
                continue
            silence = Silence(service.key, NO_PEERS, _why_no_peers(peers.usable))
        silences.append(silence)
    sessions = tuple(
        Session(one.resource.key, one.peer, one.bfd, routes[one.resource.key]) for one in peers.usable
    )
    problems = tuple(sorted((*aliases.problems, *ads.problems, *peers.problems)))
    return Model(sessions, announcements, tuple(silences), problems)


def _covering(
    address: Address, service: Service, pools: Iterable[Pool], ads: Iterable[Advertisement]
) -> tuple[Advertisement, ...]:
    """On any node."""
    pool = next((pool for pool in pools if pool.hands_out(address)), None)
    if pool is None:
        return ()
    return tuple(ad for ad in ads if pool.name in ad.pools and ad.selects_service(service.metadata.labels))


class _Here(NamedTuple):
    """This node."""

    node: str
    labels: Mapping[str, str]
    nodes: Nodes
    serving: Serving

    def of(self, ads: Iterable[Advertisement]) -> tuple[Advertisement, ...]:
        """Those that select this node."""
        return tuple(ad for ad in ads if ad.selects_node(self.labels))

    def silence(self, service: Service, covered: Mapping[Address, tuple[Advertisement, ...]]) -> Silence | None:
        """In upstream's order."""
        here = {address: self.of(ads) for address, ads in covered.items()}
        if not any(here.values()):
            message = "no BGPAdvertisement for it selects this node (nodeSelectors)"
            return Silence(service.key, NOT_OWNER, message)
        for address, ads in here.items():
            if conflict := _conflict(address, ads):
                return Silence(service.key, CONFLICTING, conflict)
        if self.node not in self.nodes.able:
            return Silence(service.key, BARRED, self.nodes.barred.get(self.node, "this node is not alive"))
        on = self.serving.nodes(service)
        if not on.nodes:
            return Silence(service.key, NO_ENDPOINTS, "none of its endpoints is ready")
        is_here = bool(on.nodes & {self.node, ANYWHERE})
        if on.only_there and not is_here:
            message = f"the part of Hearthgate that serves it runs on {', '.join(sorted(on.nodes))}"
            return Silence(service.key, NO_LOCAL_ENDPOINTS, message)
        if service.spec.external_traffic_policy == "Local" and not is_here:
            message = "externalTrafficPolicy is Local, and this node has no endpoint of it that is ready"
            return Silence(service.key, NO_LOCAL_ENDPOINTS, message)
        return None


def _conflict(address: Address, ads: Iterable[Advertisement]) -> str:
    chosen: dict[Prefix, Advertisement] = {}
    for ad in ads:
        other = chosen.setdefault(ad.prefix(address), ad)
        shares_peer = not ad.spec.peers or not other.spec.peers or set(ad.spec.peers) & set(other.spec.peers)
        if shares_peer and ad.spec.local_pref != other.spec.local_pref:
            both = f"{other.resource.ref} and {ad.resource.ref}"
            return f"{both} give {ad.prefix(address)} different values of localPref: make them the same"
    return ""


def _add(
    chosen: Mapping[Address, tuple[Advertisement, ...]], peers: Iterable[Wanted], routes: _Routes
) -> tuple[str, ...]:
    """Puts the routes into the tables; the names of the peers that get any. Services on one address, or in one
    aggregate, get the communities of all of them."""
    named: set[str] = set()
    for address, ads in chosen.items():
        for wanted in peers:
            name = wanted.resource.metadata.name
            if address.version not in wanted.peer.families:
                continue
            table = routes[wanted.resource.key]
            for ad in ads:
                if not ad.spec.peers or name in ad.spec.peers:
                    prefix = ad.prefix(address)
                    table[prefix] = _merged(table.get(prefix), ad.path)
                    named.add(name)
    return tuple(sorted(named))


def _merged(known: Path | None, new: Path) -> Path:
    if known is None:
        return new
    return Path(max(known.local_pref, new.local_pref), known.communities | new.communities)


def _why_no_peers(peers: tuple[Wanted, ...]) -> str:
    if not peers:
        return "this node has no usable BGPPeer: make one, or see the Events of those there are"
    return "no BGPPeer of this node is named by its BGPAdvertisements and carries its address family"
