"""What counts as seen, how it is kept, and what is proposed from it."""

from ipaddress import ip_address

import pytest

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.netfilter.conntrack import End, Entry
from hearthgate.policy.observed import Observed, Peer, lines, observed, read_lines
from hearthgate.policy.ports import Protocol
from hearthgate.policy.suggest import suggest
from hearthgate.policy.world import world
from tests.policy_samples import namespace, node, pod

WEB = pod("a/web", "10.0.0.1", labels={"app": "web", "pod-template-hash": "x1"}, nodeName="n1")
DB = pod("a/db", "10.0.0.2", nodeName="n1")
HOST = pod("b/host", "192.168.1.10", hostNetwork=True, nodeName="n1")
OBJECTS = (WEB, DB, HOST, namespace("a"), namespace("b"), node("n1", "192.168.1.10"), node("n2", "192.168.1.11"))
WORLD = world(Snapshot.of(OBJECTS))


def entry(
    source: str, destination: str, port: int = 80, *, protocol: int = 6, by: int = 40000, answered: bool = True
) -> Entry:
    end = End(ip_address(destination), port)
    return Entry(protocol, End(ip_address(source), by), end, end, answered, b"")


@pytest.mark.parametrize(
    ("one", "is_seen"),
    [
        (entry("10.0.0.1", "10.0.0.2"), True),
        (entry("8.8.8.8", "10.0.0.2", protocol=17), True),
        (entry("10.0.0.1", "192.168.1.11", protocol=132), True),
        (entry("10.0.0.1", "10.0.0.2", answered=False), False),
        (entry("10.0.0.1", "10.0.0.1"), False),
        (entry("192.168.1.10", "10.0.0.1"), False),
        (entry("8.8.8.8", "1.1.1.1"), False),
        (entry("10.0.0.1", "10.0.0.2", 0, protocol=1), False),
        (entry("10.0.0.2", "10.0.0.1", 40000, by=80), False),
        (entry("10.0.0.2", "10.0.0.1", 50000), True),
    ],
    ids=[
        *("pods", "from outside", "to another node", "no answer", "itself", "its own node", "no pods", "ping"),
        *("an answer", "a high port"),
    ],
)
def test_what_counts(one: Entry, is_seen: bool) -> None:
    assert bool(list(observed(WORLD, [one]))) is is_seen


def test_translated_destinations_are_those_that_answer() -> None:
    one = entry("10.0.0.1", "10.43.0.7", 443)._replace(answers=End(ip_address("10.0.0.2"), 8443))
    (found,) = observed(WORLD, [one])
    assert (found.destination, found.port) == (Peer(namespace="a", labels={"app": "db"}), 8443)
    assert found.source == Peer(namespace="a", labels={"app": "web"}), "labels of one version do not count"


def test_lines_and_back() -> None:
    flows = tuple(observed(WORLD, [entry("10.0.0.1", "10.0.0.2"), entry("8.8.8.8", "10.0.0.2", 443)]))
    text = lines(flows)
    assert read_lines(text + text, "file") == flows
    assert read_lines(text + text[:20], "file") == flows, "the end of a crash"
    assert read_lines("", "file") == ()


@pytest.mark.parametrize("line", ["{", '{"port": 80}', '{"source": {"address": "x"}}'])
def test_other_files_are_refused(line: str) -> None:
    with pytest.raises(Permanent, match=r"file, line 2 is no connection as `hearthgate policy observe` writes"):
        read_lines(f"\n{line}\n", "file")
    bad = '{"source":{"address":"x"},"destination":{"namespace":"a"},"protocol":"TCP","port":1}'
    with pytest.raises(Permanent, match="does not appear to be an IPv4 or IPv6 address"):
        read_lines(f"{bad}\n", "file")


def seen(source: Peer, destination: Peer, port: int = 80) -> Observed:
    return Observed(source=source, destination=destination, protocol=Protocol.TCP, port=port)


def test_what_is_proposed() -> None:
    db = Peer(namespace="a", labels={"app": "db"})
    flows = [
        seen(Peer(namespace="a", labels={"app": "web"}), db, 5432),
        seen(Peer(namespace="b", labels={}), db, 5432),
        seen(Peer(address="192.168.1.50"), db, 9000),
        seen(Peer(address="8.8.8.8"), db, 9000),
        seen(Peer(address="1.1.1.1"), db, 9000),
        seen(db, Peer(address="1.1.1.1"), 443),
    ]
    deny, one = suggest(Snapshot.of(OBJECTS), WORLD, "a", observed=flows)
    assert deny.policy["metadata"]["name"] == "default-deny"
    assert one.policy["metadata"]["name"] == "allow-seen-to-db"
    assert one.policy["spec"] == {
        "podSelector": {"matchLabels": {"app": "db"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "a"}},
                        "podSelector": {"matchLabels": {"app": "web"}},
                    },
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}},
                        "podSelector": {},
                    },
                ],
                "ports": [{"protocol": "TCP", "port": 5432}],
            },
            {
                "from": [
                    {
                        "ipBlock": {
                            "cidr": "0.0.0.0/0",
                            "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
                        }
                    },
                    {"ipBlock": {"cidr": "192.168.1.50/32"}},
                ],
                "ports": [{"protocol": "TCP", "port": 9000}],
            },
        ],
    }
    assert one.why[0] == "seen, and refused without this:"
    *_, out = suggest(Snapshot.of(OBJECTS), WORLD, "a", observed=flows, egress=True)
    assert out.policy["metadata"]["name"] == "allow-seen-from-web"
    names = {each.policy["metadata"]["name"] for each in suggest(Snapshot.of(OBJECTS), WORLD, "a", observed=())}
    assert "allow-same-namespace" not in names, "nothing of that was seen"
