"""What the translation promises beyond its golden cases."""

from typing import Any

import msgspec
import pytest

from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.schema import message
from hearthgate.ingress.envoy.translate import Translation, Translator
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.model import (
    Certificate,
    ClientAuth,
    Endpoint,
    EndpointsKey,
    EntryPoint,
    LoadBalancer,
    Router,
    RoutingModel,
    TLSOptions,
)
from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from hearthgate.rules.rule import Rule, compile_rule

ensure_schema()
WEB = EntryPoint(name="web", host="::", port=443)
KEY = EndpointsKey("default", "one", "http")


def router(text: str, **fields: Any) -> Router:
    rule = compile_rule(text)
    assert isinstance(rule, Rule)
    ref = ObjectRef("IngressRoute", "default", text)
    values: dict[str, Any] = {"tls": True, "service": LoadBalancer(name="one", endpoints=KEY), **fields}
    return Router(
        name=text, ref=ref, field="spec.routes[0]", entrypoint="web", rule=rule, priority=len(text), **values
    )


def certificate(name: str, not_after: float = 1.0) -> Certificate:
    ref = ObjectRef("Secret", "default", name)
    return Certificate(ref=ref, names=(name,), chain="chain", key=SecretBytes(b"the key"), not_after=not_after)


def model(*texts: str, **fields: Any) -> RoutingModel:
    values: dict[str, Any] = {"entrypoints": (WEB,), "default_certificate": certificate("default"), **fields}
    return RoutingModel(routers=tuple(router(text) for text in texts), **values)


def listeners(translation: Translation) -> dict[str, str]:
    return {name: found.version for name, found in translation.resources[LISTENER].items()}


QUIC = msgspec.structs.replace(WEB, http3=True)
CHANGES = {
    "a new site": (model("Host(`a.test`)"), model("Host(`b.test`)", "PathPrefix(`/`)")),
    "a new certificate": (model(), model(certificates=(certificate("a.test"),))),
    "a renewed certificate": (
        model(certificates=(certificate("a.test"),)),
        model(certificates=(certificate("a.test", 2.0),)),
    ),
    "a renewed certificate, with HTTP/3": (
        model(entrypoints=(QUIC,), certificates=(certificate("a.test"),)),
        model(entrypoints=(QUIC,), certificates=(certificate("a.test", 2.0),)),
    ),
    "a new site, with HTTP/3": (model(entrypoints=(QUIC,)), model("Host(`a.test`)", entrypoints=(QUIC,))),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_happens_every_day_changes_no_listener(case: str) -> None:
    """A changed listener drains its connections: WebSockets would be cut."""
    before, after = CHANGES[case]
    translator = Translator(ProxyOptions())
    assert listeners(translator.translate(before, {})) == listeners(translator.translate(after, {}))


def test_private_keys_are_in_secrets_alone() -> None:
    found = Translator(ProxyOptions()).translate(
        model("Host(`a.test`)", entrypoints=(QUIC,), certificates=(certificate("a.test"),)), {}
    )
    holders = {url for url, named in found.resources.items() for each in named.values() if b"the key" in each.body}
    assert holders == {SECRET}


def test_without_http3_no_secret_is_sent_unasked() -> None:
    found = Translator(ProxyOptions()).translate(model(certificates=(certificate("a.test"),)), {})
    assert not found.resources[SECRET]


@pytest.mark.parametrize(
    ("host", "use_ipv6", "expected"),
    [
        ("::", True, ("::", True)),
        ("::", False, ("0.0.0.0", False)),
        ("0.0.0.0", True, ("0.0.0.0", False)),
        ("::1", True, ("::1", False)),
    ],
)
def test_addresses(host: str, use_ipv6: bool, expected: tuple[str, bool]) -> None:
    entrypoint = msgspec.structs.replace(WEB, host=host)
    found = Translator(ProxyOptions(use_ipv6=use_ipv6)).translate(model(entrypoints=(entrypoint,)), {})
    listener = message("envoy.config.listener.v3.Listener").FromString(found.resources[LISTENER]["web"].body)
    address = listener.address.socket_address
    assert (address.address, address.ipv4_compat) == expected


def test_alike_load_balancers_share_a_cluster_and_any_difference_parts_them() -> None:
    service = LoadBalancer(name="one", endpoints=KEY)
    variants = [
        service,
        msgspec.structs.replace(service, scheme="h2c"),
        msgspec.structs.replace(service, strategy="p2c"),
        msgspec.structs.replace(service, endpoints=EndpointsKey("default", "two", "http")),
        msgspec.structs.replace(service, transport=msgspec.structs.replace(service.transport, dial_timeout=1.0)),
        msgspec.structs.replace(service, external=Endpoint("example.org", 80), endpoints=None),
    ]
    routers = tuple(router(f"Host(`h{n}.test`)", service=one) for n, one in enumerate([service, *variants]))
    found = Translator(ProxyOptions()).translate(RoutingModel(entrypoints=(WEB,), routers=routers), {})
    names = [name for name in found.resources[CLUSTER] if name.startswith("one|")]
    assert len(names) == len(variants)
    assert set(found.resources[ENDPOINT]) < set(names)


def test_options_that_cannot_be_kept_are_not_weakened() -> None:
    auth = ClientAuth(type="RequireAnyClientCert")
    own = TLSOptions(name="own", client_auth=auth, hosts={"web": ("a.test",)})
    found = Translator(ProxyOptions()).translate(
        model("Host(`a.test`)", tls_options=(own,), default_certificate=None), {}
    )
    assert [problem.ref.name for problem in found.problems] == ["own"]
    assert set(found.resources[ROUTE]) == {"web/plain", "web/tls/default"}
    table = message("envoy.config.route.v3.RouteConfiguration").FromString(
        found.resources[ROUTE]["web/tls/default"].body
    )
    served = {domain: host.name for host in table.virtual_hosts for domain in host.domains}
    assert served == {"*": "*", "a.test": "misdirected", "a.test.": "misdirected"}
