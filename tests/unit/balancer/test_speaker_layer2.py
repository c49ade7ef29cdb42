"""Who announces an address in the local network, and the words when nobody does."""

from collections.abc import Mapping
from typing import Any

import pytest

from hearthgate.balancer.speaker.layer2 import Placements, place
from hearthgate.balancer.speaker.nodes import EXCLUDE_LABEL, nodes_of
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource


def made(api: str, kind: str, name: str, spec: Mapping[str, Any] | None = None, **more: Any) -> Resource:
    labels, annotations = more.pop("labels", {}), more.pop("annotations", {})
    metadata = {"name": name, "namespace": "infra", "labels": labels, "annotations": annotations}
    if kind == "Node":
        del metadata["namespace"]
    content = {"apiVersion": api, "kind": kind, "metadata": metadata, **more}
    decoded = decode_mapping(content if spec is None else {**content, "spec": spec})
    assert decoded.resource is not None, decoded.problems
    return decoded.resource


def pool(*addresses: str, name: str = "first", **labels: str) -> Resource:
    return made("metallb.io/v1beta1", "IPAddressPool", name, {"addresses": list(addresses)}, labels=labels)


def ad(name: str = "ad", **spec: Any) -> Resource:
    return made("metallb.io/v1beta1", "L2Advertisement", name, spec)


def service(address: str, name: str = "web", annotations: Mapping[str, str] = {}, **spec: Any) -> Resource:
    status = {"loadBalancer": {"ingress": [{"ip": address}]}}
    whole = {"type": "LoadBalancer", "ports": [{"port": 80}], **spec}
    labels = {"app": name}
    return made("v1", "Service", name, whole, status=status, labels=labels, annotations=annotations)


def endpoints(*nodes: str, name: str = "web", ready: bool = True) -> Resource:
    return made(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        name,
        labels={"kubernetes.io/service-name": name},
        addressType="IPv4",
        endpoints=[
            {"addresses": ["10.0.0.1"], "nodeName": node, "conditions": {"ready": ready}} for node in nodes
        ],
        ports=[],
    )


def node(name: str, *, cut_off: bool = False, labels: Mapping[str, str] = {}) -> Resource:
    conditions = [{"type": "NetworkUnavailable", "status": str(cut_off)}]
    return made("v1", "Node", name, labels=labels, status={"conditions": conditions})


BASE = (pool("10.0.0.0/24"), service("10.0.0.1"), endpoints("a", "b"))


def placements(*resources: Resource, alive: str = "ab") -> Placements:
    snapshot = Snapshot.of(resources)
    return place(snapshot, nodes_of(snapshot, frozenset(alive)))


def placed(*resources: Resource, alive: str = "ab") -> dict[str, tuple[str, frozenset[str] | None]]:
    found = placements(*resources, alive=alive)
    assert found.silences == ()
    return {str(address): (one.node, one.interfaces) for address, one in found.placed.items()}


def silence(*resources: Resource, alive: str = "ab") -> str:
    found = placements(*resources, alive=alive)
    assert found.placed == {}
    (one,) = found.silences
    return f"{one.reason}: {one.message}"


def test_an_empty_advertisement_announces_all_pools_everywhere() -> None:
    assert placed(*BASE, ad()).keys() == {"10.0.0.1"}


def test_node_selectors_interfaces_and_preferences() -> None:
    chosen = (node("a"), node("b", labels={"zone": "b"}))
    only_b = ad(nodeSelectors=[{"matchLabels": {"zone": "b"}}], interfaces=["eth0"])
    assert placed(*BASE, *chosen, only_b) == {"10.0.0.1": ("b", frozenset({"eth0"}))}
    prefers = ad(preferredNodeSelectors=[{"weight": 5, "preference": {"matchLabels": {"zone": "b"}}}])
    assert placed(*BASE, *chosen, prefers)["10.0.0.1"] == ("b", None)
    both = placed(*BASE, *chosen, only_b, ad("other"), alive="b")
    assert both == {"10.0.0.1": ("b", None)}, "one that names no interface means all"


def test_pools_by_name_and_by_label() -> None:
    other = ad(ipAddressPools=["other"])
    assert "no L2Advertisement covers pool first" in silence(*BASE, other)
    labelled = (pool("10.0.0.0/24", tier="x"), *BASE[1:])
    assert placed(*labelled, ad(ipAddressPoolSelectors=[{"matchLabels": {"tier": "x"}}]))


