"""The names of the homelab, asked for and exported while the whole program runs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import httpx
import pytest

from examples.up import DOMAIN
from tests.ports import free_port
from tests.system.running import Hearthgate, homelab
from tests.waiting import wait_for

LAN = "192.168.1.245"


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Of the name server, and of the page with metrics."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]) -> Iterator[Hearthgate]:
    settings = (
        f'dns.local.listen=["127.0.0.1:{ports[0]}"]',
        f'dns.local.addresses=["{LAN}"]',
        f"entryPoints.traefik.address=127.0.0.1:{ports[1]}",
        "metrics.prometheus={}",
    )
    words = tuple(word for setting in settings for word in ("--set", setting))
    with homelab(tmp_path_factory.mktemp("names"), *words) as running:
        yield running


def ask(port: int, name: str, type_: str = "A") -> dns.message.Message:
    return dns.query.udp(dns.message.make_query(name, type_), "127.0.0.1", port=port, timeout=10)


def addresses(port: int, name: str) -> list[str]:
    try:
        return [str(one) for rrset in ask(port, name).answer for one in rrset]
    except (OSError, dns.exception.DNSException):
        return []


def test_hosts_of_routes_are_answered_and_follow_them(site: Hearthgate, ports: tuple[int, int]) -> None:
    wait_for(lambda: addresses(ports[0], f"jellyfin.{DOMAIN}") == [LAN], within=20, what="the name")
    assert ask(ports[0], f"jellyfin.{DOMAIN}", "AAAA").answer == []
    assert ask(ports[0], f"new.{DOMAIN}").rcode() == dns.rcode.NXDOMAIN
    assert ask(ports[0], "example.org").rcode() == dns.rcode.REFUSED
    route = f"""
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {{name: new, namespace: infra}}
spec:
  ingressClassName: traefik
  routes: [{{match: Host(`new.{DOMAIN}`), services: [{{name: whoami, port: 80}}]}}]
"""
    site.kubectl("apply", "-f", "-", stdin=route)
    wait_for(lambda: addresses(ports[0], f"new.{DOMAIN}") == [LAN], what="the new name")
    site.kubectl("delete", "ingressroute", "-n", "infra", "new")
    wait_for(lambda: ask(ports[0], f"new.{DOMAIN}").rcode() == dns.rcode.NXDOMAIN, what="the end of it")
    metrics = httpx.get(f"http://127.0.0.1:{ports[1]}/metrics").text
    assert 'hearthgate_dns_queries_total{type="A",result="REFUSED"} 1.0' in metrics
    assert "nameserver-" in site.kubectl("get", "pods", "-n", "infra", "-l", "component=nameserver")


def test_an_export_has_them_too(site: Hearthgate) -> None:
    program = [str(Path(sys.executable).parent / "hearthgate"), "dns", "export", "--format", "hosts"]
    options = ["--state", str(site.state), "--address", LAN]
    said = subprocess.run([*program, *options], capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in said.splitlines() if line.startswith(LAN))
    assert {f"jellyfin.{DOMAIN}", f"grafana.{DOMAIN}"} <= set(line.split())
