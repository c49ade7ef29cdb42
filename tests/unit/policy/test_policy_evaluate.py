"""What NetworkPolicies mean, row by row of the API's documentation."""

from typing import Any

import pytest

from hearthgate.policy.evaluate import State, internet, reach
from hearthgate.policy.ports import ALL
from hearthgate.resources.meta import Resource
from tests.policy_samples import Lab, app, cluster_policy, named, namespace, node, pod, policy

WEB = pod("a/web", "10.0.0.1", "fd00::1", ports=[("http", "TCP", 80), ("dns", "UDP", 80)], nodeName="n1")
DB = pod("a/db", "10.0.0.2", ports=[("http", "TCP", 81)])
OTHER = pod("b/other", "10.0.1.1", labels={"app": "other", "tier": "front"})
HOST = pod("b/host", "192.168.1.10", hostNetwork=True, nodeName="n1")
PODS: tuple[Resource, ...] = (
    *(WEB, DB, OTHER, HOST),
    *(namespace("a", team="red"), namespace("b", team="blue")),
    *(node("n1", "192.168.1.10"), node("n2", "192.168.1.11")),
)
ALL_IN: dict[str, Any] = {"ingress": [{}]}


def lab(*objects: Resource) -> Lab:
    return Lab(*PODS, *objects)


def to_web(*rules: dict[str, Any], **spec: Any) -> Lab:
    """One policy about the ingress of a/web."""
    return lab(policy("a/p", podSelector=app("web"), policyTypes=["Ingress"], ingress=list(rules), **spec))


class TestIsolation:
    def test_without_policies_everything_passes(self) -> None:
        verdict = lab().check("b/other", "a/web")
        assert (verdict.egress.state, verdict.ingress.state) == (State.OPEN, State.OPEN)

    def test_a_policy_closes_what_it_selects_and_nothing_else(self) -> None:
        one = to_web()
        assert not one.passes("b/other", "a/web")
        assert not one.passes("a/db", "a/web")
        assert one.passes("b/other", "a/db")
        assert one.passes("a/web", "b/other"), "the other direction stays open"

    def test_it_selects_in_its_own_namespace_only(self) -> None:
        one = lab(policy("b/p", podSelector=app("web")))
        assert one.passes("b/other", "a/web")

    @pytest.mark.parametrize(
        ("spec", "ingress", "egress"),
        [
            ({}, False, True),
            ({"egress": []}, False, True),
            ({"egress": [{"ports": [{"port": 1}]}]}, False, False),
            ({"policyTypes": ["Egress"]}, True, False),
            ({"policyTypes": ["Egress"], "ingress": [{"ports": [{"port": 1}]}]}, True, False),
            ({"policyTypes": ["Ingress"], "egress": [{"ports": [{"port": 1}]}]}, False, True),
            ({"policyTypes": ["Ingress", "Egress"]}, False, False),
            (ALL_IN, True, True),
            ({"policyTypes": ["Egress"], "egress": [{}]}, True, True),
        ],
    )
    def test_policy_types(self, spec: dict[str, Any], ingress: bool, egress: bool) -> None:
        one = lab(policy("a/p", podSelector=app("web"), **spec))
        assert one.passes("b/other", "a/web") is ingress
        assert one.passes("a/web", "b/other") is egress

    def test_policies_add_up(self) -> None:
        deny, allow = policy("a/deny"), policy("a/allow", ingress=[{"from": [{"podSelector": app("db")}]}])
        one = lab(deny, allow)
        assert one.passes("a/db", "a/web")
        assert not one.passes("b/other", "a/web")
        assert one.check("b/other", "a/web").ingress.isolating == (allow.ref, deny.ref)

    def test_both_ends_must_let_it_pass(self) -> None:
        out = policy("b/out", policyTypes=["Egress"], egress=[{"to": [{"namespaceSelector": named("a")}]}])
        assert lab(out).passes("b/other", "a/web")
        assert not lab(out, policy("a/in")).passes("b/other", "a/web")
        assert not lab(out).passes("b/other", "8.8.8.8")

    def test_pods_that_are_over_are_not_there(self) -> None:
        assert ("a", "old") not in lab(pod("a/old", "10.0.0.9", phase="Succeeded")).world.pods