def test_local_traffic_stays_on_nodes_with_endpoints() -> None:
    local = (BASE[0], service("10.0.0.1", externalTrafficPolicy="Local"), endpoints("b"), ad())
    assert placed(*local)["10.0.0.1"][0] == "b"
    assert "externalTrafficPolicy is Local" in silence(*local, alive="a")


def test_services_on_one_address_are_announced_together() -> None:
    shared = {"metallb.io/allow-shared-ip": "edge"}
    found = placements(
        BASE[0],
        service("10.0.0.1", "web", shared),
        service("10.0.0.1", "dns", shared),
        endpoints("a", "b"),
        endpoints("b", name="dns"),
        ad(),
    )
    (one,) = found.placed.values()
    assert one.services == (("infra", "dns"), ("infra", "web"))


@pytest.mark.parametrize(
    ("resources", "alive", "words"),
    [
        ((pool("10.9.0.0/24"), *BASE[1:], ad()), "ab", "ipNotAllowed: 10.0.0.1 is in no usable"),
        (BASE, "ab", "noMatchingAdvertisement: no L2Advertisement covers pool first"),
        ((*BASE[:2], ad()), "ab", "notOwner: none of its endpoints is ready"),
        ((*BASE[:2], endpoints("a", ready=False), ad()), "ab", "notOwner: none of its endpoints is ready"),
        ((*BASE, ad()), "", "notOwner: no node can announce (none is alive)"),
        ((*BASE, ad(), node("a", cut_off=True)), "a", "its network is unavailable"),
        ((*BASE, ad(nodeSelectors=[{"matchLabels": {"x": "y"}}])), "ab", "no living node is selected"),
        (
            (
                BASE[0],
                service("10.0.0.1", "web", {"metallb.io/allow-shared-ip": "k"}),
                BASE[2],
                ad(serviceSelectors=[{"matchLabels": {"app": "web"}}]),
            ),
            "ab",
            "sharedIPWithServiceSelector",
        ),
    ],
)
def test_words(resources: tuple[Resource, ...], alive: str, words: str) -> None:
    assert words in silence(*resources, alive=alive)


def test_the_exclude_label_counts_unless_it_bars_everybody() -> None:
    barred = node("a", labels={EXCLUDE_LABEL: ""})
    assert placed(*BASE, ad(), barred, node("b"))["10.0.0.1"][0] == "b"
    assert placed(*BASE, ad(), barred, alive="a")["10.0.0.1"][0] == "a"


def test_a_service_for_the_proxy_finds_the_part_of_this_box() -> None:
    part = made(
        "v1",
        "Pod",
        "proxy-nas",
        {"nodeName": "nas"},
        labels={"app.kubernetes.io/name": "traefik", "app.kubernetes.io/managed-by": "hearthgate"},
        status={"phase": "Running"},
    )
    proxy = service("10.0.0.1", "traefik", selector={"app.kubernetes.io/name": "traefik"})
    snapshot = Snapshot.of([BASE[0], proxy, part, ad()])
    found = place(snapshot, nodes_of(snapshot, frozenset({"nas"})))
    assert [one.node for one in found.placed.values()] == ["nas"]


def test_everybody_comes_to_the_same() -> None:
    services = [service(f"10.0.0.{number}", f"s{number}") for number in range(1, 40)]
    slices = [endpoints("a", "b", name=f"s{number}") for number in range(1, 40)]
    resources = [BASE[0], ad(), *services, *slices]
    one = placements(*resources, alive="ab")
    assert one == placements(*reversed(resources), alive="ba")
    nodes = [each.node for each in one.placed.values()]
    assert abs(nodes.count("a") - nodes.count("b")) <= 1


def test_what_routers_learn_is_not_missed_here() -> None:
    by_bgp = made("metallb.io/v1beta1", "BGPAdvertisement", "routed", {"ipAddressPools": ["first"]})
    assert placements(*BASE, by_bgp) == Placements({}, ())
    other = made("metallb.io/v1beta1", "BGPAdvertisement", "routed", {"ipAddressPools": ["second"]})
    assert silence(*BASE, other).startswith("noMatchingAdvertisement: ")
