"""kubectl as a viewer, an editor, an admin and a user of one namespace."""

import pytest

from hearthgate.apiserver.access.accounts import CredentialKind
from hearthgate.apiserver.access.roles import Role
from hearthgate.apiserver.server import ApiServer
from tests.component.apiserver.api_users import add_user, run_kubectl
from tests.kubectl import NEWEST, OLDEST

VALUE = "open-sesame"


@pytest.fixture
async def populated(server: ApiServer) -> ApiServer:
    for line in (
        "create namespace web",
        f"create secret generic door --from-literal=word={VALUE} -n web",
        "create configmap page --from-literal=a=b -n web",
    ):
        await run_kubectl(server.kubeconfig, line)
    return server


async def test_a_viewer_reads_all_but_secrets(populated: ApiServer) -> None:
    config = add_user(populated, "ann", Role.VIEWER)
    assert "page" in await run_kubectl(config, "get configmaps -A")
    assert "web" in await run_kubectl(config, "get namespaces")
    refused = (
        'Error from server (Forbidden): secrets is forbidden: User "ann" cannot list resource "secrets" '
        'in API group "" in the namespace "web"\n'
    )
    for line in (
        "get secrets -n web",
        "get secrets -n web -o yaml",
        "get secrets -n web -o name",
        "get secrets -n web -w",
    ):
        assert refused in (said := await run_kubectl(config, line, code=1)), line
        assert VALUE not in said
    one = await run_kubectl(config, "describe secret door -n web", code=1)
    assert 'secrets "door" is forbidden: User "ann" cannot get resource "secrets"' in one
    for line in (
        "create configmap other --from-literal=a=b -n web",
        "label configmap page x=y -n web",
        "delete configmap page -n web",
        "delete configmaps --all -n web",
    ):
        assert "(Forbidden)" in (said := await run_kubectl(config, line, code=1)) or "forbidden" in said
        assert VALUE not in said
    assert "at the cluster scope" in await run_kubectl(config, "create namespace other", code=1)


async def test_an_editor_changes_what_lies_in_namespaces(populated: ApiServer) -> None:
    config = add_user(populated, "bob", Role.EDITOR, credential=CredentialKind.CERTIFICATE)
    assert "door" in await run_kubectl(config, "get secrets -n web")
    await run_kubectl(config, "label configmap page x=y -n web")
    await run_kubectl(config, "create configmap other --from-literal=a=b -n web")
    await run_kubectl(config, "delete configmap other -n web")
    said = await run_kubectl(config, "delete namespace web", code=1)
    assert 'User "bob" cannot delete resource "namespaces" in API group "" in the namespace "web"' in said
    assert "(Forbidden)" in await run_kubectl(config, "get configmaps -n web --as ann", code=1)


async def test_a_user_of_one_namespace(populated: ApiServer) -> None:
    config = add_user(populated, "dora", Role.EDITOR, namespaces=("web",))
    assert "page" in await run_kubectl(config, "get configmaps"), "its namespace is that of the kubeconfig"
    assert "Active" in await run_kubectl(config, "get namespace web")
    assert "at the cluster scope" in await run_kubectl(config, "get configmaps -A", code=1)
    assert 'in the namespace "default"' in await run_kubectl(config, "get configmaps -n default", code=1)


async def test_an_admin_acts_as_others(populated: ApiServer) -> None:
    config = add_user(populated, "carl", Role.ADMIN)
    add_user(populated, "ann", Role.VIEWER)
    assert "page" in await run_kubectl(config, "get configmaps -n web --as ann")
    assert 'User "ann" cannot list' in await run_kubectl(config, "get secrets -n web --as ann", code=1)
    whoami = await run_kubectl(config, "auth whoami --as joe --as-group hearthgate:editor")
    assert "joe" in whoami
    assert "[hearthgate:editor system:authenticated]" in whoami
    assert "door" in await run_kubectl(config, "get secrets -n web --as joe --as-group hearthgate:editor")
    assert "(Forbidden)" in await run_kubectl(config, "get secrets -n web --as joe", code=1)


@pytest.mark.parametrize("minor", [OLDEST, NEWEST])
async def test_questions_about_access(populated: ApiServer, minor: int) -> None:
    viewer, admin = add_user(populated, "ann", Role.VIEWER), populated.kubeconfig
    assert "hearthgate:viewer" in await run_kubectl(viewer, "auth whoami", minor=minor)
    assert (await run_kubectl(viewer, "auth can-i list pods", minor=minor)).startswith("yes")
    assert (await run_kubectl(viewer, "auth can-i get pods --subresource=log", minor=minor)).startswith("yes")
    for line in ("get secrets", "create services", "get /metrics"):
        said = await run_kubectl(viewer, f"auth can-i {line}", code=1, minor=minor)
        assert said.startswith("no"), line
    assert (await run_kubectl(admin, "auth can-i delete nodes", minor=minor)).rstrip().endswith("yes")
    assert (await run_kubectl(admin, "auth can-i list secrets --as ann", code=1, minor=minor)).startswith("no")
    table = await run_kubectl(viewer, "auth can-i --list", minor=minor)
    lines = [line.split() for line in table.splitlines()]
    assert lines[0] == ["Resources", "Non-Resource", "URLs", "Resource", "Names", "Verbs"]
    rights = {line[0]: line[-3:] for line in lines[1:] if "[list" in " ".join(line) or "[get" in " ".join(line)}
    assert rights["configmaps"] == ["[get", "list", "watch]"]
    assert "secrets" not in rights
    assert "ingressroutes.traefik.io" in rights
    everything = await run_kubectl(admin, "auth can-i --list", minor=minor)
    assert "*.*" in everything
