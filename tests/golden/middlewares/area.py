"""Lists of middlewares and the branches that they become.

input.yaml: one document with `scope`, then Middlewares in the order of the router's list, and Secrets.
"""

import json
from typing import Any

from google.protobuf import json_format

from hearthgate.ingress.envoy.plan import Branch, Scope, plan_branches
from hearthgate.ingress.envoy.schema import schema_pool
from hearthgate.ingress.envoy.upstreams import asked_balancers
from hearthgate.ingress.middlewares.build import build_middleware
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.model.problems import Problem
from hearthgate.resources import traefik
from hearthgate.resources.core import Secret
from hearthgate.resources.decode import decode_mapping

_BLANKS = {"inline_bytes": "hidden", "default_source_code": "the script", "shared_vm_id": "its hash"}


def produce(documents: list[Any]) -> Any:
    ensure_schema()
    scope, *objects = documents
    resources = []
    problems: list[Problem] = []
    for data in objects:
        decoded = decode_mapping(data)
        problems += decoded.problems
        resources.append(decoded.resource)
    secrets = {resource.metadata.name: resource for resource in resources if isinstance(resource, Secret)}
    values = []
    for resource in resources:
        if isinstance(resource, traefik.Middleware):
            value, found = build_middleware(resource, secrets.get)
            problems += found
            if value is not None:
                values.append(value)
    upstreams = tuple((balancer, f"cluster of {balancer.name}") for balancer in asked_balancers(values))
    branches, errors = plan_branches(values, Scope(**scope["scope"]), upstreams)
    return {
        "branches": [_branch(branch) for branch in branches],
        "errors": list(errors),
        "problems": [f"{problem.severity}: {problem.reason}: {problem}" for problem in problems],
    }


def _branch(branch: Branch) -> dict[str, Any]:
    """What is set of a branch."""
    parts = {
        "conditions": [_json(condition) for condition in branch.conditions],
        "filter_state": [_json(condition) for condition in branch.filter_state],
        "filters": [_json(one) for one in branch.filters],
        "response": _json(branch.response) if branch.response is not None else None,
        "route_action": _json(branch.route_action) if branch.route_action is not None else None,
        "request_headers_to_remove": list(branch.request_headers_to_remove),
        "body_limit": branch.body_limit,
    }
    return {name: part for name, part in parts.items() if part}


def _json(message: Any) -> Any:
    text = json_format.MessageToJson(message, preserving_proto_field_name=True, descriptor_pool=schema_pool())
    return _blank(json.loads(text))


def _blank(data: Any) -> Any:
    """Without the password hashes, which the proxy must see and nobody else, and without the text of scripts."""
    if isinstance(data, dict):
        return {key: _BLANKS.get(key) or _blank(data[key]) for key in sorted(data)}
    return [_blank(item) for item in data] if isinstance(data, list) else data
