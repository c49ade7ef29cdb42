"""A translation that reuses what it remembers equals one from nothing, whatever changes in between."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.ingress.envoy.clusters import checks_addresses, has_name, states_servers
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.streams.clusters import checks_stream_addresses
from hearthgate.ingress.envoy.translate import Translation, Translator
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.model import (
    BackendTLS,
    Certificate,
    Endpoint,
    Endpoints,
    EndpointsKey,
    EndpointState,
    EntryPoint,
    FailoverService,
    HealthCheck,
    LoadBalancer,
    Mirror,
    MirroredService,
    PassiveHealthCheck,
    Router,
    RoutingModel,
    StickyCookie,
    StreamBalancer,
    StreamMember,
    StreamTransport,
    TLSOptions,
    Transport,
    UDPEntryPoint,
    UDPRouter,
    WeightedMember,
    WeightedService,
    balancers,
)
from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from hearthgate.rules.rule import Rule, compile_rule
from tests.component.ingress.streams import tcp_router

ensure_schema()
OPTIONS = ProxyOptions(auth_socket="/run/auth.sock")
RULES = [
    "Host(`a.test`)",
    "Host(`b.test`) && PathPrefix(`/x`)",
    "Host(`a.test`) || Host(`*.test`)",
    "Host(`*.test`)",
    "PathPrefix(`/everywhere`)",
    "!Host(`b.test`)",
    "HostRegexp(`^[ab]`) && !Method(`GET`)",
]
KEYS = [EndpointsKey("default", name, "http") for name in ("one", "two", "three")]
CHECKED = [key._replace(check="c") for key in KEYS]


def _balancer(key: EndpointsKey, fields: dict[str, Any]) -> LoadBalancer:
    """Servers that no endpoints name have endpoints only for their checks."""
    named = key.check or not fields.keys() & {"external", "addresses"}
    check = HealthCheck() if key.check else None
    return LoadBalancer(name=key.service, endpoints=key if named else None, check=check, **fields)


BALANCERS = st.builds(
    _balancer,
    st.sampled_from([*KEYS, *CHECKED]),
    st.sampled_from(
        [
            {},
            {"scheme": "https"},
            {"scheme": "https", "transport": Transport(root_cas=("authority",))},
            {"scheme": "https", "transport": Transport(insecure_skip_verify=True)},
            {"sticky": StickyCookie(name="server")},
            {"pass_host_header": False},
            {"strategy": "leasttime", "passive": PassiveHealthCheck()},
            {"external": Endpoint("nas.lan", 80)},
            {"addresses": (Endpoint("192.0.2.9", 80),)},
        ]
    ),
)
WEIGHTED = st.builds(
    lambda members, sticky: WeightedService(
        name="weighted", members=tuple(WeightedMember(weight=w, service=s) for w, s in members), sticky=sticky
    ),
    st.lists(st.tuples(st.integers(0, 3), BALANCERS), min_size=1, max_size=3),
    st.sampled_from([None, StickyCookie(name="lb")]),
)


FAILOVER = st.builds(
    lambda service, fallback, statuses: FailoverService(
        name="failover", service=service, fallback=fallback, statuses=statuses
    ),
    st.one_of(BALANCERS, WEIGHTED),
    BALANCERS,
    st.sampled_from([(), (500,)]),
)
MIRRORED = st.builds(
    lambda service, mirror, body: MirroredService(
        name="mirrored", service=service, mirrors=(Mirror(percent=10, service=mirror),), body=body
    ),
    st.one_of(BALANCERS, WEIGHTED),
    BALANCERS,
    st.booleans(),
)


def _router(index: int, text: str, fields: dict[str, Any]) -> Router:
    rule = compile_rule(text)
    assert isinstance(rule, Rule)
    ref = ObjectRef("IngressRoute", "default", f"r{index}")
    return Router(name=ref.name, ref=ref, field="spec.routes[0]", rule=rule, **fields)


ROUTERS = st.builds(
    _router,
    st.integers(0, 5),
    st.sampled_from(RULES),
    st.fixed_dictionaries(
        {
            "entrypoint": st.sampled_from(["web", "websecure", "gone"]),
            "tls": st.booleans(),
            "priority": st.integers(1, 3),
            "service": st.one_of(st.none(), BALANCERS, WEIGHTED, FAILOVER, MIRRORED),
        }
    ),
)
WEB = EntryPoint(name="web", host="0.0.0.0", port=80)
SECURE = EntryPoint(name="websecure", host="::", port=443)
STREAM_BALANCERS = st.builds(
    lambda key, fields: StreamBalancer(name=key.service, endpoints=key, **fields),
    st.sampled_from(KEYS),
    st.sampled_from(
        [
            {},
            {"transport": StreamTransport(proxy_protocol=2)},
            {"transport": StreamTransport(tls=BackendTLS(root_cas=("authority",)))},
        ]
    ),
)
MEMBERS = st.lists(
    st.builds(
        lambda weight, balancer: StreamMember(weight=weight, balancer=balancer),
        st.integers(0, 2),
        STREAM_BALANCERS,
    ),
    min_size=1,
    max_size=2,
).map(tuple)
STREAM_RULES = ["HostSNI(`*`)", "HostSNI(`a.test`)", "HostSNIRegexp(`test`)", "ClientIP(`10.0.0.1`)"]
TCP_ROUTERS = st.lists(
    st.builds(
        lambda text, members, fields: tcp_router(text, *members, **fields),
        st.sampled_from(STREAM_RULES),
        MEMBERS,
        st.sampled_from(
            [{}, {"tls": True}, {"tls": True, "passthrough": True}, {"entrypoint": "websecure", "tls": True}]
        ),
    ),
    max_size=3,
    unique_by=lambda router: (router.entrypoint, router.name),
).map(lambda found: tuple(sorted(found, key=lambda router: (-router.priority, router.name, router.entrypoint))))
UDP_ROUTERS = MEMBERS.map(
    lambda members: (
        UDPRouter(
            name="dns",
            ref=ObjectRef("IngressRouteUDP", "default", "dns"),
            field="spec.routes[0]",
            entrypoint="dns",
            members=members,
        ),
    )
)
ENTRYPOINTS = st.sampled_from(
    [
        (WEB, SECURE),
        (WEB,),
        (WEB, EntryPoint(name="websecure", host="::", port=443, http3=True)),
        (EntryPoint(name="web", host="0.0.0.0", port=80, trusted_ips=("10.0.0.0/8",)), SECURE),
    ]
)
TLS = st.sampled_from(
    [
        (),
        (TLSOptions(sni_strict=True),),
        (TLSOptions(), TLSOptions(name="own", hosts={"websecure": ("a.test",)})),
        (TLSOptions(), TLSOptions(name="own", hosts={"websecure": ("*.test",), "web": ("b.test",)})),
    ]
)


def _certificate(name: str, key: str) -> Certificate:
    ref = ObjectRef("Secret", "default", name)
    return Certificate(ref=ref, names=(name,), chain="chain", key=SecretBytes(key.encode()), not_after=1.0)


CERTIFICATES = st.dictionaries(st.sampled_from(["a.test", "*.test"]), st.sampled_from(["old", "new"])).map(
    lambda found: tuple(_certificate(name, key) for name, key in sorted(found.items()))
)


def _model(routers: list[Router], **fields: Any) -> RoutingModel:
    unique = {(router.entrypoint, router.tls, router.name): router for router in routers}
    ordered = sorted(unique.values(), key=lambda router: (-router.priority, router.name))
    return RoutingModel(routers=tuple(ordered), default_certificate=_certificate("default", "key"), **fields)


MODELS = st.builds(
    _model,
    st.lists(ROUTERS, max_size=8),
    entrypoints=ENTRYPOINTS,
    tls_options=TLS,
    certificates=CERTIFICATES,
    tcp_routers=st.one_of(st.just(()), TCP_ROUTERS),
    udp_routers=st.one_of(st.just(()), UDP_ROUTERS),
    udp_entrypoints=st.sampled_from([(), (UDPEntryPoint(name="dns", host="::", port=53),)]),
)
ADDRESSES = st.lists(
    st.sampled_from(
        [
            Endpoint("192.0.2.1", 80),
            Endpoint("192.0.2.1", 80, EndpointState.DOWN),
            Endpoint("2001:db8::1", 80),
            Endpoint("2001:db8::2", 80, EndpointState.FENCED),
            Endpoint("nas.lan", 80),
        ]
    ),
    max_size=3,
    unique=True,
).map(tuple)
ENDPOINTS = st.dictionaries(st.sampled_from([*KEYS, *CHECKED]), ADDRESSES)


def fresh(model: RoutingModel, endpoints: Endpoints) -> Translation:
    return Translator(OPTIONS).translate(model, endpoints)


def assert_same(one: Translation, other: Translation) -> None:
    assert dict(one.resources) == dict(other.resources)
    assert one.problems == other.problems
    assert one.certificates.quic == other.certificates.quic


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(MODELS, ENDPOINTS), min_size=2, max_size=6))
def test_remembering_changes_nothing(states: list[tuple[RoutingModel, Endpoints]]) -> None:
    kept = Translator(OPTIONS)
    for model, endpoints in states:
        assert_same(kept.translate(model, endpoints), fresh(model, endpoints))


@settings(max_examples=60, deadline=None)
@given(st.lists(ROUTERS, max_size=12), st.data())
def test_small_changes_one_after_the_other(routers: list[Router], data: st.DataObject) -> None:
    """Routers come and go while the others stay the same objects, as they do in life."""
    kept = Translator(OPTIONS)
    frame = {"entrypoints": (WEB, SECURE), "tls_options": (), "certificates": ()}
    present = list(routers)
    for _ in range(4):
        model = _model(present, **frame)
        assert_same(kept.translate(model, {}), fresh(model, {}))
        present = [router for router in present if data.draw(st.booleans())] + data.draw(
            st.lists(ROUTERS, max_size=2)
        )


def _by_eds_alone(model: RoutingModel, endpoints: Endpoints) -> bool:
    """Whether no cluster of the model depends on endpoints."""
    members = [member for router in model.routers for member in balancers(router.service)]
    streams = [member.balancer for router in model.tcp_routers for member in router.members]
    return not (
        any(map(has_name, endpoints.values()))
        or any(map(checks_addresses, members))
        or any(map(states_servers, members))
        or any(map(checks_stream_addresses, streams))
        # Weights of datagrams stand in a cluster of their own, with all addresses.
        or model.udp_routers
    )


@settings(max_examples=60, deadline=None)
@given(MODELS, ENDPOINTS, ENDPOINTS)
def test_endpoints_alone_are_what_a_translation_would_give(
    model: RoutingModel, before: Endpoints, after: Endpoints
) -> None:
    kept = Translator(OPTIONS)
    first = kept.translate(model, before)
    wanted = fresh(model, after)
    resources = kept.translate_endpoints(after)
    if resources is None:
        assert not _by_eds_alone(model, before) or not _by_eds_alone(model, after)
    else:
        sent = first.resources.updated(ENDPOINT, resources[ENDPOINT])
        assert dict(sent[ENDPOINT]) == dict(wanted.resources[ENDPOINT])
        assert all(first.resources[ENDPOINT][name] != one for name, one in resources[ENDPOINT].items())
        assert dict(first.resources[CLUSTER]) == dict(wanted.resources[CLUSTER])
    assert_same(kept.translate(model, after), wanted)


@settings(max_examples=60, deadline=None)
@given(MODELS, st.lists(ENDPOINTS, min_size=1, max_size=4))
def test_endpoints_one_after_the_other_give_all_that_a_translation_would(
    model: RoutingModel, states: list[Endpoints]
) -> None:
    """What the controller does: while endpoints alone change, they alone are sent, on top of what is there."""
    kept = Translator(OPTIONS)
    sent = kept.translate(model, {}).resources
    for endpoints in states:
        resources = kept.translate_endpoints(endpoints)
        if resources is None:
            sent = kept.translate(model, endpoints).resources
        else:
            sent = sent.updated(ENDPOINT, resources[ENDPOINT])
        assert dict(sent) == dict(fresh(model, endpoints).resources)
