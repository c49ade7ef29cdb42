"""`hearthgate can-reach` on manifests, as its users type it."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from hearthgate.cli.main import main

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus, namespace: monitoring}
spec:
  template:
    metadata: {labels: {app: prometheus}}
    spec: {containers: [{name: main, image: x}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: scraparr, namespace: htpc}
spec:
  template:
    metadata: {labels: {app: scraparr}}
    spec: {containers: [{name: main, image: x, ports: [{name: metrics, containerPort: 7100}]}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: backup, namespace: htpc}
spec:
  jobTemplate: {spec: {template: {metadata: {labels: {app: backup}}, spec: {containers: [{name: main}]}}}}
---
apiVersion: v1
kind: Service
metadata: {name: scraparr, namespace: htpc}
spec: {selector: {app: scraparr}, ports: [{port: 80, targetPort: metrics}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny-ingress, namespace: htpc}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-prometheus-scrape, namespace: htpc}
spec:
  podSelector: {matchLabels: {app: scraparr}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: infra}}
      podSelector: {matchLabels: {app: prometheus}}
    ports: [{port: 7100}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "all.yaml").write_text(MANIFESTS)
    return tmp_path


def ask(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["can-reach", *words, "-f", str(folder)])


def test_no_with_the_rule_that_nearly_fits_and_what_would_open_it(folder: Path) -> None:
    found = ask(folder, "monitoring/prometheus", "htpc/svc/scraparr:80")
    assert found.exit_code == 1
    assert "no  monitoring/prometheus → htpc/scraparr at TCP:7100" in found.output
    assert "wants kubernetes.io/metadata.name=infra, and namespace monitoring has monitoring" in found.output
    patch = found.output.partition("-p '")[2].partition("'")[0]
    (step,) = json.loads(patch)
    assert step["path"] == "/spec/ingress/0/from/-"
    assert step["value"]["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}


def test_the_way_out_opens_no_more_than_is_asked(folder: Path) -> None:
    """Though a rule for everybody in the namespace lacks one part only, as well."""
    wide = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}
    metadata = {"name": "allow-each-other", "namespace": "htpc"}
    made = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": wide}
    (folder / "wide.json").write_text(json.dumps(made))
    assert "way out: kubectl patch networkpolicy allow-prometheus-scrape" in (
        ask(folder, "monitoring/prometheus", "htpc/svc/scraparr:80").output
    )
    (found,) = json.loads(ask(folder, "monitoring/prometheus", "htpc/backup:22", "-o", "json").output)
    assert '"name": "allow-prometheus-22"' in found["wayOut"][0]
    assert '"podSelector": {"matchLabels": {"app": "backup"}}' in found["wayOut"][0]


def test_after_the_way_out_it_says_yes(folder: Path) -> None:
    text = MANIFESTS.replace("metadata.name: infra", "metadata.name: monitoring")
    (folder / "all.yaml").write_text(text)
    found = ask(folder, "monitoring/deploy/prometheus", "htpc/scraparr:metrics")
    assert found.exit_code == 0
    assert "allowed by NetworkPolicy htpc/allow-prometheus-scrape, spec.ingress[0]" in found.output


def test_a_port_that_no_rule_names_asks_for_a_policy_beside(folder: Path) -> None:
    found = ask(folder, "internet", "htpc/backup:22", "-o", "json")
    assert found.exit_code == 1
    (answer,) = json.loads(found.output)
    (way_out,) = answer["wayOut"]
    assert '"name": "allow-internet-22"' in way_out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("monitoring/prom", "htpc/backup"), "there is no pod monitoring/prom (there are: prometheus)"),
        (("htp/x", "1.2.3.4"), "there is no pod in namespace htp (did you mean 'htpc'?)"),
        (("1.2.3.4", "htpc/scraparr:web"), "htpc/scraparr names no port 'web' (it names: metrics)"),
        (("1.2.3.4", "htpc/svc/nothing:80"), "there is no Service htpc/nothing"),
        (("1.2.3.4", "htpc/svc/scraparr:81"), "has no port 81 (it has: 80)"),
        (("1.2.3.4", "htpc/scraparr:70000"), "70000 is no port"),
        (("nowhere", "htpc/scraparr"), "is no end of a connection: write NAMESPACE/POD"),
        (("htpc/x/y", "htpc/scraparr"), "is no kind of pods"),
        ((), "say who shall reach whom"),
    ],
)
def test_what_cannot_be_said(folder: Path, words: tuple[str, ...], said: str) -> None:
    found = ask(folder, *words)
    assert found.exit_code == 2
    assert said in found.output


def test_the_matrix(folder: Path) -> None:
    found = ask(folder, "--matrix", "-o", "json")
    assert found.exit_code == 0
    cells = {(cell["source"], cell["destination"]): cell for cell in json.loads(found.output)}
    assert len(cells) == 9
    assert cells["monitoring/prometheus", "htpc/scraparr"]["served"] == [
        {"protocol": "TCP", "port": 7100, "reached": False}
    ]
    assert cells["htpc/backup", "monitoring/prometheus"]["ports"] == "all"
    assert len(json.loads(ask(folder, "htpc", "--matrix", "-o", "json").output)) == 6
    assert "2 htpc/scraparr" in ask(folder, "--matrix").output


def test_without_a_port_it_says_which(folder: Path) -> None:
    found = ask(folder, "monitoring/prometheus", "htpc/scraparr")
    assert found.exit_code == 1
    assert "ports: none" in found.output
    assert ask(folder, "htpc/scraparr", "[fd00::1]:443").exit_code == 0


def test_members_of_a_box_are_pods_too(folder: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    member = {"namespace": "htpc", "name": "sonarr", "labels": {"app": "sonarr"}, "addresses": ["10.0.0.9"]}
    settings.write_text(json.dumps({"policy": {"members": [member]}}))
    found = ask(folder, "10.0.0.9", "monitoring/prometheus", "--settings", str(settings))
    assert found.exit_code == 0
    assert "htpc/sonarr → monitoring/prometheus" in found.output
    closed = ask(folder, "8.8.8.8", "htpc/sonarr:80", "--settings", str(settings))
    assert closed.exit_code == 1


def test_lint_and_suggest_on_manifests(folder: Path) -> None:
    found = CliRunner().invoke(main, ["policy", "lint", "-f", str(folder)])
    assert found.exit_code == 1
    assert "allow-prometheus-scrape: spec.ingress[0].from[0].namespaceSelector: no namespace" in found.output
    proposed = CliRunner().invoke(main, ["policy", "suggest", "htpc", "-f", str(folder)])
    assert proposed.exit_code == 0
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(proposed.output)] == [
        "default-deny",
        "allow-same-namespace",
    ]
    missing = CliRunner().invoke(main, ["policy", "suggest", "nothing", "-f", str(folder)])
    assert missing.exit_code == 2
    assert "there are pods in: htpc, monitoring" in missing.output
