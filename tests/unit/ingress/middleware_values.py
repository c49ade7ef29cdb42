"""Makes middlewares from manifests for tests."""

from collections.abc import Mapping
from typing import Any

from hearthgate.ingress.middlewares.build import build_middleware
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.model.problems import Problem
from hearthgate.model.secret import SecretBytes
from hearthgate.resources import traefik
from hearthgate.resources.core import Secret
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import ObjectMeta


def secret(name: str = "users", type: str = "Opaque", **values: bytes) -> Secret:  # noqa: A002 - as in manifests
    return Secret(
        type=type,
        metadata=ObjectMeta(name=name, namespace="default"),
        string_data={key: SecretBytes(value) for key, value in values.items()},
    )


def attempt(
    spec: Mapping[str, Any], secrets: Mapping[str, Secret] = {}
) -> tuple[Middleware | None, tuple[Problem, ...]]:
    """What becomes of a Middleware `default/m`."""
    decoded = decode_mapping(
        {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "Middleware",
            "metadata": {"name": "m", "namespace": "default"},
            "spec": spec,
        }
    )
    assert isinstance(decoded.resource, traefik.Middleware), decoded.problems
    return build_middleware(decoded.resource, secrets.get)


def value(kind: str, options: Mapping[str, Any], secrets: Mapping[str, Secret] = {}) -> Middleware:
    built, problems = attempt({kind: options}, secrets)
    assert built is not None, problems
    return built
