"""What a node announces to which router, and the words for what is wrong with the resources of BGP."""

from collections.abc import Mapping
from typing import Any

import pytest

from hearthgate.balancer.bgp.build import Model, build
from hearthgate.balancer.speaker.nodes import nodes_of
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.meta import Resource
from tests.unit.balancer.test_speaker_layer2 import endpoints, made, node, pool, service


def peer(name: str = "router", **spec: Any) -> Resource:
    whole = {"myASN": 65001, "peerASN": 65002, "peerAddress": "10.0.0.254", **spec}
    return made("metallb.io/v1beta2", "BGPPeer", name, {key: one for key, one in whole.items() if one is not None})


def ad(name: str = "ad", **spec: Any) -> Resource:
    return made("metallb.io/v1beta1", "BGPAdvertisement", name, spec)


def secret(kind: str = "kubernetes.io/basic-auth", **data: str) -> Resource:
    return made("v1", "Secret", "router", type=kind, stringData=data)


def alias(name: str, **values: str) -> Resource:
    items = [{"name": one, "value": value} for one, value in values.items()]
    return made("metallb.io/v1beta1", "Community", name, {"communities": items})


def model(*resources: Resource, on: str = "a", alive: str = "ab") -> Model:
    snapshot = Snapshot.of(resources)
    return build(snapshot, nodes_of(snapshot, frozenset(alive)), on)


BASE = (pool("10.0.0.0/24", "fd00::/64"), service("10.0.0.1"), endpoints("a", "b"))


def routes(*resources: Resource, on: str = "a") -> Mapping[str, list[str]]:
    found = model(*resources, on=on)
    assert [str(one) for one in found.problems if one.is_error] == []
    return {one.key[1]: [str(prefix) for prefix in one.routes] for one in found.sessions}


def problems(*resources: Resource) -> list[str]:
    return [str(one) for one in model(*BASE, *resources).problems]


def silence(*resources: Resource, on: str = "a") -> str:
    (one,) = model(*resources, on=on).silences
    return f"{one.reason}: {one.message}"


def test_every_node_announces_to_every_peer() -> None:
    for name in "ab":
        assert routes(*BASE, peer(), ad(), on=name) == {"router": ["10.0.0.1/32"]}


def test_defaults_of_a_peer() -> None:
    (session,) = model(*BASE, peer(), ad()).sessions
    assert (session.label, session.peer.hold_time, session.peer.keepalive_time) == ("10.0.0.254:179", 90, 30)
    assert (session.peer.families, session.peer.is_internal, session.bfd) == ((4,), False, None)


@pytest.mark.parametrize(
    ("given", "hold", "keepalive"),
    [
        ({"holdTime": "9s"}, 9, 3),
        ({"keepaliveTime": "5s"}, 15, 5),
        ({"holdTime": "0s"}, 0, 0),
        ({"holdTime": "1m", "keepaliveTime": "10s"}, 60, 10),
    ],
)
def test_one_time_follows_from_the_other(given: Mapping[str, str], hold: int, keepalive: int) -> None:
    (session,) = model(*BASE, peer(**given), ad()).sessions
    assert (session.peer.hold_time, session.peer.keepalive_time) == (hold, keepalive)


def test_node_selectors_of_peers_and_advertisements() -> None:
    nodes = (node("a", labels={"rack": "1"}), node("b"))
    only = [{"matchLabels": {"rack": "1"}}]
    assert routes(*BASE, *nodes, peer(nodeSelectors=only), ad(), on="b") == {}
    assert silence(*BASE, *nodes, peer(), ad(nodeSelectors=only), on="b").startswith("notOwner: ")
    assert routes(*BASE, *nodes, peer(nodeSelectors=only), ad(nodeSelectors=only)) == {"router": ["10.0.0.1/32"]}


def test_peers_and_services_are_chosen() -> None:
    other = peer("other", peerAddress="10.0.0.253")
    assert routes(*BASE, peer(), other, ad(peers=["other"])) == {"other": ["10.0.0.1/32"], "router": []}
    assert routes(*BASE, peer(), ad(serviceSelectors=[{"matchLabels": {"app": "db"}}])) == {"router": []}


def test_aggregation_and_families() -> None:
    six = (service("fd00::1", "six"), endpoints("a", name="six"))
    wide = ad(aggregationLength=24, aggregationLengthV6=64)
    assert routes(*BASE, *six, peer(), wide) == {"router": ["10.0.0.0/24"]}
    both = peer(dualStackAddressFamily=True)
    assert sorted(routes(*BASE, *six, both, wide)["router"]) == ["10.0.0.0/24", "fd00::/64"]
    assert routes(*BASE, *six, peer(peerAddress="fd00::ff"), ad()) == {"router": ["fd00::1/128"]}


