"""Static settings to what the proxy is told: entrypoints of the model, their own routers, what is recorded."""

import json
from typing import Any

import msgspec
from google.protobuf import json_format

from hearthgate.app.settings import SettingsError, decode_settings
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.envoy.messages import make
from hearthgate.ingress.envoy.observability.recording import Recording
from hearthgate.ingress.envoy.schema import message, schema_pool
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.build import build_model
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import EntryPoint, Router

_NETWORK = "envoy.extensions.filters.network."


def produce(documents: list[Any]) -> Any:
    ensure_schema()
    (given,) = documents
    try:
        settings = decode_settings(given, SETTINGS_REF, privileged=True)
    except SettingsError as error:
        return {"refused": [f"{problem} [{problem.reason}]" for problem in error.problems]}
    built = build_model(Snapshot.of([]), settings)
    recording = Recording(settings.access_log, settings.metrics.prometheus, settings.tracing)
    shown = {
        "entrypoints": [_changed(entrypoint) for entrypoint in built.model.entrypoints],
        "udpEntryPoints": [_changed(entrypoint) for entrypoint in built.model.udp_entrypoints],
        "routers": [_router(router) for router in built.model.routers],
        "recording": {
            point.name: _recorded(recording, point)
            for point in built.model.entrypoints
            if recording and point.name in settings.entry_points
        },
        "clusters": {
            name: _plain(message("envoy.config.cluster.v3.Cluster").FromString(found.body))
            for name, found in recording.clusters("/etc/ssl/cas.pem").items()
        },
        "problems": [f"{problem.severity}: {problem} [{problem.reason}]" for problem in built.problems],
    }
    return {name: part for name, part in shown.items() if part}


def _recorded(recording: Recording, entrypoint: EntryPoint) -> Any:
    return _plain(
        make(f"{_NETWORK}http_connection_manager.v3.HttpConnectionManager", **recording.fields(entrypoint))
    )


def _plain(value: Any) -> Any:
    text = json_format.MessageToJson(
        value, preserving_proto_field_name=True, descriptor_pool=schema_pool(), sort_keys=True
    )
    return json.loads(text)


def _router(router: Router) -> Any:
    return {
        "name": router.name,
        "entrypoint": router.entrypoint,
        "rule": router.rule.text,
        "priority": router.priority,
        "tls": router.tls,
        "middlewares": [msgspec.to_builtins(middleware) for middleware in router.middlewares],
    }


def _changed(value: msgspec.Struct) -> dict[str, Any]:
    """What differs from the defaults."""
    found = {}
    for field in msgspec.structs.fields(value):
        content = getattr(value, field.name)
        if content != field.default:
            found[field.name] = msgspec.to_builtins(content)
    return found
