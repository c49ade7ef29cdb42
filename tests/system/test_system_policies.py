"""NetworkPolicies in force through the whole program, for the members that a box declares."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.up import HOMELAB, MANIFESTS
from tests.kubectl import kubectl_path
from tests.waiting import wait_for
from tests.yard import Yard, yard

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("ip", "nft")),
        reason="needs the Debian packages iproute2, nftables",
    ),
]
ROOT = Path(__file__).parents[2]
ENDS = {"htpc/web": ("10.50.0.1", "fd50::1"), "htpc/db": ("10.50.0.2",), "8.8.8.8": ("8.8.8.8", "2001:db8::8")}
PROGRAM = str(Path(sys.executable).parent / "hearthgate")


class Home:
    """A box whose members are fenced, as far as its manifests say."""

    def __init__(self, place: Yard, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self.manifests = folder / "manifests"
        self.manifests.mkdir()

    def on(self, *command: str) -> str:
        whole = ["ip", "netns", "exec", self.place.box, *command]
        done = subprocess.run(whole, capture_output=True, text=True, check=False, cwd=ROOT)
        return done.stdout + done.stderr

    def kubectl(self, *words: str) -> str:
        return self.on(str(kubectl_path()), "--kubeconfig", str(self.folder / "state" / "kubeconfig"), *words)

    def refusals(self) -> str:
        return self.kubectl("get", "events", "-n", "htpc", "--field-selector", "reason=PacketsRefused")

    def write(self, *policies: dict[str, Any]) -> None:
        content = {"apiVersion": "v1", "kind": "List", "items": [NAMESPACE, *policies]}
        (self.manifests / "policies.json").write_text(json.dumps(content))

    def passes(self, source: str, destination: str, *, expected: bool, version: int = 4) -> bool:
        return self.place.passes(source, destination, "TCP", 80, expected=expected, version=version)

    def running(self, *members: str) -> AbstractContextManager[None]:
        """The whole program. members: whom it fences."""
        self.settings(*members)
        settings = ["--settings", str(self.folder / "settings.json")]
        return self._program("up", str(self.manifests), "--state", str(self.folder / "state"), *settings)

    def example(self) -> AbstractContextManager[None]:
        """The homelab of the examples, fenced."""
        settings = ["--settings", str(HOMELAB / "hearthgate.yaml"), "--set", "policy.enforce=true"]
        return self._program("up", str(MANIFESTS), "--state", str(self.folder / "state"), *settings)

    def node(self, name: str) -> AbstractContextManager[None]:
        """A speaker that fences the Pods of its node."""
        places = ["--kubeconfig", str(self.folder / "state" / "kubeconfig"), "--state", str(self.folder / name)]
        return self._program("speaker", "--node", name, "--set", "policy.enforce=true", *places)

    @contextmanager
    def observing(self, file: Path, *words: str) -> Iterator[None]:
        with self._program("policy", "observe", str(file), *words):
            wait_for(
                lambda: "hearthgate_observe" in self.on("nft", "list", "tables"), within=40, what="the observer"
            )
            yield

    def settings(self, *members: str) -> None:
        declared = [
            {"namespace": "htpc", "name": name, "labels": {"app": name}, "addresses": ENDS[f"htpc/{name}"]}
            for name in members
        ]
        policy = {"enforce": bool(members), "members": declared}
        (self.folder / "settings.json").write_text(json.dumps({"policy": policy}))

    def pod(self, name: str, node: str, *, app: str = "") -> None:
        """One more, or the same with another label."""
        addresses = ENDS[f"htpc/{name}"]
        metadata = {"name": name, "namespace": "htpc", "labels": {"app": app or name}}
        spec = {"nodeName": node, "containers": [{"name": "a", "image": "b"}]}
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        (self.folder / "pod.json").write_text(json.dumps(made))
        self.kubectl("apply", "-f", str(self.folder / "pod.json"))
        status = {"podIP": addresses[0], "podIPs": [{"ip": one} for one in addresses]}
        patch = json.dumps({"status": status})
        said = self.kubectl(
            "patch", "pod", name, "-n", "htpc", "--subresource=status", "--type=merge", "-p", patch
        )
        assert f"pod/{name} patched" in said, said

    @contextmanager
    def _program(self, *words: str) -> Iterator[None]:
        whole = ["ip", "netns", "exec", self.place.box, PROGRAM, *words]
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(whole, stdout=log, stderr=log, cwd=ROOT) as process,
        ):
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "htpc"}}


def fence(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "fence", "namespace": "htpc"}
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"], **spec}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with yard(ENDS) as place:
        yield Home(place, tmp_path)


def test_fences_follow_the_policies_and_outlive_the_program(home: Home) -> None:
    home.write(fence())
    with home.running("web", "db"):
        wait_for(lambda: not home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="the fence")
        assert not home.passes("8.8.8.8", "htpc/web", expected=False, version=6)
        assert not home.passes("htpc/db", "htpc/web", expected=False)
        assert home.passes("htpc/web", "htpc/db", expected=True)
        home.write(fence(ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "db"}}}]}]))
        wait_for(lambda: home.passes("htpc/db", "htpc/web", expected=False), within=40, what="the opening")
        assert not home.passes("8.8.8.8", "htpc/web", expected=False)
        assert not home.passes("8.8.8.8", "htpc/web", expected=False, version=6)
        wait_for(lambda: "→ htpc/web, TCP:80" in home.refusals(), within=40, what="the Event")
        assert {one for one in ("8.8.8.8", "2001:db8::8") if one in home.refusals()}
    assert not home.passes("8.8.8.8", "htpc/web", expected=False), "no fence falls with the program"
    with home.running("web", "db"):
        home.write()
        wait_for(lambda: home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="no fence")
    home.write(fence())
    with home.running("web", "db"):
        wait_for(lambda: not home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="the fence")
    assert "is gone" in home.on(PROGRAM, "policy", "off")
    assert home.passes("8.8.8.8", "htpc/web", expected=True)
    assert "hearthgate_policies" not in home.on("nft", "list", "tables")


def test_policies_that_nobody_enforces_are_told(home: Home) -> None:
    home.write(fence())
    with home.running():
        log = home.folder / "log"
        words = "1 NetworkPolicy objects close nothing here"
        wait_for(lambda: words in log.read_text(), within=40, what="the word")
        assert "policies-" not in home.kubectl("get", "pods", "-A")


def test_another_program_that_enforces_policies_is_left_alone(home: Home) -> None:
    home.on("nft", "add table inet kube-network-policies; add chain inet kube-network-policies forward")
    home.write(fence())
    with home.running("web", "db"):
        log = home.folder / "log"
        wait_for(lambda: "another program enforces policies here" in log.read_text(), within=40, what="the word")
        assert "hearthgate_policies" not in home.on("nft", "list", "tables")


def test_members_come_and_go_with_the_settings(home: Home) -> None:
    home.write(fence())
    with home.running("db"):
        log = home.folder / "log"
        wait_for(lambda: "policies in force" in log.read_text() or is_up(home), within=40, what="it runs")
        assert home.passes("8.8.8.8", "htpc/web", expected=True)
        home.settings("db", "web")
        wait_for(lambda: not home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="the fence")
        home.settings("db")
        wait_for(lambda: home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="no fence")


def is_up(home: Home) -> bool:
    return "htpc" in home.kubectl("get", "namespaces")


def test_a_speaker_fences_the_pods_of_its_node(home: Home) -> None:
    policies = fence(ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "db"}}}]}])
    elsewhere = fence(podSelector={"matchLabels": {"app": "db"}})
    elsewhere["metadata"] = {"name": "elsewhere", "namespace": "htpc"}
    home.write(policies, elsewhere)
    with home.running():
        wait_for(lambda: is_up(home), within=40, what="the API")
        home.pod("web", "n1")
        home.pod("db", "n2")
        assert home.passes("8.8.8.8", "htpc/web", expected=True), "nobody fences yet"
        with home.node("n1"):
            wait_for(lambda: not home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="the fence")
            assert not home.passes("8.8.8.8", "htpc/web", expected=False, version=6)
            assert home.passes("htpc/db", "htpc/web", expected=True)
            assert home.passes("8.8.8.8", "htpc/db", expected=True), "its own node fences it"
            home.pod("web", "n1", app="other")
            wait_for(lambda: home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="no fence")
            home.pod("web", "n1")
            wait_for(lambda: not home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="the fence")
        assert not home.passes("8.8.8.8", "htpc/web", expected=False), "no fence falls with the program"
        home.kubectl("delete", "pod", "web", "-n", "htpc")
        with home.node("n1"):
            wait_for(lambda: home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="no fence")


def test_what_was_seen_is_proposed_and_passes(home: Home) -> None:
    home.write()
    flows = home.folder / "flows"
    places = ("--settings", str(home.folder / "settings.json"), "--state", str(home.folder / "state"))
    with home.running("web", "db"):
        wait_for(lambda: is_up(home), within=40, what="the API")
        with home.observing(flows, *places):
            assert home.passes("htpc/db", "htpc/web", expected=True)
            assert home.place.passes("8.8.8.8", "htpc/db", "UDP", 53, expected=True)
            wait_for(lambda: flows.read_text().count("\n") >= 2, within=40, what="two lines")
        assert "hearthgate_observe" not in home.on("nft", "list", "tables")
        assert "htpc/app=db → htpc/app=web, TCP:80" in (home.folder / "log").read_text()
        made = home.on(PROGRAM, "policy", "suggest", "htpc", "--observed", str(flows), *places)
        assert "seen, and refused without this" in made
        (home.folder / "made.yaml").write_text(made)
        home.kubectl("apply", "-f", str(home.folder / "made.yaml"))
        wait_for(lambda: not home.passes("8.8.8.8", "htpc/web", expected=False), within=40, what="the fence")
        wait_for(lambda: home.passes("htpc/db", "htpc/web", expected=False), within=40, what="the opening")
        assert not home.passes("htpc/web", "htpc/db", expected=False)
        assert home.place.passes("8.8.8.8", "htpc/db", "UDP", 53, expected=True)
        assert not home.passes("8.8.8.8", "htpc/db", expected=False)


PORTS = (6379, 7100, 8081, 8082, 8096)
ALLOWED = (
    ("monitoring/prometheus", "htpc/scraparr", 7100),
    ("htpc/sonarr", "htpc/jellyfin", 8096),
    ("htpc/jellyfin", "monitoring/grafana", 8096),
    ("argocd/argocd-server", "argocd/argocd-redis", 6379),
    ("argocd/argocd-repo-server", "argocd/argocd-redis", 6379),
    ("argocd/argocd-server", "argocd/argocd-repo-server", 8081),
    ("monitoring/prometheus", "argocd/argocd-application-controller", 8082),
    ("8.8.8.8", "argocd/argocd-server", 8081),
)
REFUSED = (
    ("monitoring/grafana", "htpc/scraparr", 7100),
    ("monitoring/prometheus", "htpc/jellyfin", 8096),
    ("8.8.8.8", "htpc/jellyfin", 8096),
    ("argocd/argocd-server", "htpc/sonarr", 8096),
    ("monitoring/prometheus", "argocd/argocd-redis", 6379),
    ("argocd/argocd-application-controller", "argocd/argocd-redis", 8081),
    ("argocd/argocd-redis", "argocd/argocd-repo-server", 8081),
    ("8.8.8.8", "argocd/argocd-application-controller", 8082),
    ("monitoring/grafana", "argocd/argocd-application-controller", 8081),
)


def test_the_fences_of_the_example_homelab(tmp_path: Path) -> None:
    members = yaml.safe_load((HOMELAB / "hearthgate.yaml").read_text())["policy"]["members"]
    all_ends = {f"{one['namespace']}/{one['name']}": tuple(one["addresses"]) for one in members}
    wanted = {end for row in (*ALLOWED, *REFUSED) for end in row[:2]}
    ends = {end: all_ends.get(end, (end,)) for end in sorted(wanted)}
    with yard(ends, *PORTS) as place, Home(place, tmp_path).example():
        first, *others = REFUSED
        wait_for(lambda: not passes(place, first, expected=False), within=40, what="the fences")
        for row in others:
            assert not passes(place, row, expected=False), row
        for row in ALLOWED:
            assert passes(place, row, expected=True), row


def passes(place: Yard, row: tuple[str, str, int], *, expected: bool) -> bool:
    source, destination, port = row
    return place.passes(source, destination, "TCP", port, expected=expected)
