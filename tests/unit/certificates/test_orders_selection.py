"""Which solver proves which name, and what annotations change about it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from hearthgate.certificates.orders.overrides import overridden
from hearthgate.certificates.orders.selection import select, why_none
from hearthgate.resources.certmanager.orders import Authorization, OfferedChallenge
from hearthgate.resources.certmanager.solvers import Solver

HTTP: Mapping[str, Any] = {"http01": {"ingress": {}}}
DNS: Mapping[str, Any] = {"dns01": {"rfc2136": {"nameserver": "192.0.2.1"}}}
ALPN: Mapping[str, Any] = {"tlsALPN01": {}}
ALL = ("http-01", "dns-01", "tls-alpn-01")


def authorization(name: str, *offered: str) -> Authorization:
    return Authorization(
        url="https://ca.test/authz/1",
        identifier=name.removeprefix("*."),
        wildcard=name.startswith("*."),
        initial_state="pending",
        challenges=tuple(OfferedChallenge(url="https://ca.test/c/1", token="t", type=type_) for type_ in offered),
    )


def solver(how: Mapping[str, Any], **selector: Any) -> Solver:
    return msgspec.convert({**how, **({"selector": selector} if selector else {})}, Solver)


ANY, OTHER = solver(HTTP), solver(DNS)
CASES: Mapping[str, tuple[str, list[Solver], int | None]] = {
    "the first of those without a selector": ("a.test", [OTHER, ANY], 0),
    "a zone before none": ("a.test", [ANY, solver(DNS, dnsZones=["a.test"])], 1),
    "the longer zone": ("x.a.test", [solver(DNS, dnsZones=["test"]), solver(HTTP, dnsZones=["a.test"])], 1),
    "the longest of its zones counts": (
        "x.a.test",
        [solver(DNS, dnsZones=["a.test"]), solver(HTTP, dnsZones=["test", "x.a.test"])],
        1,
    ),
    "a name before a zone": (
        "x.a.test",
        [solver(DNS, dnsZones=["x.a.test"]), solver(HTTP, dnsNames=["x.a.test"])],
        1,
    ),
    "a zone is whole labels": ("nota.test", [solver(DNS, dnsZones=["a.test"])], None),
    "a zone itself": ("a.test", [solver(DNS, dnsZones=["a.test"])], 0),
    "a wildcard lies in its zone": ("*.a.test", [solver(DNS, dnsZones=["a.test"])], 0),
    "a wildcard is written as such": ("*.a.test", [solver(DNS, dnsNames=["a.test"])], None),
    "a wildcard by its name": ("*.a.test", [solver(DNS, dnsNames=["*.a.test"])], 0),
    "names are taken literally": ("a.test", [solver(DNS, dnsNames=["A.test"])], None),
    "labels": ("a.test", [ANY, solver(DNS, matchLabels={"app": "web"})], 1),
    "more labels": (
        "a.test",
        [solver(DNS, matchLabels={"app": "web"}), solver(HTTP, matchLabels={"app": "web", "team": "a"})],
        1,
    ),
    "a zone before labels": (
        "a.test",
        [solver(DNS, matchLabels={"app": "web", "team": "a"}), solver(HTTP, dnsZones=["test"])],
        1,
    ),
    "other labels": ("a.test", [solver(DNS, matchLabels={"app": "db"})], None),
    "all that it lists must match": (
        "a.test",
        [solver(DNS, dnsZones=["a.test"], dnsNames=["b.test"])],
        None,
    ),
    "of equals the first": (
        "a.test",
        [solver(DNS, dnsZones=["a.test"]), solver(HTTP, dnsZones=["a.test"])],
        0,
    ),
    "none at all": ("a.test", [], None),
}


@pytest.mark.parametrize(("name", "solvers", "wanted"), CASES.values(), ids=CASES)
def test_selection(name: str, solvers: list[Solver], wanted: int | None) -> None:
    found = select(solvers, authorization(name, *ALL), {"app": "web", "team": "a"})
    assert (None if found is None else found.solver) == (None if wanted is None else solvers[wanted])


def test_what_the_ca_does_not_offer_does_not_count() -> None:
    found = select([ANY, solver(ALPN), OTHER], authorization("*.a.test", "dns-01"), {})
    assert found is not None
    assert (found.solver, found.offered.type) == (OTHER, "dns-01")


@pytest.mark.parametrize(
    ("solvers", "name", "offered", "words"),
    [
        ([], "a.test", ALL, "has no solver"),
        ([ANY], "*.a.test", ("dns-01",), "the issuer's solvers do http-01 (wildcards need dns01)"),
        ([solver(HTTP, dnsZones=["b.test"])], "a.test", ALL, "no solver of the issuer is for a.test"),
    ],
    ids=["no solver", "another type", "another zone"],
)
def test_why_there_is_none(solvers: list[Solver], name: str, offered: tuple[str, ...], words: str) -> None:
    assert words in why_none(solvers, authorization(name, *offered))


PREFIX = "acme.cert-manager.io/http01-"


class TestOverrides:
    def test_a_class_clears_the_others(self) -> None:
        named = solver({"http01": {"ingress": {"name": "web"}}})
        changed = overridden(named, {f"{PREFIX}ingress-ingressclassname": "internal"}, "default")
        assert changed == solver({"http01": {"ingress": {"ingressClassName": "internal"}}})

    def test_only_one_of_them(self) -> None:
        both = {f"{PREFIX}ingress-class": "a", f"{PREFIX}override-ingress-name": "b"}
        assert "only one of the annotations" in str(overridden(ANY, both, "default"))

    def test_a_gateway_of_the_annotations(self) -> None:
        routed = solver({"http01": {"gatewayHTTPRoute": {"parentRefs": [{"name": "web", "kind": "Gateway"}]}}})
        parent = {f"{PREFIX}parentrefkind": "Gateway", f"{PREFIX}parentrefname": "web"}
        changed = overridden(routed, parent, "default")
        assert isinstance(changed, Solver)
        assert changed.http01 is not None
        assert changed.http01.gateway_http_route is not None
        (found,) = changed.http01.gateway_http_route.parent_refs  # the same one, not twice
        assert (found.name, found.namespace) == ("web", "default")

    def test_half_a_gateway(self) -> None:
        routed = solver({"http01": {"gatewayHTTPRoute": {"parentRefs": [{"name": "web"}]}}})
        assert "go together" in str(overridden(routed, {f"{PREFIX}parentrefname": "web"}, "default"))

    def test_no_gateway_at_all(self) -> None:
        assert "parentRefs" in str(overridden(solver({"http01": {"gatewayHTTPRoute": {}}}), {}, "default"))

    def test_dns_is_not_concerned(self) -> None:
        assert overridden(OTHER, {f"{PREFIX}ingress-class": "a"}, "default") == OTHER
