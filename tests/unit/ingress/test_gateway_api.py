"""The Gateway API's own rules, as tables: hostnames, precedence, conditions carried on, versions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hearthgate.ingress.envoy.router_index import specific_hosts_first
from hearthgate.ingress.envoy.routes import CompiledRouter
from hearthgate.ingress.routing.gateway.hostnames import covers, intersection, specificity
from hearthgate.ingress.routing.gateway.matches import Matched, http_match
from hearthgate.ingress.routing.gateway.statuses import FEATURES, GatewayDocument
from hearthgate.ingress.routing.gateway.verdicts import ParentVerdict, RouteVerdict, accepted, resolved
from hearthgate.ingress.routing.model import Router
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.gateway.references import ParentReference
from hearthgate.resources.gateway.routes import HeaderMatch, HTTPMatch, PathMatch, QueryMatch
from hearthgate.rules.rule import Rule, compile_rule

T0 = datetime(2026, 1, 1, tzinfo=UTC)
REF = ObjectRef("HTTPRoute", "web", "app")


@pytest.mark.parametrize(
    ("wider", "name", "expected"),
    [
        ("", "a.test", True),
        ("a.test", "a.test", True),
        ("*.test", "a.test", True),
        ("*.test", "a.b.test", True),
        ("*.test", "test", False),
        ("*.test", "*.test", True),
        ("*.test", "*.a.test", True),
        ("*.a.test", "*.test", False),
        ("a.test", "*.test", False),
        ("*.test", "atest", False),
        ("a.test", "", False),
    ],
)
def test_what_hostnames_cover(wider: str, name: str, expected: bool) -> None:
    assert covers(wider, name) is expected


@pytest.mark.parametrize(
    ("listener", "route", "expected"),
    [
        ("", [], ("",)),
        ("a.test", [], ("a.test",)),
        ("", ["a.test", "*.b.test"], ("a.test", "*.b.test")),
        ("*.test", ["a.test", "a.org"], ("a.test",)),
        ("a.b.test", ["*.test", "*.b.test"], ("a.b.test",)),
        ("*.test", ["*.a.test"], ("*.a.test",)),
        ("*.a.test", ["*.test"], ("*.a.test",)),
        ("a.test", ["b.test"], ()),
    ],
)
def test_hosts_in_common(listener: str, route: list[str], expected: tuple[str, ...]) -> None:
    assert intersection(listener, route) == expected


def test_precedence_of_matches() -> None:
    """From the first to the last, as the specification has it."""
    header, query = HeaderMatch(name="a", value="1"), QueryMatch(name="a", value="1")
    ordered = [
        HTTPMatch(path=PathMatch(type="Exact", value="/a")),
        HTTPMatch(path=PathMatch(value="/abc")),
        HTTPMatch(path=PathMatch(value="/a"), method="GET"),
        HTTPMatch(path=PathMatch(value="/a"), headers=(header, HeaderMatch(name="b", value="1"))),
        HTTPMatch(path=PathMatch(value="/a"), headers=(header,), query_params=(query,)),
        HTTPMatch(path=PathMatch(value="/a"), headers=(header,)),
        HTTPMatch(path=PathMatch(value="/a"), query_params=(query,)),
        HTTPMatch(path=PathMatch(value="/a")),
        HTTPMatch(method="GET"),
        HTTPMatch(headers=(header,)),
        HTTPMatch(),
    ]
    found = [http_match(match, "a.test") for match in ordered]
    priorities = [one.priority for one in found if isinstance(one, Matched)]
    assert len(priorities) == len(ordered)
    assert priorities == sorted(priorities, reverse=True)
    assert len(set(priorities)) == len(priorities)
    assert max(priorities) < 2**63 - 1000


def test_a_match_for_a_host_alone_stays_below_other_kinds_of_routes() -> None:
    matched = http_match(HTTPMatch(), "app.example.org")
    assert isinstance(matched, Matched)
    other = compile_rule("Host(`app.example.org`) && PathPrefix(`/.well-known/acme-challenge/`)")
    assert isinstance(other, Rule)
    assert matched.priority < other.default_priority


def _compiled(name: str, rank: int) -> CompiledRouter:
    rule = compile_rule("PathPrefix(`/`)")
    assert isinstance(rule, Rule)
    router = Router(name=name, ref=REF, field="", entrypoint="web", rule=rule, priority=1, host_rank=rank)
    return CompiledRouter(router)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a0 b0", "a0 b0"),
        ("a1 b2", "b2 a1"),
        ("a1 x0 b2 y0", "x0 b2 a1 y0"),
        ("a1 b2 c3", "c3 b2 a1"),
        ("a3 b2 c1", "a3 b2 c1"),
        ("a1 b3 c2 d3", "b3 d3 c2 a1"),
    ],
)
def test_specific_hosts_first(before: str, after: str) -> None:
    """Each word: a name and the rank of its host."""
    routers = [_compiled(word, int(word[1:])) for word in before.split()]
    assert " ".join(one.router.name for one in specific_hosts_first(routers)) == after


def test_specificity_grows() -> None:
    hosts = ["", "*.test", "*.a.test", "a.test", "a.a.test"]
    found = [specificity(host) for host in hosts]
    assert found == sorted(set(found))


def _document(*conditions: Any) -> GatewayDocument:
    parent = ParentVerdict(ParentReference(name="front"), "traefik.io/gateway-controller", conditions)
    return GatewayDocument(RouteVerdict(REF, (parent,)), programmed=True)


def test_merging_again_changes_nothing_and_times_move_with_the_status() -> None:
    first = _document(accepted(), resolved()).merged({}, 3, T0)
    later = T0 + timedelta(hours=1)
    assert _document(accepted(), resolved()).merged(first, 3, later) == first
    changed = _document(accepted(), resolved("BackendNotFound", "gone")).merged(first, 4, later)
    times = {one["type"]: one["lastTransitionTime"] for one in changed["parents"][0]["conditions"]}
    assert times == {"Accepted": "2026-01-01T00:00:00Z", "ResolvedRefs": "2026-01-01T01:00:00Z"}
    assert {one["observedGeneration"] for one in changed["parents"][0]["conditions"]} == {4}


def test_features_are_sorted_as_the_specification_asks() -> None:
    assert list(FEATURES) == sorted(set(FEATURES))


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("HTTPRoute", "v1beta1"),
        ("Gateway", "v1beta1"),
        ("ReferenceGrant", "v1"),
        ("TLSRoute", "v1alpha2"),
        ("TLSRoute", "v1alpha3"),
    ],
)
def test_other_versions_are_read(kind: str, version: str) -> None:
    specs: dict[str, Any] = {
        "HTTPRoute": {},
        "Gateway": {"gatewayClassName": "home", "listeners": []},
        "ReferenceGrant": {
            "from": [{"group": "", "kind": "A", "namespace": "b"}],
            "to": [{"group": "", "kind": "C"}],
        },
        "TLSRoute": {"rules": [{}]},
    }
    manifest = {
        "apiVersion": f"gateway.networking.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": "a", "namespace": "b"},
        "spec": specs[kind],
    }
    resource, problems = decode_mapping(manifest)
    assert problems == ()
    assert resource is not None


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"hostnames": ["UPPER.test"]}, "spec.hostnames[0]"),
        ({"hostnames": ["a.*.test"]}, "spec.hostnames[0]"),
        ({"rules": [{"matches": [{"method": "get"}]}]}, "spec.rules[0].matches[0].method"),
        ({"rules": [{"timeouts": {"request": "1 s"}}]}, "spec.rules[0].timeouts.request"),
        ({"rules": [{"backendRefs": [{"name": "a", "weight": -1}]}]}, "spec.rules[0].backendRefs[0].weight"),
        ({"rules": [{"filters": [{"type": "Unknown"}]}]}, "spec.rules[0].filters[0].type"),
        ({"rulez": []}, "spec.rulez"),
    ],
)
def test_mistakes_are_named(spec: Any, field: str) -> None:
    manifest = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": spec,
    }
    resource, problems = decode_mapping(manifest)
    assert resource is None
    assert [problem.field for problem in problems] == [field]