class TestPeers:
    @pytest.mark.parametrize(
        ("peer", "passing"),
        [
            ({"podSelector": {}}, {"a/db"}),
            ({"podSelector": app("other")}, set()),
            ({"namespaceSelector": {}}, {"a/db", "b/other"}),
            ({"namespaceSelector": {"matchLabels": {"team": "blue"}}}, {"b/other"}),
            ({"namespaceSelector": named("b"), "podSelector": app("other")}, {"b/other"}),
            ({"namespaceSelector": named("b"), "podSelector": app("db")}, set()),
            ({"namespaceSelector": named("c")}, set()),
            ({"ipBlock": {"cidr": "0.0.0.0/0"}}, {"a/db", "b/other", "8.8.8.8", "192.168.1.11", "b/host"}),
            ({"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.1.0/24"]}}, {"a/db"}),
            ({"ipBlock": {"cidr": "192.168.1.0/24"}}, {"192.168.1.11", "b/host"}),
            ({"ipBlock": {"cidr": "::/0"}}, {"2001:db8::1"}),
        ],
    )
    def test_one(self, peer: dict[str, Any], passing: set[str]) -> None:
        one = to_web({"from": [peer]})
        ends = ("a/db", "b/other", "8.8.8.8", "192.168.1.11", "2001:db8::1")
        found = {end for end in ends if one.passes(end, "a/web")}
        assert found == passing - {"b/host"}

    def test_no_peers_is_everybody(self) -> None:
        rules: tuple[dict[str, Any], ...] = ({}, {"from": []})
        for rule in rules:
            assert to_web(rule).passes("8.8.8.8", "a/web")

    def test_peers_of_a_rule_are_alternatives(self) -> None:
        one = to_web({"from": [{"podSelector": app("db")}, {"ipBlock": {"cidr": "8.8.8.0/24"}}]})
        assert one.passes("a/db", "a/web")
        assert one.passes("8.8.8.8", "a/web")
        assert not one.passes("b/other", "a/web")

    def test_what_one_block_excepts_another_may_admit(self) -> None:
        blocks = [{"cidr": "10.0.0.0/8", "except": ["10.0.1.0/24"]}, {"cidr": "10.0.1.1/32"}]
        assert to_web({"from": [{"ipBlock": block} for block in blocks]}).passes("b/other", "a/web")

    @pytest.mark.parametrize(
        ("expression", "selects"),
        [
            ({"key": "tier", "operator": "In", "values": ["front"]}, {"b/other"}),
            ({"key": "tier", "operator": "NotIn", "values": ["front"]}, {"a/db"}),
            ({"key": "tier", "operator": "NotIn", "values": ["back"]}, {"a/db", "b/other"}),
            ({"key": "tier", "operator": "Exists"}, {"b/other"}),
            ({"key": "tier", "operator": "DoesNotExist"}, {"a/db"}),
        ],
    )
    def test_expressions(self, expression: dict[str, Any], selects: set[str]) -> None:
        selector = {"matchExpressions": [expression]}
        one = to_web({"from": [{"namespaceSelector": {}, "podSelector": selector}]})
        assert {end for end in ("a/db", "b/other") if one.passes(end, "a/web")} == selects

    def test_a_label_that_must_be_empty_must_be_there(self) -> None:
        one = to_web({"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"tier": ""}}}]})
        assert not one.passes("a/db", "a/web")

    def test_a_block_that_cannot_be_read_admits_nobody_and_is_told(self) -> None:
        for block in ({"cidr": "10.0.0.0/33"}, {"cidr": "10.0.0.0/8", "except": ["10.0.0"]}):
            one = to_web({"from": [{"ipBlock": block}]})
            assert not one.passes("b/other", "a/web")
            (problem,) = one.world.problems
            assert problem.field.startswith("spec.ingress[0].from[0].ipBlock.")


class TestPorts:
    @pytest.mark.parametrize(
        ("entry", "passing"),
        [
            ({"port": 80}, {"TCP80"}),
            ({"port": 80, "protocol": "UDP"}, {"UDP80"}),
            ({"port": 79, "endPort": 81}, {"TCP80", "TCP81"}),
            ({"protocol": "SCTP"}, {"SCTP80", "SCTP81"}),
            ({}, {"TCP80", "TCP81"}),
            ({"port": "http"}, {"TCP80"}),
            ({"port": "dns"}, set()),
            ({"port": "dns", "protocol": "UDP"}, {"UDP80"}),
            ({"port": "none"}, set()),
        ],
    )
    def test_one(self, entry: dict[str, Any], passing: set[str]) -> None:
        one = to_web({"ports": [entry]})
        flows = [(protocol, port) for protocol in ("TCP", "UDP", "SCTP") for port in (80, 81)]
        found = {f"{protocol}{port}" for protocol, port in flows if one.passes("b/other", "a/web", port, protocol)}
        assert found == passing

    def test_a_name_is_numbered_by_the_pod_that_is_reached(self) -> None:
        out = policy("b/out", policyTypes=["Egress"], egress=[{"ports": [{"port": "http"}]}])
        one = lab(out)
        assert one.passes("b/other", "a/web", 80)
        assert not one.passes("b/other", "a/web", 81)
        assert one.passes("b/other", "a/db", 81)
        assert not one.passes("b/other", "8.8.8.8", 80), "nothing outside has names"

    def test_ports_and_peers_of_one_rule_belong_together(self) -> None:
        one = to_web(
            {"from": [{"podSelector": app("db")}], "ports": [{"port": 80}]},
            {"from": [{"namespaceSelector": named("b")}], "ports": [{"port": 81}]},
        )
        assert [one.passes("a/db", "a/web", port) for port in (80, 81)] == [True, False]
        assert [one.passes("b/other", "a/web", port) for port in (80, 81)] == [False, True]

    def test_other_protocols_pass_where_no_port_is_named(self) -> None:
        open_, tcp = to_web({}), to_web({"ports": [{"protocol": "TCP"}]})
        assert reach(open_.world, open_.flow("b/other", "a/web")).other
        assert not reach(tcp.world, tcp.flow("b/other", "a/web")).other


class TestExempt:
    def test_a_pod_reaches_itself(self) -> None:
        both = policy("a/none", policyTypes=["Ingress", "Egress"])
        assert lab(both).check("a/web", "a/web").ingress.state is State.EXEMPT

    def test_the_pods_own_node_and_no_other(self) -> None:
        one = lab(policy("a/none", policyTypes=["Ingress", "Egress"]))
        assert one.passes("192.168.1.10", "a/web")
        assert one.passes("a/web", "192.168.1.10")
        assert one.passes("b/host", "a/web"), "it has its node's address"
        assert not one.passes("192.168.1.11", "a/web")
        assert not one.passes("192.168.1.10", "a/db"), "nobody knows where that runs"

    def test_the_hosts_network_is_not_selected(self) -> None:
        one = lab(policy("b/none"))
        assert one.check("a/web", "b/host").ingress.state is State.EXEMPT
        peers = policy("a/p", ingress=[{"from": [{"namespaceSelector": named("b")}]}])
        assert not lab(peers).passes("b/host", "a/db")


class TestTiers:
    def test_the_first_rule_of_the_lowest_priority_decides(self) -> None:
        everyone: dict[str, Any] = {"namespaces": {}}
        allow = cluster_policy(
            "allow", "Admin", 1, everyone, ingress=[{"action": "Accept", "from": [{"namespaces": named("b")}]}]
        )
        deny = cluster_policy(
            "deny", "Admin", 2, everyone, ingress=[{"name": "all", "action": "Deny", "from": [everyone]}]
        )
        one = lab(allow, deny, policy("a/closed"), policy("a/open", ingress=[{}]))
        assert one.passes("b/other", "a/web")
        found = one.check("a/db", "a/web").ingress
        assert (found.state, found.named, found.rule and found.rule.policy.name) == (State.DENIED, "all", "deny")

    def test_pass_goes_on_to_network_policies(self) -> None:
        pods = {"pods": {"namespaceSelector": named("a"), "podSelector": app("web")}}
        rules = [
            {"action": "Pass", "from": [{"namespaces": named("b")}]},
            {"action": "Deny", "from": [{"namespaces": {}}]},
        ]
        admin = cluster_policy("admin", "Admin", 1, pods, ingress=rules)
        assert lab(admin).passes("b/other", "a/web")
        assert not lab(admin).passes("a/db", "a/web")
        assert not lab(admin, policy("a/closed")).passes("b/other", "a/web")

    def test_baseline_counts_where_no_network_policy_isolates(self) -> None:
        base = cluster_policy(
            "base", "Baseline", 0, {"namespaces": {}}, ingress=[{"action": "Deny", "from": [{"namespaces": {}}]}]
        )
        assert not lab(base).passes("b/other", "a/web")
        assert lab(base, policy("a/open", ingress=[{}])).passes("b/other", "a/web")
        assert lab(base).passes("8.8.8.8", "a/web"), "only pods were denied"

    @pytest.mark.parametrize(
        ("protocols", "passing"),
        [
            ([{"tcp": {"destinationPort": {"number": 80}}}], {"TCP81", "UDP80", "UDP81"}),
            ([{"tcp": {"destinationPort": {"range": {"start": 80, "end": 90}}}}], {"UDP80", "UDP81"}),
            ([{"udp": {}}], {"TCP80", "TCP81"}),
            ([{"destinationNamedPort": "http"}], {"TCP81", "UDP80", "UDP81"}),
        ],
    )
    def test_protocols(self, protocols: list[dict[str, Any]], passing: set[str]) -> None:
        rule = {"action": "Deny", "from": [{"namespaces": {}}], "protocols": protocols}
        one = lab(cluster_policy("deny", "Admin", 1, {"namespaces": {}}, ingress=[rule]))
        flows = [(protocol, port) for protocol in ("TCP", "UDP") for port in (80, 81)]
        found = {f"{protocol}{port}" for protocol, port in flows if one.passes("b/other", "a/web", port, protocol)}
        assert found == passing

    @pytest.mark.parametrize(
        ("peer", "refused"),
        [
            ({"networks": ["8.8.0.0/16"]}, {"8.8.8.8"}),
            ({"nodes": {}}, {"192.168.1.11"}),
            ({"domainNames": ["example.org"]}, {"8.8.8.8", "192.168.1.11", "b/other"}),
            ({"networks": ["10.0.0.0/8"]}, {"b/other"}),
            ({"networks": ["10.0.0.0/99"]}, {"8.8.8.8", "192.168.1.11", "b/other"}),
        ],
    )
    def test_egress_peers_fail_closed(self, peer: dict[str, Any], refused: set[str]) -> None:
        deny = cluster_policy("d", "Admin", 1, {"namespaces": {}}, egress=[{"action": "Deny", "to": [peer]}])
        ends = ("8.8.8.8", "192.168.1.11", "b/other")
        assert {end for end in ends if not lab(deny).passes("a/web", end)} == refused


def test_the_internet_is_what_no_narrow_block_names() -> None:
    one = to_web({"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["11.0.0.0/8"]}}]})
    assert str(internet(one.world).address) == "12.0.1.1"
    assert reach(one.world, one.flow("12.0.1.1", "a/web")) == ALL