def test_communities_and_preference_reach_the_route() -> None:
    names = alias("names", blackhole="65535:666", vip="large:65001:1:2")
    (session,) = model(
        *BASE, names, peer(), ad(localPref=200, communities=["blackhole", "vip", "65000:1"])
    ).sessions
    (path,) = session.routes.values()
    assert path.local_pref == 200
    assert path.communities == ((65000 << 16 | 1, 65535 << 16 | 666), ((65001, 1, 2),))


def test_several_advertisements_of_one_address_add_up() -> None:
    found = routes(*BASE, peer(), ad("one"), ad("two", aggregationLength=26))
    assert found == {"router": ["10.0.0.1/32", "10.0.0.0/26"]}


def test_local_traffic_needs_an_endpoint_here() -> None:
    local = (pool("10.0.0.0/24"), service("10.0.0.1", externalTrafficPolicy="Local"), endpoints("b"), peer(), ad())
    assert silence(*local).startswith("noLocalEndpoints: ")
    assert routes(*local, on="b") == {"router": ["10.0.0.1/32"]}


def test_why_nothing_is_announced() -> None:
    addresses = (pool("10.0.0.0/24"), service("10.0.0.1"))
    assert silence(*addresses, endpoints("a", ready=False), peer(), ad()).startswith("noEndpoints: ")
    assert silence(*BASE, node("a", cut_off=True), peer(), ad()).startswith("nodeBarred: its network")
    assert silence(*BASE, ad()).startswith("noPeers: this node has no usable BGPPeer")
    assert silence(*BASE, peer(peerAddress="fd00::ff"), ad()).startswith("noPeers: no BGPPeer of this node")
    chosen = [{"matchLabels": {"app": "web"}}]
    said = silence(*BASE, peer(), ad(localPref=1, serviceSelectors=chosen), ad("b", localPref=2))
    assert said.startswith("conflictingAdvertisements: ")


def test_the_password_comes_from_the_secret_and_is_never_shown() -> None:
    found = model(*BASE, secret(password="s3cret"), peer(passwordSecret={"name": "router"}), ad())
    (session,) = found.sessions
    assert session.peer.password is not None
    assert session.peer.password.reveal() == b"s3cret"
    assert "s3cret" not in repr(found)


WRONG_PEERS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "no own AS": ({"myASN": 0}, "spec.myASN: 0 is no AS number"),
    "no AS": ({"peerASN": None}, "spec.peerASN: is missing"),
    "two ASes": ({"dynamicASN": "external"}, "spec.dynamicASN: peerASN and dynamicASN exclude each other"),
    "unnumbered": ({"peerAddress": None, "interface": "eth0"}, "spec.interface: sessions without an address"),
    "no address": ({"peerAddress": None}, "spec.peerAddress: is missing"),
    "bad address": ({"peerAddress": "router"}, "spec.peerAddress: 'router' is no IP address"),
    "link-local": ({"peerAddress": "fe80::1"}, "spec.peerAddress: fe80::1 is a link-local address"),
    "families": ({"sourceAddress": "fd00::2"}, "spec.sourceAddress: fd00::2 and 10.0.0.254 are of different"),
    "vrf": ({"vrf": "red"}, "spec.vrf: sessions in a VRF cannot be made"),
    "multihop inside": (
        {"peerASN": 65001, "ebgpMultiHop": True},
        "spec.ebgpMultiHop: is for routers of other ASes",
    ),
    "short hold": ({"holdTime": "2s"}, "spec.holdTime: 2 s: must be 0s, or from 3s"),
    "half seconds": ({"holdTime": "3500ms"}, "spec.holdTime: 3500ms: must be whole seconds"),
    "keepalive": ({"holdTime": "9s", "keepaliveTime": "10s"}, "spec.keepaliveTime: 10 s is longer than"),
    "connect": ({"connectTime": "0s"}, "spec.connectTime: 0s: must be from 1s"),
    "router ID": ({"routerID": "fd00::1"}, "spec.routerID: 'fd00::1' is not written as an IPv4 address"),
    "profile": ({"bfdProfile": "fast"}, "spec.bfdProfile: BFDProfile infra/fast does not exist"),
    "no secret": (
        {"passwordSecret": {"name": "router"}},
        "spec.passwordSecret.name: Secret infra/router does not",
    ),
    "foreign": (
        {"passwordSecret": {"name": "a", "namespace": "b"}},
        "spec.passwordSecret.namespace: Secret b/a is in",
    ),
    "both": (
        {"password": "s3cret", "passwordSecret": {"name": "a"}},
        "spec.password: password and passwordSecret",
    ),
    "long": ({"password": "s3cret" * 20}, "spec.password: the password is longer than 80 bytes"),
    "local AS": ({"localASN": 65002}, "spec.localASN: 65002 is the router's own"),
}


