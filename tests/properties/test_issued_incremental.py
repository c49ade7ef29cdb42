"""Issued certificates that are followed from snapshot to snapshot equal those found by one look at all of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.cluster.snapshot import Collection, Key, Snapshot
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.resources.certmanager import Challenge
from hearthgate.resources.certmanager.certificate import Certificate
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Resource
from hearthgate.resources.traefik import IngressRoute
from tests.unit.ingress.issued_objects import SETTINGS, certificate, resource, route, secret, service

NAMES = st.sampled_from(["a", "b", "c"])
HOSTS = ("a.test", "*.test", "b.test")
SPACES = st.sampled_from(["web", "other"])
SECRETS = st.builds(
    lambda name, space, names: secret(name, *names, namespace=space),
    NAMES,
    SPACES,
    st.sampled_from([(), *((host,) for host in HOSTS), HOSTS]),
)
CERTIFICATES = st.builds(certificate, NAMES, NAMES, SPACES, st.sampled_from(["", "a", "b"]))
ROUTES = st.builds(
    lambda name, space, host, tls: route(name, f"Host(`{host}`)", space, **tls),
    NAMES,
    SPACES,
    st.sampled_from(HOSTS),
    st.sampled_from([{}, {"secretName": "c"}, {"certResolver": "ca"}]),
)
CHALLENGES = st.builds(
    lambda name, host, kind, state: resource(
        "acme.cert-manager.io/v1",
        "Challenge",
        name,
        spec={
            "url": "u",
            "authorizationURL": "a",
            "dnsName": host,
            "type": kind,
            "token": name,
            "key": f"{name}.x",
            "solver": {},
            "issuerRef": {"name": "ca"},
        },
        status={"state": state},
    ),
    NAMES,
    st.sampled_from(["a.test", "d.test"]),
    st.sampled_from(["HTTP-01", "TLS-ALPN-01"]),
    st.sampled_from(["", "pending", "valid"]),
)
KINDS: tuple[type[Resource], ...] = (Secret, Certificate, IngressRoute, Challenge)
STEPS = st.lists(
    st.one_of(
        SECRETS,
        CERTIFICATES,
        ROUTES,
        CHALLENGES,
        st.tuples(st.sampled_from(KINDS), SPACES, NAMES),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=6))
def test_following_equals_looking_at_all(changes: list[list[Resource | tuple[type[Resource], str, str]]]) -> None:
    """A change puts an object, or takes the one with this kind and name away."""
    services = [service(), service("other")]
    collections: dict[type[Resource], Collection] = {
        **{kind: Collection({}) for kind in KINDS},
        type(services[0]): Collection({one.key: one for one in services}),
    }
    kept = RoutingBuilder(SETTINGS)
    for number, steps in enumerate(changes):
        for step in steps:
            kind, key = (step[0], step[1:]) if isinstance(step, tuple) else (type(step), step.key)
            put: dict[Key, Resource | None] = {key: None if isinstance(step, tuple) else step}
            collections[kind] = collections[kind].changed(put)
        snapshot = Snapshot(number, collections)
        found, fresh = kept.build(snapshot), RoutingBuilder(SETTINGS).build(snapshot)
        assert found.model == fresh.model
        assert found.problems == fresh.problems
