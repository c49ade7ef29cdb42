"""What rules need of the kernel beside themselves, and which of its memories they make stale."""

import struct
from ipaddress import ip_address

import pytest

from hearthgate.app.datapath import served
from hearthgate.app.settings import load_settings
from hearthgate.balancer.datapath.ctnetlink import Flow, flow_of, stale
from hearthgate.balancer.datapath.needs import missing, needs_forwarding, not_forwarded
from hearthgate.balancer.datapath.rules import Place, Rule, Target, rules
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.problems import Reason
from hearthgate.netfilter.conntrack import forget, read_entry
from hearthgate.netfilter.messages import Message, attribute, messages
from tests.service_samples import part, service, slice_of

OWN = frozenset({ip_address("192.168.1.2")})
PLACE = Place(ip_address("192.168.1.240"), "udp", 53)
PORTS = [("", "UDP", 53)]


def rule(*targets: str, service: str = "dns", place: Place = PLACE) -> Rule:
    return Rule(place, ("infra", service), tuple(Target(ip_address(one), 53) for one in targets))


@pytest.mark.parametrize(
    ("targets", "needs"),
    [
        (("192.168.1.20",), {4}),
        (("192.168.1.2",), set()),
        (("192.168.1.240",), set()),
        (("192.168.1.2", "172.17.0.2"), {4}),
        ((), set()),
    ],
    ids=["another machine", "this machine", "the address itself", "a container too", "no server"],
)
def test_the_kernel_must_forward_for_other_machines_only(targets: tuple[str, ...], needs: set[int]) -> None:
    made = rule(*targets)
    assert needs_forwarding([made], OWN) == needs
    assert bool([*not_forwarded([made], OWN, frozenset({4}))]) == bool(needs)
    assert not [*not_forwarded([made], OWN, frozenset({6}))]


def test_each_service_is_told_once_and_what_to_do() -> None:
    other = Place(PLACE.address, "tcp", 53)
    both = [rule("192.168.1.20"), rule("192.168.1.20", place=other)]
    (told,) = not_forwarded(both, OWN, frozenset({4}))
    assert told.reason is Reason.NOT_FORWARDED
    assert "net.ipv4.ip_forward=1" in told.message
    assert "loadBalancer.forwarding" in told.message
    (failed,) = not_forwarded(both, OWN, frozenset({4}), "Read-only file system")
    assert "Read-only file system" in failed.message
    assert "loadBalancer.forwarding" not in failed.message, "it is set already"
    (lacking,) = missing(both, "the program nft is missing")
    assert (lacking.reason, lacking.ref.name) == (Reason.DATA_PATH_MISSING, "dns")


def flow(target: str, place: Place = PLACE) -> Flow:
    return Flow(place, Target(ip_address(target), 53), b"")


def test_stale_is_what_goes_to_no_target_of_a_place_that_is_or_was_ours() -> None:
    elsewhere = PLACE._replace(port=54)
    flows = [flow("192.168.1.20"), flow("192.168.1.21"), flow("192.168.1.240"), flow("192.168.1.21", elsewhere)]
    assert [*stale(flows, [rule("192.168.1.20")], [])] == flows[1:3]
    assert [*stale(flows, [], [rule("192.168.1.20")])] == flows[:3], "the Service is gone"
    assert not [*stale(flows, [], [])]


def _tuple(source: str, destination: str, ports: tuple[int, int], protocol: int) -> bytes:
    is_v4 = "." in source
    ends = [ip_address(source).packed, ip_address(destination).packed]
    addresses = b"".join(map(attribute, (1, 2) if is_v4 else (3, 4), ends))
    numbers = [struct.pack("!B", protocol), *(struct.pack("!H", port) for port in ports)]
    return attribute(0x8001, addresses) + attribute(0x8002, b"".join(map(attribute, (1, 2, 3), numbers)))


def _entry(protocol: int = 17, target: str = "192.168.1.20") -> bytes:
    head = b"\2\0\0\0"
    original = attribute(0x8001, _tuple("192.168.1.9", "192.168.1.240", (40000, 53), protocol))
    reply = attribute(0x8002, _tuple(target, "192.168.1.2", (5353, 40000), protocol))
    return head + original + reply + attribute(12, b"\1\2\3\4")


def _flow(body: bytes) -> Flow | None:
    entry = read_entry(Message(256, 1, body))
    return flow_of(entry) if entry is not None else None


def test_an_entry_is_read_and_asked_to_be_forgotten() -> None:
    found = _flow(_entry())
    assert found is not None
    assert (found.place, found.target) == (PLACE, Target(ip_address("192.168.1.20"), 5353))
    (said,) = messages(forget(4, found.key))
    assert said.kind == 258
    assert said.body.endswith(attribute(12, b"\1\2\3\4")), "no other entry that came in its place"


@pytest.mark.parametrize("body", [_entry(protocol=6), _entry()[:30], b"\2\0\0\0", b""])
def test_what_is_no_datagrams_is_passed_over(body: bytes) -> None:
    assert _flow(body) is None


def test_what_selects_the_proxy_or_has_an_entrypoint_there_is_left_to_it() -> None:
    lead = slice_of("web", ["192.168.1.20"], PORTS)
    labels = {"app.kubernetes.io/name": "traefik"}
    plain, proxy = (
        service("web", ["192.168.1.240"], PORTS),
        service("web", ["192.168.1.240"], PORTS, selector=labels),
    )
    assert rules(Snapshot.of([plain, lead]), "box").rules
    assert not rules(Snapshot.of([proxy, lead, part(labels)]), "box").rules
    assert not rules(Snapshot.of([plain, lead]), "box", served=frozenset({PLACE})).rules
    assert not rules(Snapshot.of([plain, lead]), "box", lb_class="other").rules


def test_endpoints_that_end_serve_while_there_are_no_others() -> None:
    plain = service("web", ["192.168.1.240"], PORTS)
    ending = slice_of(
        "web", ["192.168.1.20"], PORTS, conditions={"ready": False, "serving": True, "terminating": True}
    )
    (only,) = rules(Snapshot.of([plain, ending]), "box").rules
    assert only.targets == (Target(ip_address("192.168.1.20"), 53),)


def test_entrypoints_with_an_address_of_their_own_are_known() -> None:
    settings = load_settings(
        None,
        [
            "entryPoints.web.address=192.168.1.245:80",
            "entryPoints.dns.address=192.168.1.245:53/udp",
            "entryPoints.every.address=:8443",
        ],
        privileged=True,
    )
    own = ip_address("192.168.1.245")
    assert {place for place in served(settings) if place.address == own} == {
        Place(own, "tcp", 80),
        Place(own, "udp", 53),
    }
    assert not any(place.port == 8443 for place in served(settings))
