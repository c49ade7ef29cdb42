"""What kubectl learns from OpenAPI: the oldest and the newest of it, from version 3 and from version 2."""

from pathlib import Path

import pytest

from hearthgate.apiserver.server import ApiServer
from tests.component.apiserver.kubectl_versions import Kubectl
from tests.kubectl import NEWEST, OLDEST

FRESH = "--output plaintext-openapiv2"


@pytest.fixture(params=[OLDEST, NEWEST])
def kubectl(request: pytest.FixtureRequest, server: ApiServer, tmp_path: Path) -> Kubectl:
    return Kubectl(server, tmp_path, request.param)


def _fields(text: str) -> dict[str, str]:
    """The listed fields and their types."""
    lines = text.partition("FIELDS:")[2].splitlines()
    return dict(line.split()[:2] for line in lines if "\t" in line)


async def test_explain_tells_what_a_field_is(kubectl: Kubectl) -> None:
    said = await kubectl("explain ingressroute.spec.routes")
    assert "FIELD: routes <[]Object>" in said
    assert "The rule that requests must match, such as Host(`a.example.org`)" in said
    assert "no description" not in said
    assert _fields(said)["match"] == "<string>"
    assert "-required-" in said


async def test_explain_goes_all_the_way_down(kubectl: Kubectl) -> None:
    said = await kubectl("explain middleware.spec.rateLimit --recursive")
    assert {"average", "sourceCriterion", "ipStrategy", "excludedIPs"} <= _fields(said).keys()
    assert "<IntOrString>" in said


async def test_explain_of_built_in_kinds_and_metadata(kubectl: Kubectl) -> None:
    assert _fields(await kubectl("explain service.spec.ports"))["targetPort"] == "<IntOrString>"
    said = await kubectl("explain configmap.metadata")
    assert "FIELD: metadata <ObjectMeta>" in said
    assert _fields(said)["labels"] == "<map[string]string>"


async def test_explain_of_what_is_only_asked(server: ApiServer, tmp_path: Path) -> None:
    # kubectl 1.27 looks at the GET operation of every kind; these have none, upstream's neither.
    newest = Kubectl(server, tmp_path, NEWEST)
    assert "resourceAttributes" in _fields(await newest("explain selfsubjectaccessreview.spec"))


async def test_explain_says_what_is_not_there(kubectl: Kubectl) -> None:
    assert 'field "nope" does not exist' in await kubectl("explain ingressroute.spec.nope", code=1)
    said = await kubectl("explain ingressroute --api-version traefik.io/v9", code=1)
    assert "traefik.io/v9" in said


async def test_explain_of_one_version_of_several(kubectl: Kubectl) -> None:
    assert "VERSION:    v1beta1" in await kubectl("explain bgppeer --api-version metallb.io/v1beta1")
    assert "GROUP:      events.k8s.io" in await kubectl("explain events --api-version events.k8s.io/v1")


async def test_explain_by_version_2(kubectl: Kubectl) -> None:
    said = await kubectl(f"explain ingressroute.spec.routes {FRESH}")
    assert "RESOURCE: routes <[]Object>" in said
    assert "The rule that requests must match" in said
    assert _fields(await kubectl(f"explain service.spec.ports {FRESH}"))["port"] == "<integer>"
    assert 'field "nope" does not exist' in await kubectl(f"explain ingressroute.spec.nope {FRESH}", code=1)


async def test_a_definition_is_explained_as_soon_as_it_is_served(kubectl: Kubectl) -> None:
    before = await kubectl("explain widgets", code=1)
    assert "widgets" in before
    await kubectl("apply -f -", stdin=DEFINITION)
    said = await kubectl("explain widgets.spec")
    assert "How large it is." in said
    assert _fields(said)["size"] == "<integer>"
    assert _fields(await kubectl(f"explain widgets.spec {FRESH}"))["size"] == "<integer>"


DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [size]
              properties:
                size: {type: integer, description: How large it is., minimum: 1}
                note: {type: string, nullable: true}
"""
