"""The example of the page about the Gateway API serves as it stands."""

import re
from pathlib import Path

import yaml

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.build import build_model
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.resources.decode import decode_mapping

PAGE = (Path(__file__).parents[3] / "docs/gateway-api.md").read_text()


def test_example_is_served() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "photos", "namespace": "media"},
        "spec": {"ports": [{"port": 80}]},
    }
    decoded = [decode_mapping(document) for document in (*yaml.safe_load_all(text), service)]
    assert [problem for one in decoded for problem in one.problems] == []
    snapshot = Snapshot.of([one.resource for one in decoded if one.resource is not None])
    settings = IngressSettings(entry_points={"websecure": EntryPoint(address=":443")})
    built = build_model(snapshot, settings)
    # All that is missing is what no page can show: the certificate.
    assert [problem.field for problem in built.problems] == ["spec.listeners[0].tls.certificateRefs[0]"]
    [route] = [verdict for verdict in built.verdicts if verdict.ref.kind == "HTTPRoute"]
    assert [one.reason for one in route.parents[0].conditions] == ["Accepted", "ResolvedRefs"]  # type: ignore[union-attr]
