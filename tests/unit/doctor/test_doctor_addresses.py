"""`hearthgate ips` and `hearthgate explain ip`: what is said of addresses."""

import ipaddress
from typing import Any

import pytest

from hearthgate.balancer.frames.ethernet import Mac
from hearthgate.balancer.layer2.conflicts import Foreign
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.addresses.explain import Seen, explain, ports_of
from hearthgate.doctor.addresses.table import as_json, table
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource

FOREIGN = Foreign(Mac(bytes.fromhex("02000000ee01")), "lan0")


def made(api: str, kind: str, name: str, *, notes: dict[str, str] | None = None, **content: Any) -> Resource:
    metadata = {"name": name, "namespace": "infra", "annotations": notes or {}}
    resource, problems = decode_mapping({"apiVersion": api, "kind": kind, "metadata": metadata, **content})
    assert resource is not None, problems
    return resource


def service(name: str, address: str = "", port: int = 80) -> Resource:
    points = [{"ip": address}] if address else []
    return made(
        "v1",
        "Service",
        name,
        spec={"type": "LoadBalancer", "ports": [{"port": port}]},
        status={"loadBalancer": {"ingress": points}},
    )


def event(about: str, reason: str, message: str, *, day: int = 1) -> Resource:
    return made(
        "v1",
        "Event",
        f"{about}.{day}",
        involvedObject={"kind": "Service", "namespace": "infra", "name": about},
        reason=reason,
        message=message,
        lastTimestamp=f"2026-01-0{day}T00:00:00Z",
    )


def layer2(name: str, node: str) -> Resource:
    status = {"node": node, "serviceName": name, "serviceNamespace": "infra"}
    return made("metallb.io/v1beta1", "ServiceL2Status", f"l2-{name}", status=status)


POOL = made(
    "metallb.io/v1beta1",
    "IPAddressPool",
    "first",
    notes={"hearthgate.dev/reservations": "10.0.0.6=infra/later"},
    spec={"addresses": ["10.0.0.0/29"], "avoidBuggyIPs": True},
)
SNAPSHOT = Snapshot.of(
    [
        POOL,
        made("metallb.io/v1beta1", "L2Advertisement", "all", spec={}),
        service("web", "10.0.0.2", 443),
        layer2("web", "nas"),
        service("silent", "10.0.0.3"),
        event(
            "silent",
            "NotAnnounced",
            "10.0.0.3 is not announced: none of its endpoints is ready",
            day=2,
        ),
        event("silent", "nodeAssigned", "10.0.0.3 is announced by node nas"),
        service("dhcp", "10.0.0.4"),
        event(
            "dhcp",
            "AddressInUse",
            "10.0.0.4 is not announced: 02:00:00:00:ee:01 has it already",
        ),
        service("old", "192.0.2.1"),
        service("waiting"),
        event("waiting", "AllocationFailed", "no IPv4 address to be had"),
    ]
)


def test_every_address_has_one_row() -> None:
    found = table(SNAPSHOT)
    assert [(str(row.first), str(row.last), row.state) for row in found.rows] == [
        ("10.0.0.1", "10.0.0.1", "free"),
        ("10.0.0.2", "10.0.0.2", "announced"),
        ("10.0.0.3", "10.0.0.3", "not announced"),
        ("10.0.0.4", "10.0.0.4", "taken by another machine"),
        ("10.0.0.5", "10.0.0.5", "free"),
        ("10.0.0.6", "10.0.0.6", "reserved"),
        ("10.0.0.7", "10.0.0.7", "free"),
        ("192.0.2.1", "192.0.2.1", "outside of pools"),
    ]
    assert found.rows[2].message == "none of its endpoints is ready"
    assert found.waiting == ((("infra", "waiting"), "no IPv4 address to be had"),)


def test_as_json() -> None:
    found = as_json(table(SNAPSHOT))
    assert found["addresses"][1] == {
        "pool": "first",
        "address": "10.0.0.2",
        "state": "announced",
        "services": ["infra/web"],
        "announcedBy": [{"node": "nas", "protocol": "layer2", "peers": ()}],
        "message": "",
    }
    assert found["addresses"][0]["count"] == 1


def test_free_ranges_of_large_pools() -> None:
    pool = made("metallb.io/v1beta1", "IPAddressPool", "six", spec={"addresses": ["fd00::/64", "fd01::1-fd01::3"]})
    found = table(Snapshot.of([pool, service("web", "fd00::5")])).rows
    assert [(str(row.first), str(row.last)) for row in found] == [
        ("fd00::", "fd00::4"),
        ("fd00::5", "fd00::5"),
        ("fd00::6", "fd00::ffff:ffff:ffff:ffff"),
        ("fd01::1", "fd01::3"),
    ]


@pytest.mark.parametrize(
    ("address", "seen", "is_well", "words"),
    [
        (
            "10.0.0.2",
            Seen(is_here=True, ports={443: ""}),
            True,
            "Service infra/web has 10.0.0.2, announced by nas",
        ),
        ("10.0.0.2", Seen(ports={443: "refused"}), False, "nothing answers on port 443"),
        ("10.0.0.2", Seen(is_here=True, foreign=FOREIGN), False, "02:00:00:00:ee:01 claims it too"),
        ("10.0.0.3", Seen(), False, "nobody announces it: none of its endpoints is ready"),
        ("10.0.0.4", Seen(foreign=FOREIGN), False, "02:00:00:00:ee:01 has it already"),
        ("10.0.0.5", Seen(), True, "10.0.0.5 is free"),
        ("10.0.0.5", Seen(foreign=FOREIGN), False, "10.0.0.5 is free, but 02:00:00:00:ee:01 has it already"),
        ("10.0.0.6", Seen(), True, "kept for Service infra/later"),
        ("10.0.0.0", Seen(), True, "does not hand it out (avoidBuggyIPs)"),
        ("192.0.2.9", Seen(), False, "in no usable IPAddressPool (there are: first (10.0.0.0-10.0.0.7))"),
        ("192.0.2.1", Seen(), False, "nobody announces it: no speaker has said why"),
    ],
)
def test_the_verdict(address: str, seen: Seen, is_well: bool, words: str) -> None:
    found = explain(SNAPSHOT, ipaddress.ip_address(address), seen)
    assert (found.is_well, words in found.verdict) == (is_well, True), found.verdict
    assert found.as_json()["ok"] is is_well


def test_ports_of_the_holder() -> None:
    assert ports_of(SNAPSHOT, ipaddress.ip_address("10.0.0.2")) == (443,)
    assert ports_of(SNAPSHOT, ipaddress.ip_address("10.0.0.5")) == ()


def test_what_the_network_says_is_told() -> None:
    seen = Seen(neighbour="02:00:00:00:00:07", unasked="CAP_NET_RAW is missing", ports={443: "no answer"})
    facts = dict(explain(SNAPSHOT, ipaddress.ip_address("10.0.0.2"), seen).facts)
    assert facts["neighbour table"] == "it is at 02:00:00:00:00:07"
    assert facts["asked the network"] == "not: CAP_NET_RAW is missing"
    assert facts["port 443"] == "no answer"
