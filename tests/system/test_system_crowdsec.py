"""The whole program with CrowdSec's bouncer, as the homelab uses it: the API behind a Service, the key in a
Secret, clients that a proxy before us names."""

import json
from collections.abc import Iterator, Mapping

import pytest
import yaml

from examples.up import HOMELAB
from tests.component.ingress import crowdsec_lapi
from tests.component.ingress.crowdsec_lapi import KEY, Lapi
from tests.system.running import Hearthgate, homelab
from tests.waiting import wait_for

OBJECTS = """
apiVersion: v1
kind: Secret
metadata: {name: crowdsec-bouncer-key, namespace: infra}
stringData: {api-key: %(key)s}
---
apiVersion: v1
kind: Service
metadata: {name: crowdsec-service, namespace: infra}
spec: {ports: [{name: lapi, port: 8080, targetPort: %(port)d}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: crowdsec-1, namespace: infra, labels: {kubernetes.io/service-name: crowdsec-service}}
addressType: IPv4
ports: [{name: lapi, port: %(port)d, protocol: TCP}]
endpoints: [{addresses: [127.0.0.1]}]
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: crowdsec, namespace: infra}
spec:
  plugin:
    bouncer:
      enabled: true
      crowdsecMode: stream
      updateIntervalSeconds: 1
      crowdsecLapiHost: crowdsec-service.infra.svc.cluster.local:8080
      crowdsecLapiKey: urn:k8s:secret:crowdsec-bouncer-key:api-key
      crowdsecLapiScheme: http
      crowdsecAppsecEnabled: false
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata:
  {name: guarded, namespace: utils, annotations: {kubernetes.io/ingress.class: traefik}}
spec:
  entryPoints: [websecure]
  routes:
    - kind: Rule
      match: Host(`guarded.my-homelab.party`)
      middlewares: [{name: crowdsec, namespace: infra}]
      services: [{name: homepage, port: 3000}]
"""


@pytest.fixture(scope="module")
def lapi() -> Iterator[Lapi]:
    with crowdsec_lapi.running() as running:
        running.decide("203.0.113.66")
        yield running


@pytest.fixture(scope="module")
def gateway(lapi: Lapi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearthgate]:
    folder = tmp_path_factory.mktemp("crowdsec")
    settings = yaml.safe_load((HOMELAB / "hearthgate.yaml").read_text())
    settings["entryPoints"]["websecure"]["forwardedHeaders"]["trustedIPs"] = ["private", "cloudflare"]
    (folder / "hearthgate.yaml").write_text(yaml.safe_dump(settings))
    with homelab(folder, "--settings", str(folder / "hearthgate.yaml")) as running:
        running.kubectl("apply", "-f", "-", stdin=OBJECTS % {"key": KEY, "port": lapi.port})
        yield running


def status(gateway: Hearthgate, address: str) -> int:
    headers: Mapping[str, str] = {"X-Forwarded-For": address}
    return gateway.request("guarded", headers=headers).status_code


def condition(gateway: Hearthgate) -> str:
    told = json.loads(gateway.kubectl("get", "middleware", "crowdsec", "-n", "infra", "-o", "json"))
    conditions = told.get("status", {}).get("conditions", [])
    return next((f"{one['status']}: {one['message']}" for one in conditions if one["type"] == "Accepted"), "")


def test_a_bouncer_in_the_homelab(gateway: Hearthgate, lapi: Lapi) -> None:
    wait_for(lambda: status(gateway, "203.0.113.66") == 403, within=20, what="the first decisions")
    assert status(gateway, "203.0.113.67") == 200
    wait_for(lambda: condition(gateway) == "True: in service", within=10, what="a status that says so")
    lapi.decide("203.0.113.67")
    wait_for(lambda: status(gateway, "203.0.113.67") == 403, within=3, what="a decision")
    lapi.down = True
    wait_for(
        lambda: "the last ones stay in force" in condition(gateway), within=15, what="a status that tells of it"
    )
    assert condition(gateway).startswith("True: ")
    assert [status(gateway, f"203.0.113.{last}") for last in (66, 67, 68)] == [403, 403, 200]
    lapi.down = False
    wait_for(lambda: condition(gateway) == "True: in service", within=15, what="a status without a problem")
    assert KEY not in gateway.log.read_text(errors="replace")
