"""From BGPPeers to the sessions of one node, checked alone and together. Pure.

Upstream refuses all peers for the mistake of one; here a peer in error is out of service alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.bfd.machine import Timers
from hearthgate.balancer.bgp.model import HOLD_TIME, Bfd, Peer
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Problem, Reason, did_you_mean, shorten
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Secret
from hearthgate.resources.metallb import BFDProfile, BGPPeer
from hearthgate.resources.metallb.peers import BGPPeerSpec

BASIC_AUTH: Final = "kubernetes.io/basic-auth"
_MOST_SECONDS: Final = 65535
_LONGEST_PASSWORD: Final = 80
"""TCP_MD5SIG_MAXKEYLEN of Linux."""


class Mistake(Exception):
    """Ends the reading of one peer; becomes a Problem. Never leaves this module."""

    def __init__(self, field: str, message: str, reason: Reason = Reason.INVALID_VALUE) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.reason = reason


class Wanted(NamedTuple):
    """A BGPPeer of this node, usable."""

    resource: BGPPeer
    peer: Peer
    bfd: Bfd | None


class Peers(NamedTuple):
    usable: tuple[Wanted, ...]
    problems: tuple[Problem, ...]


def read_peers(snapshot: Snapshot, labels: Mapping[str, str]) -> Peers:
    """Those that select a node with these labels. Of two in conflict the younger is out of service, else the later
    by name."""
    usable: list[Wanted] = []
    problems: list[Problem] = []
    for resource in sorted(snapshot.all(BGPPeer), key=_age):
        selectors = resource.spec.node_selectors
        if selectors and not any(selector.matches(labels) for selector in selectors):
            continue
        try:
            wanted = _read(resource, snapshot)
            _check_together(wanted, usable)
        except Mistake as mistake:
            problems.append(
                Problem(ref=resource.ref, field=mistake.field, reason=mistake.reason, message=mistake.message)
            )
        else:
            usable.append(wanted)
    return Peers(tuple(sorted(usable, key=lambda one: one.resource.key)), tuple(sorted(problems)))


def _read(resource: BGPPeer, snapshot: Snapshot) -> Wanted:
    spec = resource.spec
    _check_place(spec)
    address = _address(spec.peer_address, "spec.peerAddress")
    if address.is_link_local:
        message = f"{address} is a link-local address, which names no interface: use another address of the router"
        raise Mistake("spec.peerAddress", message, Reason.UNSUPPORTED)
    source = _address(spec.source_address, "spec.sourceAddress") if spec.source_address else None
    if source is not None and source.version != address.version:
        raise Mistake("spec.sourceAddress", f"{source} and {address} are of different families")
    local, remote, is_internal = _numbers(spec)
    if spec.ebgp_multi_hop and is_internal:
        raise Mistake(
            "spec.ebgpMultiHop", "is for routers of other ASes: sessions inside an AS may have any length"
        )
    hold, keepalive = _times(spec)
    families = (4, 6) if spec.dual_stack_address_family else (address.version,)
    peer = Peer(
        address=address,
        port=spec.peer_port,
        local_asn=local,
        remote_asn=remote,
        is_internal=is_internal,
        source=source,
        router_id=_router_id(spec.router_id),
        hold_time=hold,
        keepalive_time=keepalive,
        connect_time=_connect_time(spec.connect_time),
        password=_password(resource, snapshot),
        multihop=spec.ebgp_multi_hop,
        graceful=spec.enable_graceful_restart,
        families=families,
    )
    return Wanted(resource, peer, _bfd(resource, snapshot, may_be_far=spec.ebgp_multi_hop))


def _check_place(spec: BGPPeerSpec) -> None:
    if spec.interface:
        message = "sessions without an address of the router (unnumbered) cannot be made: give spec.peerAddress"
        raise Mistake("spec.interface", message, Reason.UNSUPPORTED)
    if spec.vrf:
        message = "sessions in a VRF cannot be made: reach the router from the main routing table"
        raise Mistake("spec.vrf", message, Reason.UNSUPPORTED)
    if not spec.peer_address:
        raise Mistake("spec.peerAddress", "is missing: give the address of the router", Reason.MISSING_FIELD)


def _numbers(spec: BGPPeerSpec) -> tuple[int, int | None, bool]:
    """(ours, the router's if it matters, whether both are the same AS)"""
    if spec.my_asn == 0:
        raise Mistake("spec.myASN", "0 is no AS number: private ones are 64512 to 65534")
    if spec.peer_asn and spec.dynamic_asn:
        raise Mistake("spec.dynamicASN", "peerASN and dynamicASN exclude each other: keep one")
    if not spec.peer_asn and not spec.dynamic_asn:
        message = "is missing: give the AS number of the router, or dynamicASN"
        raise Mistake("spec.peerASN", message, Reason.MISSING_FIELD)
    local = spec.my_asn if spec.local_asn is None else spec.local_asn
    if spec.dynamic_asn:
        is_internal = spec.dynamic_asn == "internal"
        return local, local if is_internal else None, is_internal
    if spec.local_asn is not None and spec.local_asn == spec.peer_asn:
        raise Mistake(
            "spec.localASN", f"{local} is the router's own: a local AS is shown to routers of other ASes"
        )
    return local, spec.peer_asn, spec.peer_asn == local


def _times(spec: BGPPeerSpec) -> tuple[int, int]:
    """(hold time, keepalive time) in seconds."""
    hold = _seconds(spec.hold_time, "spec.holdTime")
    keepalive = _seconds(spec.keepalive_time, "spec.keepaliveTime")
    if hold is None and keepalive is None:
        return HOLD_TIME, HOLD_TIME // 3
    if hold is None:
        hold = 3 * (keepalive or 0)
    if hold != 0 and not 3 <= hold <= _MOST_SECONDS:
        raise Mistake("spec.holdTime", f"{hold} s: must be 0s, or from 3s to 65535s")
    if keepalive is None:
        keepalive = hold // 3
    if keepalive > hold:
        raise Mistake(
            "spec.keepaliveTime", f"{keepalive} s is longer than the hold time, {hold} s: take a third of it"
        )
    return hold, keepalive


def _connect_time(text: str | None) -> int | None:
    seconds = _seconds(text, "spec.connectTime")
    if seconds is not None and not 1 <= seconds <= _MOST_SECONDS:
        raise Mistake("spec.connectTime", f"{text}: must be from 1s to 65535s")
    return seconds


def _seconds(text: str | None, field: str) -> int | None:
    if text is None:
        return None
    seconds = parse_duration(text)
    if seconds < 0 or seconds != int(seconds):
        raise Mistake(field, f"{text}: must be whole seconds, such as {max(3, round(abs(seconds)))}s")
    return int(seconds)


def _router_id(text: str) -> IPv4Address | None:
    if not text:
        return None
    try:
        found = IPv4Address(text)
    except ValueError:
        raise Mistake("spec.routerID", f"{shorten(text)} is not written as an IPv4 address") from None
    if not int(found):
        raise Mistake("spec.routerID", "0.0.0.0 is no router ID: leave it out, or take an address of this machine")
    return found


def _address(text: str, field: str) -> Address:
    try:
        found = ip_address(text)
    except ValueError:
        raise Mistake(field, f"{shorten(text)} is no IP address") from None
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        raise Mistake(field, f"{shorten(text)} names an interface: write an address alone")
    if found.is_unspecified or found.is_multicast:
        raise Mistake(field, f"{found} is no address of one machine")
    return found


def _password(resource: BGPPeer, snapshot: Snapshot) -> SecretBytes | None:
    spec, reference = resource.spec, resource.spec.password_secret
    named = reference is not None and bool(reference.name)
    if named and spec.password:
        raise Mistake("spec.password", "password and passwordSecret exclude each other: keep the Secret")
    password, field = spec.password or None, "spec.password"
    if reference is not None and named:
        field = "spec.passwordSecret"
        password = _from_secret(resource, reference.namespace, reference.name, snapshot)
    if password is not None and len(password.reveal()) > _LONGEST_PASSWORD:
        raise Mistake(field, f"the password is longer than {_LONGEST_PASSWORD} bytes, the most that TCP-MD5 takes")
    return password


def _from_secret(resource: BGPPeer, namespace: str, name: str, snapshot: Snapshot) -> SecretBytes:
    """Secrets of other namespaces are not for this peer, as upstream has it."""
    field = "spec.passwordSecret"
    own = resource.metadata.namespace
    if namespace not in {"", own}:
        message = f"Secret {namespace}/{name} is in another namespace: put one into {own}"
        raise Mistake(f"{field}.namespace", message, Reason.CROSS_NAMESPACE)
    secret = snapshot.get(Secret, own, name)
    if secret is None:
        raise Mistake(f"{field}.name", f"Secret {own}/{name} does not exist: make it", Reason.SECRET_NOT_FOUND)
    if secret.type != BASIC_AUTH:
        message = f"Secret {own}/{name} is of type {shorten(secret.type)}: make it of type {BASIC_AUTH}"
        raise Mistake(f"{field}.name", message, Reason.SECRET_INVALID)
    password = secret.value("password")
    if not password:
        message = f"Secret {own}/{name} has no key password: add it"
        raise Mistake(f"{field}.name", message, Reason.SECRET_INVALID)
    return password


def _bfd(resource: BGPPeer, snapshot: Snapshot, *, may_be_far: bool) -> Bfd | None:
    """Profiles are in the namespace of the peer."""
    name, space = resource.spec.bfd_profile, resource.metadata.namespace
    if not name:
        return None
    profile = snapshot.get(BFDProfile, space, name)
    if profile is None:
        known = (one.metadata.name for one in snapshot.all(BFDProfile) if one.metadata.namespace == space)
        message = f"BFDProfile {space}/{name} does not exist{did_you_mean(name, known)}: make it"
        raise Mistake("spec.bfdProfile", message)
    spec = profile.spec
    timers = Timers(
        spec.transmit_interval * 1000, spec.receive_interval * 1000, spec.detect_multiplier, spec.passive_mode
    )
    return Bfd(timers, spec.minimum_ttl if may_be_far else None)


def _check_together(wanted: Wanted, others: Iterable[Wanted]) -> None:
    """Upstream's rules for the peers of one node. Its FRR knows one AS number and one router ID for a node; here a
    session has its own, but a network that sees two is hard to understand, and a move back would break."""
    spec = wanted.resource.spec
    for other in others:
        if (other.peer.address, other.peer.port) == (wanted.peer.address, wanted.peer.port):
            message = f"{other.resource.ref} has a session with {spec.peer_address} already: remove one of them"
            raise Mistake("spec.peerAddress", message)
        if other.peer.address == wanted.peer.address and (other.bfd or wanted.bfd) and other.bfd != wanted.bfd:
            message = (
                f"{other.resource.ref} has another profile for {spec.peer_address}: one session of BFD serves both"
            )
            raise Mistake("spec.bfdProfile", message)
        for field, mine, theirs in _shared(spec, other.resource.spec):
            if mine != theirs:
                message = f"{mine or 'none'}, but {other.resource.ref} on the same node has {theirs or 'none'}"
                raise Mistake(field, f"{message}: a node needs one for all its peers")


def _shared(one: BGPPeerSpec, other: BGPPeerSpec) -> Iterator[tuple[str, object, object]]:
    yield "spec.myASN", one.my_asn, other.my_asn
    yield "spec.routerID", one.router_id, other.router_id


def _age(resource: BGPPeer) -> tuple[str, str, str]:
    return (resource.metadata.creation_timestamp or "", *resource.key)
