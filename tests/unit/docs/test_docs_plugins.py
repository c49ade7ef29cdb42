"""The examples of docs/plugins.md do what the page says: they have no problem."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from hearthgate.ingress.middlewares.build import build_middleware
from hearthgate.ingress.routing.entrypoints import build_entrypoints
from hearthgate.ingress.settings import IngressSettings
from hearthgate.resources import traefik
from hearthgate.resources.core import Secret
from hearthgate.resources.decode import decode_mapping

PAGE = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text()
MANIFESTS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SETTINGS = re.findall(r"```yaml settings\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", MANIFESTS, ids=range(len(MANIFESTS)))
def test_manifests_have_no_problem(text: str) -> None:
    decoded = [decode_mapping(data) for data in yaml.safe_load_all(text)]
    resources = [one.resource for one in decoded]
    assert [problem for one in decoded for problem in one.problems] == []
    secrets = {one.metadata.name: one for one in resources if isinstance(one, Secret)}
    middlewares = [one for one in resources if isinstance(one, traefik.Middleware)]
    assert middlewares
    for resource in middlewares:
        value, problems = build_middleware(resource, secrets.get)
        assert value is not None
        assert problems == ()


@pytest.mark.parametrize("text", SETTINGS, ids=range(len(SETTINGS)))
def test_settings_name_sets_of_networks(text: str) -> None:
    settings = msgspec.convert(yaml.safe_load(text), IngressSettings)
    (entrypoint, *_), problems = build_entrypoints(settings)
    assert not problems
    assert len(entrypoint.trusted_ips) == 22
