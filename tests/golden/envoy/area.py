"""RoutingModel to xDS resources. Of the resources only the types under `show` are printed.

input.yaml: `entrypoints`, `tlsOptions` and `routers` with the fields of the model; a router's service is
`balancer` or `weighted`, `certificates` are names, `endpoints` lists addresses by `namespace/service/port`.
`tcpRouters`, `udpRouters` and `udpEntryPoints` likewise, with `members`; `show: [streams]` prints listeners
without the filter chains of requests.
"""

import json
from typing import Any

import msgspec
from google.protobuf import json_format

from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.schema import message, schema_pool
from hearthgate.ingress.envoy.translate import Translator
from hearthgate.ingress.middlewares.streams import AllowedAddresses, ConnectionLimit
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.model import (
    Certificate,
    Endpoint,
    EndpointsKey,
    EntryPoint,
    LoadBalancer,
    Router,
    RoutingModel,
    Service,
    StickyCookie,
    StreamBalancer,
    StreamMember,
    StreamTransport,
    TCPRouter,
    TLSOptions,
    UDPEntryPoint,
    UDPRouter,
    WeightedMember,
    WeightedService,
)
from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from hearthgate.rules.rule import Rule, compile_rule
from hearthgate.rules.tcp import compile_tcp_rule, default_priority

TYPES = {"clusters": CLUSTER, "endpoints": ENDPOINT, "listeners": LISTENER, "routes": ROUTE}
OPTIONS = ProxyOptions(hostname="node", auth_socket="/run/auth.sock", system_cas="/etc/ssl/cas.pem")


def produce(documents: list[Any]) -> Any:
    ensure_schema()
    case = documents[0]
    routers = tuple(map(_router, case["routers"]))
    model = RoutingModel(
        entrypoints=msgspec.convert(case["entrypoints"], tuple[EntryPoint, ...]),
        routers=tuple(sorted(routers, key=lambda router: (-router.priority, router.name))),
        tls_options=msgspec.convert(case.get("tlsOptions", []), tuple[TLSOptions, ...]),
        certificates=tuple(map(_certificate, case.get("certificates", []))),
        default_certificate=_certificate("default.test"),
        tcp_routers=tuple(
            sorted(map(_tcp_router, case.get("tcpRouters", [])), key=lambda r: (-r.priority, r.name))
        ),
        udp_routers=tuple(map(_udp_router, case.get("udpRouters", []))),
        udp_entrypoints=msgspec.convert(case.get("udpEntryPoints", []), tuple[UDPEntryPoint, ...]),
    )
    endpoints = {
        EndpointsKey(*key.split("/")): tuple(Endpoint(*address) for address in addresses)
        for key, addresses in case.get("endpoints", {}).items()
    }
    translation = Translator(OPTIONS).translate(model, endpoints)
    shown: dict[str, Any] = {
        kind: {name: _plain(TYPES[kind], found.body) for name, found in translation.resources[TYPES[kind]].items()}
        for kind in case["show"]
        if kind in TYPES
    }
    if "streams" in case["show"]:
        found = translation.resources[LISTENER]
        shown["streams"] = {name: _streams(_plain(LISTENER, one.body)) for name, one in found.items()}
    shown["problems"] = [f"{problem.severity}: {problem} [{problem.reason}]" for problem in translation.problems]
    return shown


def _router(fields: dict[str, Any]) -> Router:
    rule = compile_rule(fields["rule"])
    assert isinstance(rule, Rule), rule
    values: dict[str, Any] = {"entrypoint": "web", "priority": rule.default_priority, **fields, "rule": rule}
    values.setdefault("name", fields["rule"])
    for kind in ("balancer", "weighted"):
        if kind in values:
            values["service"] = _service({kind: values.pop(kind)})
    return Router(ref=ObjectRef("IngressRoute", "default", "test"), field="spec.routes[0]", **values)


def _streams(listener: dict[str, Any]) -> dict[str, Any]:
    kept = ("address", "listener_filters", "filter_chain_matcher")
    chains = [
        chain if "/tcp/" in chain["name"] or "/starttls" in chain["name"] else chain["name"]
        for chain in listener.get("filter_chains", [])
    ]
    return {**{name: listener[name] for name in kept if name in listener}, "filter_chains": chains}


def _tcp_router(fields: dict[str, Any]) -> TCPRouter:
    rule = compile_tcp_rule(fields["rule"])
    assert isinstance(rule, Rule), rule
    kinds = {"allowed": AllowedAddresses, "limit": ConnectionLimit}
    middlewares = tuple(
        msgspec.convert(values, kinds[kind])
        for one in fields.get("middlewares", [])
        for kind, values in one.items()
    )
    values = {"entrypoint": "web", "priority": default_priority(rule), "name": fields["rule"], **fields}
    return TCPRouter(
        **values | {"rule": rule, "members": _members(fields), "middlewares": middlewares},
        ref=ObjectRef("IngressRouteTCP", "default", "test"),
        field="spec.routes[0]",
    )


def _udp_router(fields: dict[str, Any]) -> UDPRouter:
    ref = ObjectRef("IngressRouteUDP", "default", "test")
    return UDPRouter(**fields | {"members": _members(fields)}, ref=ref, field="spec.routes[0]")


def _members(fields: dict[str, Any]) -> tuple[StreamMember, ...]:
    return tuple(
        StreamMember(
            weight=each["weight"],
            balancer=StreamBalancer(
                name=each["name"],
                endpoints=EndpointsKey(*each["name"].split("/")),
                transport=msgspec.convert(each.get("transport", {}), StreamTransport),
            ),
        )
        for each in fields["members"]
    )


def _service(fields: dict[str, Any]) -> Service:
    if "balancer" in fields:
        values = dict(fields["balancer"])
        if "endpoints" in values:
            values["endpoints"] = values["endpoints"].split("/")
        return msgspec.convert(values, LoadBalancer)
    weighted = fields["weighted"]
    members = [WeightedMember(weight=each["weight"], service=_service(each)) for each in weighted["members"]]
    sticky = msgspec.convert(weighted.get("sticky"), StickyCookie | None)
    return WeightedService(name=weighted["name"], members=tuple(members), sticky=sticky)


def _certificate(name: str) -> Certificate:
    return Certificate(
        ref=ObjectRef("Secret", "default", name),
        names=(name,),
        chain="chain",
        key=SecretBytes(b"key"),
        not_after=1.0,
    )


def _plain(type_url: str, body: bytes) -> Any:
    parsed = message(type_url.rpartition("/")[2]).FromString(body)
    text = json_format.MessageToJson(
        parsed,
        preserving_proto_field_name=True,
        descriptor_pool=schema_pool(),
        sort_keys=True,  # maps come in any order
    )
    return json.loads(text)
