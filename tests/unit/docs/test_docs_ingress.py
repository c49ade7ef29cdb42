"""The example of docs/ingress.md does what the page says."""

import re
from pathlib import Path

import yaml

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.build import build_model
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.resources.decode import decode_mapping

PAGE = (Path(__file__).parents[3] / "docs" / "ingress.md").read_text()
BESIDE = """
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: web}
spec: {ports: [{port: 80}]}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: local-only, namespace: web}
spec: {ipAllowList: {sourceRange: [192.168.0.0/16]}}
"""


def test_the_child_stands_below_its_parent() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    decoded = [decode_mapping(data) for data in yaml.safe_load_all(f"{text}\n---\n{BESIDE}")]
    assert [problem for one in decoded for problem in one.problems] == []
    snapshot = Snapshot.of([one.resource for one in decoded if one.resource is not None])
    built = build_model(snapshot, IngressSettings(entry_points={"websecure": EntryPoint(address=":443")}))
    assert [problem for problem in built.problems if problem.is_error] == []
    child, rest = built.model.routers
    assert (child.ref.name, child.rule.text) == ("cart", "(Host(`shop.example.org`)) && (PathPrefix(`/cart`))")
    assert (rest.ref.name, rest.service) == ("shop", None)
    assert child.middlewares == rest.middlewares != ()
