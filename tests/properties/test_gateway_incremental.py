"""Objects of the Gateway API: a build that reuses what it remembers equals a build from nothing."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from tests.properties.test_routing_incremental import World

SETTINGS = IngressSettings(
    entry_points={"web": EntryPoint(address=":80"), "dns": EntryPoint(address=":53/udp")},
)
NAMES = st.sampled_from(["a", "b"])
SPACES = st.sampled_from(["one", "two"])
HOSTS = st.sampled_from(["x.test", "*.test", "*.deep.test", "a.deep.test"])
GROUP = "gateway.networking.k8s.io"


def _object(kind: str, space: str, name: str, spec: Any, version: str = f"{GROUP}/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": space}, "spec": spec}


LISTENER = st.fixed_dictionaries(
    {
        "port": st.sampled_from([80, 81, 53]),
        "protocol": st.sampled_from(["HTTP", "HTTP", "TCP", "UDP"]),
        "allowedRoutes": st.sampled_from(
            [
                {"namespaces": {"from": "All"}},
                {},
                {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}},
            ]
        ),
    },
    optional={"hostname": HOSTS},
)
LISTENERS = st.lists(LISTENER, max_size=2).map(
    lambda found: [{"name": f"l{index}", **one} for index, one in enumerate(found)]
)
PARENTS = st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"namespace": SPACES, "sectionName": st.just("l0")}),
    max_size=2,
)
REFS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "port": st.just(80)}, optional={"namespace": SPACES}), max_size=2
)
FILTERS = st.sampled_from(
    [
        [],
        [{"type": "URLRewrite", "urlRewrite": {"hostname": "inner.test"}}],
        [{"type": "ExtensionRef", "extensionRef": {"group": "traefik.io", "kind": "Middleware", "name": "a"}}],
    ]
)
RULE = st.builds(
    lambda refs, filters, path: {
        "backendRefs": refs,
        "filters": filters,
        "matches": [{"path": {"value": path}}],
    },
    REFS,
    FILTERS,
    st.sampled_from(["/", "/api"]),
)
GRANT = st.builds(
    lambda space, name, kind, origin: _object(
        "ReferenceGrant",
        space,
        name,
        {
            "from": [{"group": GROUP, "kind": kind, "namespace": origin}],
            "to": [{"group": "", "kind": "Service"}],
        },
        f"{GROUP}/v1beta1",
    ),
    SPACES,
    NAMES,
    st.sampled_from(["HTTPRoute", "TCPRoute"]),
    SPACES,
)
POLICY = st.builds(
    lambda space, name, target: _object(
        "BackendTLSPolicy",
        space,
        name,
        {
            "targetRefs": [{"group": "", "kind": "Service", "name": target}],
            "validation": {"hostname": "inner.test", "wellKnownCACertificates": "System"},
        },
    ),
    SPACES,
    NAMES,
    NAMES,
)
OBJECTS = st.one_of(
    st.builds(
        lambda controller: _object("GatewayClass", "", "home", {"controllerName": controller}),
        st.sampled_from(["traefik.io/gateway-controller", "example.net/other"]),
    ),
    st.builds(
        lambda space, name, listeners: _object(
            "Gateway", space, name, {"gatewayClassName": "home", "listeners": listeners}
        ),
        SPACES,
        NAMES,
        LISTENERS,
    ),
    st.builds(
        lambda space, name, parents, hosts, rules: _object(
            "HTTPRoute", space, name, {"parentRefs": parents, "hostnames": hosts, "rules": rules}
        ),
        SPACES,
        NAMES,
        PARENTS,
        st.lists(HOSTS, max_size=2),
        st.lists(RULE, max_size=2),
    ),
    st.builds(
        lambda kind, space, name, parents, refs: _object(
            kind, space, name, {"parentRefs": parents, "rules": [{"backendRefs": refs}]}, f"{GROUP}/v1alpha2"
        ),
        st.sampled_from(["TCPRoute", "UDPRoute"]),
        SPACES,
        NAMES,
        PARENTS,
        REFS,
    ),
    GRANT,
    POLICY,
    st.builds(
        lambda name, labels: {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "namespace": "", "labels": labels},
        },
        SPACES,
        st.sampled_from([{}, {"team": "blue"}]),
    ),
    st.builds(
        lambda space, name, port: _object("Service", space, name, {"ports": [{"port": port}]}, "v1"),
        SPACES,
        NAMES,
        st.sampled_from([80, 80, 81]),
    ),
    st.builds(
        lambda space, options: _object("Middleware", space, "a", options, "traefik.io/v1alpha1"),
        SPACES,
        st.sampled_from([{"addPrefix": {"prefix": "/x"}}, {"unknown": 1}]),
    ),
)
CLASS = _object("GatewayClass", "", "home", {"controllerName": "traefik.io/gateway-controller"})
CHANGES = st.lists(st.one_of(OBJECTS, st.tuples(SPACES, NAMES)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=6))
def test_incremental_equals_fresh(rounds: list[list[Any]]) -> None:
    world = World()
    world.put(CLASS)
    builder = RoutingBuilder(SETTINGS)
    for number, changes in enumerate(rounds, 1):
        for change in changes:
            if isinstance(change, dict):
                world.put(change)
            else:
                world.remove(lambda known, key=change: known.key == key)
        snapshot = world.snapshot(number)
        fresh = RoutingBuilder(SETTINGS).build(snapshot)
        kept = builder.build(snapshot)
        assert kept.problems == fresh.problems
        assert kept.model == fresh.model
        assert kept.verdicts == fresh.verdicts


def test_unchanged_routes_are_the_same_objects() -> None:
    """What the translation recognises by identity must not be made anew."""
    world = World()
    world.put(CLASS)
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    world.put(_object("Gateway", "one", "front", {"gatewayClassName": "home", "listeners": listeners}))
    for name in ("a", "b"):
        world.put(_object("Service", "one", name, {"ports": [{"port": 80}]}, "v1"))
        world.put(_route(name, f"{name}.test"))
    builder = RoutingBuilder(SETTINGS)
    before = {router.ref.name: router for router in builder.build(world.snapshot(1)).model.routers}
    world.put(_route("b", "other.test"))
    after = {router.ref.name: router for router in builder.build(world.snapshot(2)).model.routers}
    assert after["a"] is before["a"]
    assert after["b"] is not before["b"]


def _route(name: str, host: str) -> dict[str, Any]:
    rules = [{"backendRefs": [{"name": name, "port": 80}]}]
    return _object(
        "HTTPRoute", "one", name, {"parentRefs": [{"name": "front"}], "hostnames": [host], "rules": rules}
    )
