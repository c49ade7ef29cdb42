"""Which hosts resources publish, where they lead, and who is let in."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import msgspec
import pytest

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.dns.names.published import Choices, Published, published
from hearthgate.resources.core import Pod, Service
from hearthgate.resources.gateway import Gateway, HTTPRoute
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import Ingress, IngressClass
from hearthgate.resources.traefik.ingressroute import IngressRoute
from hearthgate.resources.traefik.middleware import Middleware
from hearthgate.resources.traefik.tcp import IngressRouteTCP

OLD, NEW = "external-dns.alpha.kubernetes.io/", "external-dns.kubernetes.io/"
LAN = (ip_address("192.168.1.245"),)


def made(kind: Any, name: str, spec: Mapping[str, Any], **rest: Any) -> Any:
    metadata = {"name": name, "namespace": "web", "annotations": rest.pop("annotations", {})}
    metadata["labels"] = rest.pop("labels", {})
    return msgspec.convert({"metadata": metadata, "spec": spec, **rest}, kind)


def route(*rules: str, middlewares: tuple[str, ...] = (), name: str = "r", **rest: Any) -> Any:
    used = [{"name": one} for one in middlewares]
    routes = [{"match": rule, "middlewares": used, "services": [{"name": "s", "port": 80}]} for rule in rules]
    return made(IngressRoute, name, {"routes": routes, **rest.pop("spec", {})}, **rest)


def guard(name: str, *ranges: str) -> Any:
    return made(Middleware, name, {"ipAllowList": {"sourceRange": list(ranges)}})


PROXY = made(
    Service,
    "proxy",
    {"type": "LoadBalancer", "selector": {"app.kubernetes.io/name": "traefik"}},
    status={"loadBalancer": {"ingress": [{"ip": "192.168.1.245"}]}},
)


def names(*objects: Resource, choices: Choices | None = None) -> Published:
    return published(Snapshot.of(objects), choices or Choices())


def hosts(*objects: Resource, choices: Choices | None = None) -> list[str]:
    found = names(*objects, choices=choices)
    assert found.problems == ()
    return [name.host for name in found.names]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("Host(`A.test`)", ["a.test"]),
        ("Host(`a.test`) || (Host(`b.test`) && PathPrefix(`/x`))", ["a.test", "b.test"]),
        ("!Host(`a.test`) && PathPrefix(`/x`)", []),
        ("!(Host(`a.test`) || Host(`b.test`)) && Host(`c.test`)", ["c.test"]),
        ("!(!Host(`a.test`))", ["a.test"]),
        ("HostRegexp(`.+\\.test`)", []),
        ("PathPrefix(`/`)", []),
        ("Host(`192.0.2.1_`)", []),
        ("Host(", []),
    ],
)
def test_hosts_of_rules(rule: str, expected: list[str]) -> None:
    assert hosts(route(rule)) == expected


def test_hosts_of_every_kind() -> None:
    tcp = {"routes": [{"match": "HostSNI(`tcp.test`)", "services": [{"name": "s", "port": 1}]}]}
    any_tcp = {"routes": [{"match": "HostSNI(`*`)", "services": [{"name": "s", "port": 1}]}]}
    listeners = [{"name": "l", "port": 443, "protocol": "HTTPS", "hostname": "*.gw.test"}]
    found = hosts(
        made(IngressRouteTCP, "t", tcp),
        made(IngressRouteTCP, "u", any_tcp),
        made(Ingress, "i", {"rules": [{"host": "Ing.test"}, {}]}),
        made(HTTPRoute, "h", {"hostnames": ["http.gw.test"]}),
        made(Gateway, "g", {"gatewayClassName": "x", "listeners": listeners}),
        made(Service, "s", {"type": "LoadBalancer"}, annotations={f"{OLD}hostname": "svc.test, two.test."}),
        made(Service, "c", {"type": "ClusterIP"}, annotations={f"{OLD}hostname": "no.test"}),
    )
    assert found == ["*.gw.test", "http.gw.test", "ing.test", "svc.test", "tcp.test", "two.test"]


class TestClasses:
    def test_routes(self) -> None:
        other = route("Host(`a.test`)", spec={"ingressClassName": "other"})
        ours = route("Host(`b.test`)", annotations={"kubernetes.io/ingress.class": "traefik"}, name="q")
        assert hosts(other, ours) == ["b.test"]
        assert hosts(other, ours, choices=Choices(route_class="other")) == ["a.test"]

    def test_ingresses(self) -> None:
        def ingress(name: str, **spec: Any) -> Any:
            return made(Ingress, name, {"rules": [{"host": f"{name}.test"}], **spec})

        class_ = made(IngressClass, "edge", {"controller": "traefik.io/ingress-controller"})
        class_ = msgspec.structs.replace(class_, metadata=msgspec.structs.replace(class_.metadata, namespace=""))
        objects = [
            *(ingress("a"), ingress("b", ingressClassName="nginx"), ingress("c", ingressClassName="edge")),
            *(ingress("d", ingressClassName="traefik"), class_),
        ]
        assert hosts(*objects) == ["a.test", "c.test", "d.test"]
        assert hosts(*objects, choices=Choices(ingress_class="nginx")) == ["b.test"]


class TestAddresses:
    def test_of_the_service_that_selects_the_proxy(self) -> None:
        (found,) = names(route("Host(`a.test`)"), PROXY).names
        assert found.addresses == LAN

    def test_the_settings_first_and_the_box_last(self) -> None:
        own, box = (ip_address("10.0.0.1"),), (ip_address("10.0.0.2"),)
        one = route("Host(`a.test`)")
        assert names(one, PROXY, choices=Choices(own, box)).names[0].addresses == own
        assert names(one, PROXY, choices=Choices((), box)).names[0].addresses == LAN
        assert names(one, choices=Choices((), box)).names[0].addresses == box

    def test_a_selector_that_the_proxys_pods_do_not_have(self) -> None:
        pod = made(Pod, "p", {}, labels={"app.kubernetes.io/name": "traefik", "role": "b"})
        selector = {"app.kubernetes.io/name": "traefik", "role": "a"}
        service = msgspec.structs.replace(PROXY, spec=msgspec.structs.replace(PROXY.spec, selector=selector))
        assert names(route("Host(`a.test`)"), pod, service).names[0].addresses == ()

    def test_of_an_ingress_its_own(self) -> None:
        status = {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}, {"hostname": "x.test"}]}}
        (found,) = names(made(Ingress, "i", {"rules": [{"host": "a.test"}]}, status=status), PROXY).names
        assert found.addresses == (ip_address("10.0.0.9"),)


class TestInside:
    @pytest.mark.parametrize(
        ("ranges", "expected"),
        [
            (("192.168.0.0/16", "10.0.0.0/8"), True),
            (("private",), True),
            (("192.168.0.0/16", "8.8.8.8"), False),
            ((), False),
            (("x",), False),
        ],
    )
    def test_lists_of_private_addresses(self, ranges: tuple[str, ...], expected: bool) -> None:
        (found,) = names(route("Host(`a.test`)", middlewares=("g",)), guard("g", *ranges)).names
        assert found.is_internal is expected

    def test_through_chains_and_never_in_circles(self) -> None:
        chain = made(Middleware, "c", {"chain": {"middlewares": [{"name": "c"}, {"name": "g"}]}})
        (found,) = names(route("Host(`a.test`)", middlewares=("c",)), chain, guard("g", "10.0.0.0/8")).names
        assert found.is_internal

    def test_one_open_rule_opens_the_host(self) -> None:
        inside = route("Host(`a.test`)", middlewares=("g",))
        outside = route("Host(`a.test`) && Path(`/`)", name="o")
        found = names(inside, outside, guard("g", "10.0.0.0/8")).names
        assert [name.is_internal for name in found] == [False, True]

    def test_an_annotation_says_otherwise(self) -> None:
        (found,) = names(route("Host(`a.test`)", annotations={f"{NEW}access": "private"})).names
        assert found.is_internal


class TestAnnotations:
    def test_the_new_prefix_wins(self) -> None:
        said = {
            f"{OLD}ttl": "60",
            f"{NEW}ttl": "2m",
            f"{OLD}target": "1.2.3.4",
            f"{OLD}cloudflare-proxied": "false",
        }
        (found,) = names(route("Host(`a.test`)", annotations=said)).names
        assert (found.hints.ttl, found.hints.targets, found.hints.proxied) == (120, ("1.2.3.4",), False)

    def test_another_controllers_are_left_alone(self) -> None:
        assert hosts(route("Host(`a.test`)", annotations={f"{NEW}controller": "other"})) == []

    @pytest.mark.parametrize(
        ("key", "value"),
        [("ttl", "0"), ("ttl", "soon"), ("cloudflare-proxied", "yes"), ("access", "all"), ("hostname", "a..b")],
    )
    def test_mistakes_cost_the_object_its_names(self, key: str, value: str) -> None:
        found = names(route("Host(`a.test`)", annotations={f"{NEW}{key}": value}))
        assert found.names == ()
        (problem,) = found.problems
        assert problem.field == f"metadata.annotations.{NEW}{key}"
        assert value in problem.message
