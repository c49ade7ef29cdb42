"""kubectl delete: what happens to dependents, what it waits for, what it says of a namespace that is held."""

from pathlib import Path

import pytest

from hearthgate.apiserver.server import ApiServer
from tests.component.apiserver.api_objects import until
from tests.component.apiserver.kubectl_versions import Kubectl
from tests.kubectl import NEWEST, OLDEST

HELD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: held, namespace: shop, finalizers: [example.org/hold]}
"""
FREE = '{"metadata":{"finalizers":null}}'


@pytest.fixture(params=[OLDEST, NEWEST])
async def kubectl(request: pytest.FixtureRequest, server: ApiServer, tmp_path: Path) -> Kubectl:
    made = Kubectl(server, tmp_path, request.param)
    await made("create namespace shop")
    return made


async def _family(kubectl: Kubectl) -> None:
    """A ConfigMap and one that belongs to it."""
    await kubectl("create configmap owner -n shop")
    uid = await kubectl("get configmap owner -n shop -o jsonpath={.metadata.uid}")
    await kubectl("apply -f -", stdin=CHILD.format(uid=uid))


CHILD = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: child
  namespace: shop
  ownerReferences:
    - {{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}, blockOwnerDeletion: true}}
"""


async def _names(kubectl: Kubectl) -> set[str]:
    listed = await kubectl("get configmaps -n shop -o name")
    return {line.removeprefix("configmap/") for line in listed.splitlines()} - {"kube-root-ca.crt"}


async def test_foreground_waits_for_the_dependents(kubectl: Kubectl) -> None:
    await _family(kubectl)
    said = await kubectl("delete configmap owner -n shop --cascade=foreground --timeout=20s")
    assert 'configmap "owner" deleted' in said
    assert await _names(kubectl) == set(), "all of it is gone when the command returns"


async def test_orphan_leaves_the_dependents(kubectl: Kubectl) -> None:
    await _family(kubectl)
    await kubectl("delete configmap owner -n shop --cascade=orphan --timeout=20s")
    assert await _names(kubectl) == {"child"}
    assert await kubectl("get configmap child -n shop -o jsonpath={.metadata.ownerReferences}") == ""


async def test_background_lets_them_follow(kubectl: Kubectl) -> None:
    await _family(kubectl)
    await kubectl("delete configmap owner -n shop --cascade=background --timeout=20s")

    async def empty() -> bool:
        return await _names(kubectl) == set()

    await until(empty)


async def test_delete_waits_for_finalizers(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=HELD)
    said = await kubectl("delete configmap held -n shop --timeout=1s", code=1)
    assert "timed out waiting" in said
    waiting = await kubectl.start("delete configmap held -n shop --timeout=20s")
    assert waiting.stdout is not None
    assert b'configmap "held" deleted' in await waiting.stdout.readline(), "it has asked, and waits now"
    await kubectl(f"patch configmap held -n shop --type=merge -p {FREE}")
    await waiting.communicate()
    assert waiting.returncode == 0


async def test_a_namespace_tells_what_holds_it(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=HELD)
    await kubectl("delete namespace shop --wait=false")

    async def told() -> bool:
        return "example.org/hold in 1 resource instances" in await kubectl("get namespace shop -o yaml")

    await until(told)
    assert "Terminating" in await kubectl("get namespace shop")
    assert "NamespaceFinalizersRemaining" in await kubectl("describe namespace shop")
    refused = await kubectl("create configmap new -n shop", code=1)
    assert "because it is being terminated" in refused
    await kubectl(f"patch configmap held -n shop --type=merge -p {FREE}")
    await kubectl("wait --for=delete namespace/shop --timeout=20s")


async def test_a_namespace_is_finalized_by_force(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=HELD)
    await kubectl("delete namespace shop --wait=false")
    body = '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"},"spec":{"finalizers":[]}}'
    await kubectl("replace --raw /api/v1/namespaces/shop/finalize -f -", stdin=body)
    await kubectl("wait --for=delete namespace/shop --timeout=20s")
