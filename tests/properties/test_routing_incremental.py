"""A build that reuses what it remembers equals a build from nothing, whatever changes in between."""

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.cluster.snapshot import Collection, Key, Snapshot
from hearthgate.ingress.providers import KubernetesCRD
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.settings import EntryPoint, IngressSettings, Providers
from hearthgate.model.problems import Problem
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource

SETTINGS = IngressSettings(
    entry_points={"web": EntryPoint(address=":80"), "dns": EntryPoint(address=":53/udp")},
    providers=Providers(kubernetes_crd=KubernetesCRD(allow_cross_namespace=True, allow_empty_services=False)),
)
ONE_NAMESPACE = msgspec.structs.replace(
    SETTINGS, providers=Providers(kubernetes_crd=KubernetesCRD(namespaces=("one",)))
)
NAMES = st.sampled_from(["a", "b", "c"])
SPACES = st.sampled_from(["one", "two"])


def _manifest(api: str, kind: str, space: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": space}, **more}


def _noted(manifest: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    return manifest | {"metadata": {**manifest["metadata"], "annotations": annotations}}


def _traefik(kind: str, space: str, name: str, spec: Any) -> dict[str, Any]:
    return _manifest("traefik.io/v1alpha1", kind, space, name, spec=spec)


REFERENCE = st.builds(lambda name, space: {"name": name, "namespace": space}, NAMES, SPACES)
CHAIN = st.lists(REFERENCE, max_size=2).map(lambda members: {"chain": {"middlewares": members}})
AUTH = NAMES.map(lambda name: {"basicAuth": {"secret": name}})
ASKING = st.builds(
    lambda name, space, ref: st.sampled_from(
        [
            {"forwardAuth": {"address": f"http://{name}.{space}.svc/", "tls": {"caSecret": name}}},
            {"forwardAuth": {"address": f"http://{name}.{space}.svc.cluster.local:81/"}},
            {"errors": {"status": ["500"], "service": {**ref, "port": 80}}},
            {"errors": {"status": ["500"], "service": {**ref, "kind": "TraefikService"}}},
            {"digestAuth": {"secret": name}},
        ]
    ),
    NAMES,
    SPACES,
    REFERENCE,
).flatmap(lambda choices: choices)
OTHER = st.sampled_from(
    [
        {"headers": {"frameDeny": True}},
        {"addPrefix": {"prefix": "/x"}},
        {"rateLimit": {}},
        {"headers": {"frameDeny": True}, "compress": {}},
        {"unknown": 1},
    ]
)
SERVICE = st.builds(
    lambda ref, port, more: {**ref, "port": port, **more},
    REFERENCE,
    st.sampled_from([80, 81, "http"]),
    st.sampled_from(
        [
            {},
            {"middlewares": [{"name": "a"}]},
            {"healthCheck": {"interval": 1}},
            {"healthCheck": {"interval": "never"}},
            {"kind": "TraefikService"},
            {"nativeLB": True},
            {"serversTransport": "a"},
        ]
    ),
)
SERVICES = st.lists(SERVICE, max_size=2)
COMPOSITES = st.one_of(
    SERVICES.map(lambda services: {"weighted": {"services": services}}),
    SERVICES.map(lambda services: {"highestRandomWeight": {"services": services}}),
    st.builds(lambda main, other: {"failover": {"service": main, "fallback": other}}, SERVICE, SERVICE),
    st.builds(
        lambda main, other: {"mirroring": {**main, "mirrors": [{**other, "percent": 10}]}}, SERVICE, SERVICE
    ),
)
ROUTE = st.builds(
    lambda match, middlewares, services: {"match": match, "middlewares": middlewares, "services": services},
    st.sampled_from(["Host(`a`)", "Host(`b`)", "PathPrefix(`/`)", "Hosts(`x`)"]),
    st.lists(REFERENCE, max_size=2),
    SERVICES,
)
STREAM_SERVICES = st.lists(
    st.builds(
        lambda ref, port, transport: {**ref, "port": port, "tls": True, **transport},
        REFERENCE,
        st.sampled_from([80, 81, "http"]),
        st.sampled_from([{}, {"serversTransport": "a"}]),
    ),
    max_size=2,
)
STREAM = st.builds(
    lambda match, middlewares, services: {"match": match, "middlewares": middlewares, "services": services},
    st.sampled_from(["HostSNI(`a`)", "HostSNI(`*`)", "ClientIP(`10.0.0.1`)", "Host(`x`)"]),
    st.lists(REFERENCE, max_size=1),
    STREAM_SERVICES,
)
STREAMS = st.one_of(
    st.builds(
        lambda s, n, routes, tls: _traefik("IngressRouteTCP", s, n, {"routes": routes, **tls}),
        SPACES,
        NAMES,
        st.lists(STREAM, min_size=1, max_size=2),
        st.sampled_from([{}, {"tls": {}}, {"tls": {"secretName": "a", "options": {"name": "a"}}}]),
    ),
    st.builds(
        lambda s, n, ref, port: _traefik(
            "IngressRouteUDP", s, n, {"routes": [{"services": [{**ref, "port": port}]}]}
        ),
        SPACES,
        NAMES,
        REFERENCE,
        st.sampled_from([80, "dns"]),
    ),
    st.builds(
        lambda s, n, spec: _traefik("MiddlewareTCP", s, n, spec),
        SPACES,
        NAMES,
        st.sampled_from([{"ipAllowList": {"sourceRange": ["10.0.0.0/8"]}}, {"inFlightConn": {"amount": 0}}]),
    ),
    st.builds(
        lambda s, n, secret: _traefik("ServersTransportTCP", s, n, {"tls": {"certificatesSecrets": [secret]}}),
        SPACES,
        NAMES,
        NAMES,
    ),
    st.builds(
        lambda s, n, version: _traefik("TLSOption", s, n, {"minVersion": version}),
        SPACES,
        NAMES,
        st.sampled_from(["VersionTLS13", "junk"]),
    ),
)
SLICES = st.builds(
    lambda s, n, service, address, conditions: (
        _manifest(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            s,
            n,
            addressType="IPv4",
            ports=[{"name": "http", "port": 8080}, {"name": "http", "port": 8080, "protocol": "UDP"}],
            endpoints=[{"addresses": [address], "conditions": conditions}],
        )
        | {"metadata": {"name": n, "namespace": s, "labels": {"kubernetes.io/service-name": service}}}
    ),
    SPACES,
    NAMES,
    NAMES,
    st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    st.sampled_from([{"ready": True}, {"ready": False}, {"serving": True, "terminating": True}]),
)
OBJECTS = st.one_of(
    STREAMS,
    st.builds(lambda s, n, spec: _traefik("Middleware", s, n, spec), SPACES, NAMES, CHAIN | AUTH | ASKING | OTHER),
    st.builds(
        lambda s, n, routes, parents: _traefik("IngressRoute", s, n, {"routes": routes, "parentRefs": parents}),
        SPACES,
        NAMES,
        st.lists(ROUTE, min_size=1, max_size=2),
        st.just([]) | st.lists(REFERENCE, max_size=2),
    ),
    st.builds(
        lambda s, n, spec: _traefik("TraefikService", s, n, spec),
        SPACES,
        NAMES,
        COMPOSITES,
    ),
    st.builds(
        lambda s, n, port: _manifest("v1", "Service", s, n, spec={"ports": [{"name": "http", "port": port}]}),
        SPACES,
        NAMES,
        st.sampled_from([80, 81]),
    ),
    SLICES,
    st.builds(
        lambda s, n, text: _manifest("v1", "Secret", s, n, stringData={"users": text}),
        SPACES,
        NAMES,
        st.sampled_from(["u:{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=", "junk"]),
    ),
)
BACKEND = st.builds(
    lambda name, port: {"service": {"name": name, "port": port}},
    NAMES,
    st.sampled_from([{"number": 80}, {"number": 81}, {"name": "http"}]),
)
PATHS = st.lists(
    st.builds(
        lambda path, kind, backend: {"path": path, "pathType": kind, "backend": backend},
        st.sampled_from(["/", "/a"]),
        st.sampled_from(["Exact", "Prefix", "ImplementationSpecific"]),
        BACKEND,
    ),
    min_size=1,
    max_size=2,
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(["kubernetes.io/ingress.class", "traefik.ingress.kubernetes.io/router.middlewares"]),
    st.sampled_from(["traefik", "one-a@kubernetescrd", "two-b@kubernetescrd"]),
)
KUBERNETES = st.one_of(
    st.builds(
        lambda s, n, notes, own, default, paths: _noted(
            _manifest(
                "networking.k8s.io/v1",
                "Ingress",
                s,
                n,
                spec={
                    **({"ingressClassName": own} if own else {}),
                    **({"defaultBackend": default} if default else {}),
                    "rules": [{"host": "a", "http": {"paths": paths}}],
                    "tls": [{"secretName": n}],
                },
            ),
            notes,
        ),
        SPACES,
        NAMES,
        ANNOTATIONS,
        st.sampled_from(["", "a", "traefik"]),
        st.none() | BACKEND,
        PATHS,
    ),
    st.builds(
        lambda name, controller, default: {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {
                "name": name,
                "annotations": {"ingressclass.kubernetes.io/is-default-class": default},
            },
            "spec": {"controller": controller},
        },
        st.sampled_from(["a", "traefik"]),
        st.sampled_from(["traefik.io/ingress-controller", "other"]),
        st.sampled_from(["true", "false"]),
    ),
    st.builds(
        lambda s, n, key, value: _noted(
            _manifest("v1", "Service", s, n, spec={"ports": [{"name": "http", "port": 80}]}),
            {f"traefik.ingress.kubernetes.io/service.{key}": value},
        ),
        SPACES,
        NAMES,
        st.sampled_from(["sticky.cookie", "middlewares", "serverstransport"]),
        st.sampled_from(["true", "one-a@kubernetescrd"]),
    ),
)
CHANGES = st.lists(st.one_of(OBJECTS, KUBERNETES, st.tuples(SPACES, NAMES)), max_size=12)


ROUTED = [
    _manifest("v1", "Service", "one", "a", spec={"ports": [{"name": "http", "port": 80}]}),
    _traefik(
        "IngressRoute", "one", "a", {"routes": [{"match": "Host(`a`)", "services": [{"name": "a", "port": 80}]}]}
    ),
]
"""A route whose Service has endpoints or has not."""


class World:
    """Objects that come and go, as a hub would hold them: what does not change is the same object."""

    def __init__(self) -> None:
        self.refused: dict[Any, tuple[Problem, ...]] = {}
        self.collections: dict[type[Resource], Collection] = {}

    def put(self, manifest: dict[str, Any]) -> None:
        resource, problems = decode_mapping(manifest)
        ref = problems[0].ref if problems else resource.ref if resource else None
        self.refused.pop(ref, None)
        if resource is None:
            self.refused[ref] = problems
            self.remove(lambda known: known.ref == ref)
        else:
            self._change(type(resource), {resource.key: resource})

    def remove(self, unwanted: Any) -> None:
        for kind, collection in tuple(self.collections.items()):
            gone = dict.fromkeys(key for key, known in collection.objects.items() if unwanted(known))
            if gone:
                self._change(kind, gone)

    def touch(self, which: int, *, version: str) -> None:
        """One of the objects gets another version, as from a write to its status."""
        known = [one for collection in self.collections.values() for one in collection.ordered]
        if known:
            chosen = known[which % len(known)]
            metadata = msgspec.structs.replace(chosen.metadata, resource_version=version)
            self._change(type(chosen), {chosen.key: msgspec.structs.replace(chosen, metadata=metadata)})

    def _change(self, kind: type[Resource], changes: Mapping[Key, Resource | None]) -> None:
        self.collections[kind] = self.collections.get(kind, Collection({})).changed(changes)

    def snapshot(self, number: int) -> Snapshot:
        return Snapshot(number, self.collections, self.refused)


@settings(max_examples=150, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=6), st.sampled_from([SETTINGS, ONE_NAMESPACE]))
def test_incremental_equals_fresh(rounds: list[list[Any]], chosen: IngressSettings) -> None:
    world = World()
    builder = RoutingBuilder(chosen)
    for number, changes in enumerate(rounds, 1):
        for change in changes:
            if isinstance(change, dict):
                world.put(change)
            else:
                world.remove(lambda known, key=change: known.key == key)
        snapshot = world.snapshot(number)
        fresh = RoutingBuilder(chosen).build(snapshot)
        kept = builder.build(snapshot)
        assert kept.problems == fresh.problems
        assert kept.model == fresh.model
        assert dict(kept.endpoints) == dict(fresh.endpoints)


@settings(max_examples=80, deadline=None)
@given(CHANGES, st.lists(st.lists(SLICES, max_size=3), min_size=1, max_size=5))
def test_endpoints_alone_equal_fresh(first: list[Any], rounds: list[list[Any]]) -> None:
    """While nothing but endpoints changes, the model is the very same object or a right one."""
    world = World()
    for change in (*first, *ROUTED):
        if isinstance(change, dict):
            world.put(change)
    builder = RoutingBuilder(SETTINGS)
    builder.build(world.snapshot(1))
    for number, slices in enumerate(rounds, 2):
        for manifest in slices:
            world.put(manifest)
        kept, fresh = builder.build(world.snapshot(number)), RoutingBuilder(SETTINGS).build(world.snapshot(number))
        assert (kept.model, kept.problems, kept.owned) == (fresh.model, fresh.problems, fresh.owned)
        assert dict(kept.endpoints) == dict(fresh.endpoints)


@settings(max_examples=50, deadline=None)
@given(CHANGES, st.randoms())
def test_order_of_input_never_matters(changes: list[Any], shuffle: Any) -> None:
    manifests = {
        (m["kind"], m["metadata"].get("namespace", ""), m["metadata"]["name"]): m
        for m in changes
        if isinstance(m, dict)
    }
    one, other = World(), World()
    for manifest in manifests.values():
        one.put(manifest)
    mixed = list(manifests.values())
    shuffle.shuffle(mixed)
    for manifest in mixed:
        other.put(manifest)
    first, second = (RoutingBuilder(SETTINGS).build(world.snapshot(1)) for world in (one, other))
    assert first.model == second.model
    assert first.problems == second.problems


def test_unchanged_parts_are_the_same_objects() -> None:
    """What the translation recognises by identity must not be made anew."""
    world = World()
    for name in ("a", "b"):
        world.put(_manifest("v1", "Service", "one", name, spec={"ports": [{"name": "http", "port": 80}]}))
        route = {"match": f"Host(`{name}`)", "services": [{"name": name, "port": 80}]}
        world.put(_traefik("IngressRoute", "one", name, {"routes": [route]}))
    relaxed = IngressSettings(entry_points={"web": EntryPoint(address=":80")})
    builder = RoutingBuilder(relaxed)
    before = {router.ref.name: router for router in builder.build(world.snapshot(1)).model.routers}
    route = {"match": "Host(`other`)", "services": [{"name": "b", "port": 80}]}
    world.put(_traefik("IngressRoute", "one", "b", {"routes": [route]}))
    after = {router.ref.name: router for router in builder.build(world.snapshot(2)).model.routers}
    assert after["a"] is before["a"]
    assert after["b"] is not before["b"]


def test_a_change_that_no_route_reads_leaves_the_very_same_model() -> None:
    """Endpoints by annotation change their Service: all that read it is linked again, and comes out alike."""
    world = World()
    for manifest in ROUTED:
        world.put(manifest)
    relaxed = IngressSettings(entry_points={"web": EntryPoint(address=":80")})
    builder = RoutingBuilder(relaxed)
    before = builder.build(world.snapshot(1))
    world.put(_noted(ROUTED[0], {"hearthgate.dev/endpoints": "10.0.0.1:80"}))
    after = builder.build(world.snapshot(2))
    assert after.model is before.model
    assert after.problems is before.problems
    world.put(_manifest("v1", "Service", "one", "a", spec={"ports": [{"name": "http", "port": 81}]}))
    assert builder.build(world.snapshot(3)).model is not before.model