@pytest.mark.parametrize("name", WRONG_PEERS)
def test_a_wrong_peer_is_out_of_service_alone(name: str) -> None:
    spec, words = WRONG_PEERS[name]
    (problem,) = problems(peer(**spec), ad())
    assert problem.startswith(f"BGPPeer infra/router: {words}")
    assert "s3cret" not in problem
    assert [
        one.key[1] for one in model(*BASE, peer(**spec), peer("zz", peerAddress="10.0.0.9"), ad()).sessions
    ] == ["zz"]


@pytest.mark.parametrize(
    ("resource", "words"),
    [(secret("Opaque", password="x"), "is of type 'Opaque'"), (secret(user="x"), "has no key password")],
)
def test_a_secret_of_no_use(resource: Resource, words: str) -> None:
    (problem,) = problems(resource, peer(passwordSecret={"name": "router"}), ad())
    assert words in problem


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, "spec.peerAddress: BGPPeer infra/router has a session with 10.0.0.254 already"),
        (
            {"peerAddress": "10.0.0.9", "myASN": 65009},
            "spec.myASN: 65009, but BGPPeer infra/router on the same node",
        ),
        ({"peerAddress": "10.0.0.9", "routerID": "1.1.1.1"}, "spec.routerID: 1.1.1.1, but BGPPeer infra/router"),
    ],
)
def test_peers_in_conflict(other: Mapping[str, Any], words: str) -> None:
    (problem,) = problems(peer(), peer("second", **other), ad())
    assert problem.startswith(f"BGPPeer infra/second: {words}")


WRONG_ADS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "alias": ({"communities": ["nope"]}, "spec.communities: no Community defines 'nope'"),
    "value": ({"communities": ["1:70000"]}, "spec.communities: '1:70000': '70000' is no number from 0 to 65535"),
    "large": ({"communities": ["large:1:2"]}, "spec.communities: 'large:1:2' is neither a community"),
    "twice": ({"peers": ["router", "router"]}, "spec.peers[1]: 'router' stands in the list already"),
    "too wide": ({"aggregationLength": 20}, "spec.aggregationLength: /20 is larger than a part of pool first"),
    "too wide 6": (
        {"aggregationLengthV6": 48},
        "spec.aggregationLengthV6: /48 is larger than a part of pool first",
    ),
    "chosen": (
        {"aggregationLength": 28, "serviceSelectors": [{"matchLabels": {"a": "b"}}]},
        "spec.serviceSelectors: ",
    ),
    "unknown peer": ({"peers": ["ruter"]}, "spec.peers: 'ruter' does not exist (did you mean 'router'?)"),
    "unknown pool": ({"ipAddressPools": ["frist"]}, "spec.ipAddressPools: 'frist' does not exist (did you mean"),
}


@pytest.mark.parametrize("name", WRONG_ADS)
def test_a_wrong_advertisement(name: str) -> None:
    spec, words = WRONG_ADS[name]
    (problem,) = problems(peer(), ad(**spec))
    assert problem.startswith(f"BGPAdvertisement infra/ad: {words}")


def test_advertisements_in_conflict() -> None:
    (same,) = problems(peer(), ad(), ad("twin"))
    assert same.startswith("BGPAdvertisement infra/twin: spec: is the same as that of BGPAdvertisement infra/ad")
    (differs,) = problems(peer(), ad(localPref=1), ad("b", localPref=2))
    assert differs.startswith("BGPAdvertisement infra/b: spec.localPref: 2, but BGPAdvertisement infra/ad says 1")
    assert (
        problems(peer(), ad(localPref=1), ad("b", localPref=2, aggregationLength=26, aggregationLengthV6=96)) == []
    )


def test_an_alias_twice_or_without_sense() -> None:
    (twice,) = problems(alias("one", vip="1:1"), alias("two", vip="1:2"))
    assert twice.startswith("Community infra/two: spec.communities[0].name: vip is defined by Community infra/one")
    (senseless,) = problems(alias("one", vip="1:x"))
    assert senseless.startswith("Community infra/one: spec.communities[0].value: '1:x': 'x' is no number")
