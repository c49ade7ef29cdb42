"""Settings of members, where they are heard, and which boxes serve."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hearthgate.balancer.layer2.quiet import WANTED, quiet_kernel
from hearthgate.balancer.settings import LoadBalancerSettings, Where, members_of, mistakes, read_where
from hearthgate.balancer.speaker.layer2 import place
from hearthgate.balancer.speaker.nodes import MANAGED_BY, OURS, nodes_of
from hearthgate.balancer.speaker.peers import peers_of
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource


def made(kind: str, name: str, api: str = "v1", **content: Any) -> Resource:
    labels = content.pop("labels", {})
    metadata = {"name": name, "labels": labels, **({} if kind == "Node" else {"namespace": "infra"})}
    decoded = decode_mapping({"apiVersion": api, "kind": kind, "metadata": metadata, **content})
    assert decoded.resource is not None, decoded.problems
    return decoded.resource


def node(name: str, *addresses: str) -> Resource:
    found = [{"type": "InternalIP", "address": one} for one in addresses]
    return made("Node", name, status={"addresses": found})


def pod(name: str, on: str, *, phase: str = "Running") -> Resource:
    labels = {MANAGED_BY: OURS, "app.kubernetes.io/name": "traefik"}
    return made("Pod", name, labels=labels, spec={"nodeName": on}, status={"phase": phase})


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("192.0.2.1", Where("192.0.2.1", 7946)),
        ("192.0.2.1:80", Where("192.0.2.1", 80)),
        ("2001:db8::1", Where("2001:db8::1", 7946)),
        ("[2001:db8::1]:80", Where("2001:db8::1", 80)),
        (":80", Where("", 80)),
    ],
)
def test_addresses_with_and_without_ports(text: str, where: Where) -> None:
    assert read_where(text) == where


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"members": {"pi": "pi.lan"}}, "members.pi"),
        ({"members": {"pi": ":7946"}}, "members.pi"),
        ({"members": {"pi": "192.0.2.1:0"}}, "members.pi"),
        ({"heartbeat": {"interval": "soon"}}, "heartbeat.interval"),
        ({"heartbeat": {"interval": "1ms"}}, "heartbeat.interval"),
        ({"heartbeat": {"misses": 0}}, "heartbeat.misses"),
        ({"heartbeat": {"address": "7946"}}, "heartbeat.address"),
        ({"dataPath": True}, "dataPath"),
    ],
)
def test_mistakes_are_told_with_their_place(content: Mapping[str, Any], path: str) -> None:
    settings = msgspec.convert(content, LoadBalancerSettings)
    assert [one.path for one in mistakes(settings)] == [path]


def test_good_settings_have_no_mistakes_and_one_port_for_all() -> None:
    content = {"members": {"pi": "192.0.2.1", "nas": "192.0.2.2:1"}, "heartbeat": {"address": "0.0.0.0:99"}}
    settings = msgspec.convert(content, LoadBalancerSettings)
    assert list(mistakes(settings)) == []
    assert members_of(settings) == {"nas": Where("192.0.2.2", 1), "pi": Where("192.0.2.1", 99)}
    assert settings.has_members
    assert not LoadBalancerSettings().has_members


def test_peers_are_those_named_and_those_found() -> None:
    snapshot = Snapshot.of(
        [node("a", "192.0.2.1"), node("b", "192.0.2.2"), node("c", "127.0.0.1"), node("d", "?")]
    )
    named = {"b": Where("192.0.2.9", 1), "e": Where("192.0.2.5", 1)}
    assert peers_of(snapshot, "a", named=named, find=False, port=7) == named
    assert peers_of(snapshot, "e", named=named, find=True, port=7) == {
        "a": Where("192.0.2.1", 7),
        "b": Where("192.0.2.9", 1),
    }


def test_a_part_is_served_on_each_box_of_its_own() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}
    spec = {"type": "LoadBalancer", "selector": {"app.kubernetes.io/name": "traefik"}, "ports": [{"port": 80}]}
    objects = [
        made("IPAddressPool", "first", "metallb.io/v1beta1", spec={"addresses": ["10.0.0.0/24"]}),
        made("L2Advertisement", "ad", "metallb.io/v1beta1"),
        made("Service", "proxy", spec=spec, status=status),
    ]

    def candidates(*pods: Resource, alive: str) -> list[str]:
        snapshot = Snapshot.of([*objects, *pods])
        placed = place(snapshot, nodes_of(snapshot, frozenset(alive.split()))).placed
        return sorted(name for one in placed.values() for name in one.candidates)

    assert candidates(pod("proxy-nas", "nas"), alive="nas pi") == ["nas", "pi"]
    assert candidates(pod("proxy-nas", "nas", phase="Pending"), alive="nas pi") == ["pi"], "the nas is not ready"
    assert candidates(pod("proxy-nas", "nas"), alive="nas") == ["nas"]
    assert candidates(alive="nas pi") == []


def test_the_kernel_is_quieted_and_never_made_louder(tmp_path: Path) -> None:
    (tmp_path / "arp_ignore").write_text("2\n")
    (tmp_path / "arp_announce").write_text("0\n")
    assert quiet_kernel(tmp_path) == ""
    assert [(name, (tmp_path / name).read_text().strip()) for name, _ in WANTED] == [
        ("arp_ignore", "2"),
        ("arp_announce", "2"),
    ]
    assert "net.ipv4.conf.all.arp_ignore" in quiet_kernel(tmp_path / "nowhere")
