"""Objects that the contract suite makes."""

from copy import deepcopy
from typing import Any, Final

import yaml

Object = dict[str, Any]

WIDGETS: Final = "contract.hearthgate.dev/v1/widgets"


def text(*objects: Object) -> str:
    """One document each, as kubectl reads them."""
    return yaml.safe_dump_all(objects, sort_keys=False)


def configmap(name: str, data: dict[str, str] | None = None, **metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data or {}}


def owned_by(owner: Object, **more: Any) -> Object:
    """A reference to an owner, out of what the API answered."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        **more,
    }


def service(name: str, *ports: Object, **spec: Any) -> Object:
    wanted = [*ports] or [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": wanted, **spec},
    }


def ingress(name: str, host: str) -> Object:
    backend = {"service": {"name": name, "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {
            "ingressClassName": "contract",
            "rules": [
                {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
            ],
        },
    }


def widget(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "contract.hearthgate.dev/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 3, **spec},
    }


def event(name: str, about: Object, reason: str, message: str) -> Object:
    """A warning about an object that the API answered."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": about["metadata"]["namespace"]},
        "involvedObject": {**owned_by(about), "namespace": about["metadata"]["namespace"]},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "source": {"component": "contract"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "count": 1,
    }


def definition(group: str, plural: str, kind: str, schema: Object, **version: Any) -> Object:
    """A namespaced custom kind with one version, v1."""
    served = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": deepcopy(schema)},
        **version,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [served],
        },
    }


def _widget_schema() -> Object:
    part = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "value": {"type": "string"},
            "weight": {"type": "integer", "default": 1},
        },
    }
    condition = {
        "type": "object",
        "required": ["type", "status"],
        "properties": {field: {"type": "string"} for field in ("type", "status", "reason", "message")},
    }
    spec = {
        "type": "object",
        "description": "What the widget shall be.",
        "required": ["size"],
        "properties": {
            "size": {
                "type": "integer",
                "minimum": 1,
                "maximum": 9,
                "description": "How large it is, from one to nine.",
            },
            "colour": {"type": "string", "enum": ["red", "green", "blue"], "default": "red"},
            "note": {"type": "string", "pattern": "^[a-z ]*$", "maxLength": 40},
            "parts": {
                "type": "array",
                "items": part,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "steps": {"type": "array", "items": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    status = {
        "type": "object",
        "properties": {
            "phase": {"type": "string"},
            "conditions": {
                "type": "array",
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        },
    }
    return {
        "type": "object",
        "description": "A thing for the tests of the API.",
        "properties": {"spec": spec, "status": status},
    }


def widgets() -> Object:
    """The definition of the custom kind that the suite uses."""
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    made = definition(
        "contract.hearthgate.dev",
        "widgets",
        "Widget",
        _widget_schema(),
        subresources={"status": {}},
        additionalPrinterColumns=columns,
    )
    made["spec"]["names"] |= {"shortNames": ["wdg"], "categories": ["contract-kinds"]}
    return made
