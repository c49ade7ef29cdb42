"""The cluster that the contract is checked against: the embedded API, or the one of a kubeconfig.

`HEARTHGATE_TEST_KUBECONFIG` names the kubeconfig of a cluster to check instead; what the suite makes there
carries a label and is removed at the end. `HEARTHGATE_TEST_KUBECTL` names the one kubectl to run.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import apiserving
from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import widgets as widgets_definition
from tests.contract.plain_http import Http
from tests.kubectl import CHOSEN, NEWEST, OLDEST, kubectl_path
from tests.waiting import wait_for

KUBECONFIG = "HEARTHGATE_TEST_KUBECONFIG"
LABEL = "contract.hearthgate.dev/worker"
NAMESPACES = "/api/v1/namespaces"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Real clusters take ten seconds and more to empty a namespace.
GONE_WITHIN = 120.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_kubectl: runs with the oldest and with the newest kubectl")
    config.addinivalue_line("markers", "kubectl_from(minor): needs at least that kubectl, 1.`minor`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "program" in metafunc.fixturenames:
        minors = [OLDEST, NEWEST] if metafunc.definition.get_closest_marker("every_kubectl") else [NEWEST]
        names = [f"1.{minor}" for minor in minors]
        if os.environ.get(CHOSEN):
            minors, names = [NEWEST], ["chosen"]
        metafunc.parametrize("program", minors, indirect=True, ids=names)


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Path:
    """The kubectl that the test runs."""
    return kubectl_path(request.param)


# Before the modules' own check for processes left behind: this one outlives them.
@pytest.fixture(scope="session", autouse=True)
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if given := os.environ.get(KUBECONFIG):
        yield Path(given)
        return
    with apiserving.serving(tmp_path_factory.mktemp("api") / "state") as found:
        yield found


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def namespaces() -> list[str]:
    """Those that this worker made for its tests; what they add elsewhere carries the name in its own."""
    return []


@pytest.fixture(scope="session")
def http(kubeconfig: Path, namespaces: list[str]) -> Iterator[Http]:
    made = Http(kubeconfig, kubectl_path(NEWEST))
    yield made
    if os.environ.get(KUBECONFIG):
        _remove_everything(made, namespaces)
    made.close()


@pytest.fixture
def namespace(http: Http, namespaces: list[str]) -> Iterator[str]:
    metadata = {"generateName": "contract-", "labels": {LABEL: _worker()}}
    made = http.post(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    assert made.status == 201, made
    name = str(made.body["metadata"]["name"])
    namespaces.append(name)
    yield name
    http.delete(f"{NAMESPACES}/{name}")


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest, kubeconfig: Path, program: Path, home: Path, http: Http, namespace: str
) -> Cluster:
    made = Cluster(kubeconfig=kubeconfig, kubectl=program, home=home, http=http, namespace=namespace)
    wanted = request.node.get_closest_marker("kubectl_from")
    if wanted and made.minor < wanted.args[0]:
        pytest.skip(f"kubectl 1.{made.minor} cannot do this")
    return made


@pytest.fixture(scope="session")
def widgets(http: Http) -> None:
    """The custom kind of the suite is served."""
    wanted = widgets_definition()
    path = f"{DEFINITIONS}/{wanted['metadata']['name']}"
    applied = http.apply(path, wanted, "contract", force="true")
    assert applied.status in {200, 201}, applied.body["message"]

    def established() -> bool:
        conditions = http.get(path).body.get("status", {}).get("conditions", [])
        return {"type": "Established", "status": "True"}.items() <= _condition(conditions, "Established").items()

    wait_for(established, within=30, what="the definition's condition Established")
    # Established comes a little before every path answers, and before the schema is published.
    wait_for(lambda: http.get("/apis/contract.hearthgate.dev/v1/widgets").status == 200, within=30)
    wait_for(lambda: http.get("/openapi/v3/apis/contract.hearthgate.dev/v1").status == 200, within=30)


def _condition(conditions: list[dict[str, str]], kind: str) -> dict[str, str]:
    return next((held for held in conditions if held["type"] == kind), {})


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "alone")


def _remove_everything(http: Http, namespaces: list[str]) -> None:
    """What this worker made; the definition of the custom kind with the last worker."""

    def left() -> list[str]:
        """The addresses of namespaces and definitions that carry the name of a test's namespace."""
        return [
            f"{path}/{found}"
            for path in (NAMESPACES, DEFINITIONS)
            for found in http.get(path).names
            if any(name in found for name in namespaces)
        ]

    for address in left():
        http.delete(address)
    wait_for(lambda: not left(), within=GONE_WITHIN, what="the end of what the tests have made")
    if not http.get(NAMESPACES, labelSelector=LABEL).names:
        http.delete(f"{DEFINITIONS}/{widgets_definition()['metadata']['name']}")
