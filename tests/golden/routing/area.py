"""Manifests to the RoutingModel and its problems. A first document of kind Settings holds the settings."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from hearthgate.app.settings import decode_settings
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.build import build_model
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.gateway.statuses import GatewayDocument
from hearthgate.ingress.routing.model import Endpoint
from hearthgate.ingress.routing.status import wanted_conditions
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.decode import decode_mapping

DEFAULT_SETTINGS = {
    "entryPoints": {"web": {"address": ":80"}, "websecure": {"address": ":443", "http": {"tls": {}}}}
}

WITHOUT_VERDICTS = (
    *("BackendTLSPolicy", "Gateway", "GatewayClass", "GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute"),
)
"""Kinds whose status is told as verdicts."""


def produce(documents: list[Any]) -> Any:
    settings = DEFAULT_SETTINGS
    if documents[0].get("kind") == "Settings":
        settings = documents.pop(0)["settings"]
    decoded = [decode_mapping(document) for document in documents]
    resources = [found.resource for found in decoded if found.resource is not None]
    problems = [problem for found in decoded for problem in found.problems]
    snapshot = Snapshot.of(resources, problems)
    built = build_model(snapshot, decode_settings(settings, SETTINGS_REF, privileged=True))
    conditions = wanted_conditions(built.owned, built.model.every_router, built.problems, programmed=True)
    return {
        "routers": [_router(router) for router in built.model.routers],
        **_streams(built.model),
        "tlsOptions": [_plain(options) for options in built.model.tls_options],
        "certificates": [f"{c.ref}: {', '.join(c.names)}" for c in built.model.certificates],
        "endpoints": {_joined(key): [_endpoint(each) for each in ends] for key, ends in built.endpoints.items()},
        "problems": [f"{problem.severity}: {problem} [{problem.reason}]" for problem in built.problems],
        "conditions": {
            str(ref): [" ".join(filter(None, map(str, _text(c)))) for c in all_]
            for ref, all_ in conditions.items()
            if ref.kind not in WITHOUT_VERDICTS
        },
        **_proofs(built.model),
        **({"verdicts": dict(map(_verdict, built.verdicts))} if built.verdicts else {}),
    }


def _proofs(model: Any) -> dict[str, Any]:
    if not model.proofs:
        return {}
    routers = [
        f"{r.entrypoint}{' over TLS under ' + r.tls_options if r.tls else ''}: {r.rule.text}"
        for r in model.proof_routers
    ]
    proofs = [f"{p.kind.value} {p.host}: {p.token} -> {p.key_authorization}" for p in model.proofs]
    return {"proofs": proofs, "proofRouters": routers}


def _verdict(verdict: Any) -> tuple[str, Any]:
    """What the status of an object of the Gateway API says, without messages."""
    status = GatewayDocument(verdict, programmed=True).merged({}, 1, datetime(2026, 1, 1, tzinfo=UTC))
    status.pop("supportedFeatures", None)
    return str(verdict.ref), _brief(status)


def _brief(value: Any) -> Any:
    if isinstance(value, dict) and "lastTransitionTime" in value:
        return f"{value['type']}={value['status']} {value['reason']}"
    if isinstance(value, dict):
        return {key: _brief(item) for key, item in value.items()}
    return [_brief(item) for item in value] if isinstance(value, list) else value


def _streams(model: Any) -> dict[str, Any]:
    found = {
        "tcpRouters": [_router(router) for router in model.tcp_routers],
        "udpRouters": [{"ref": str(router.ref), **_plain(router)} for router in model.udp_routers],
        "udpEntryPoints": [_plain(entrypoint) for entrypoint in model.udp_entrypoints],
    }
    return {name: values for name, values in found.items() if values}


def _text(condition: Any) -> tuple[str, ...]:
    return (f"{condition.type}={condition.status}", condition.reason)


def _router(router: Any) -> Any:
    plain = _plain(router)
    return {"ref": str(router.ref), **plain, "rule": router.rule.text}


def _plain(value: Any) -> Any:
    """What differs from the defaults, as plain data; secrets blank."""
    match value:
        case SecretBytes():
            return str(value)
        case msgspec.Struct():
            kind = type(value).__name__
            head = (
                {"type": kind}
                if kind not in {"Router", "TCPRouter", "TLSOptions", "UDPEntryPoint", "UDPRouter"}
                else {}
            )
            return head | dict(_fields(value))
        case tuple() if hasattr(value, "_fields"):
            return _joined(value)
        case tuple() | list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value


def _joined(value: Any) -> str:
    """The fields of a named tuple that differ from their defaults."""
    defaults = value._field_defaults
    return "/".join(str(part) for name, part in value._asdict().items() if part != defaults.get(name, ()))


def _endpoint(endpoint: Endpoint) -> str:
    state = f" {endpoint.state.name.lower()}" if endpoint.state else ""
    return f"{endpoint.address}:{endpoint.port}{state}"


def _fields(value: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(value):
        content = getattr(value, field.name)
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if content != default and field.name not in {"ref", "rule"}:
            yield field.name, _plain(content)
