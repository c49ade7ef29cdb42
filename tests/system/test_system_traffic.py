"""Limits on the whole program: they hold while routes are edited; a breaker opens and closes on live traffic."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running import Hearthgate, homelab
from tests.waiting import wait_for

LIMITED = """\
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: limit, namespace: monitoring}
spec: {rateLimit: {average: 1, period: 1h, burst: 5}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: busy, namespace: monitoring}
spec: {inFlightReq: {amount: 20}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: limited, namespace: monitoring}
spec:
  ingressClassName: traefik
  entryPoints: [websecure]
  routes:
    - match: Host(`limited.my-homelab.party`)
      middlewares: [{name: limit}, {name: busy}]
      services: [{name: loki, port: 3100}]
"""
BROKEN = """\
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: breaker, namespace: monitoring}
spec: {circuitBreaker: {expression: "NetworkErrorRatio() > 0.5", fallbackDuration: 2s, recoveryDuration: 1s}}
---
apiVersion: v1
kind: Service
metadata: {name: nobody, namespace: monitoring}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: nobody, namespace: monitoring, labels: {kubernetes.io/service-name: nobody}}
addressType: IPv4
ports: [{name: http, port: 1}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: broken, namespace: monitoring}
spec:
  ingressClassName: traefik
  entryPoints: [websecure]
  routes:
    - match: Host(`broken.my-homelab.party`)
      middlewares: [{name: breaker}]
      services: [{name: nobody, port: 80}]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearthgate]:
    with homelab(tmp_path_factory.mktemp("traffic")) as running:
        yield running


def write(site: Hearthgate, name: str, text: str) -> Path:
    file = site.manifests / "monitoring" / name
    fresh = file.with_name(f".{name}.new")
    fresh.write_text(text)
    return fresh.replace(file)


def test_limits_hold_while_routes_are_edited(site: Hearthgate) -> None:
    write(site, "limited.yaml", LIMITED)
    wait_for(lambda: site.request("limited").status_code == 200, what="the site")
    assert [site.request("limited").status_code for _ in range(5)] == [200] * 4 + [429]
    another = LIMITED.rpartition("---\n")[2].replace("limited", "another").replace("{name: limit}, ", "")
    write(site, "another.yaml", another)
    wait_for(lambda: site.request("another").status_code == 200, what="another site")
    refused = site.request("limited")
    assert (refused.status_code, refused.text) == (429, "Too Many Requests")
    assert int(refused.headers["Retry-After"]) > 3000


def test_a_breaker_opens_and_tries_again(site: Hearthgate) -> None:
    write(site, "broken.yaml", BROKEN)
    wait_for(lambda: site.request("broken").status_code == 502, what="the site")
    wait_for(lambda: site.request("broken").status_code == 503, within=5, what="the breaker")
    assert site.request("broken").text == "Service Unavailable"
    wait_for(lambda: site.request("broken").status_code == 502, within=10, what="the next try")
