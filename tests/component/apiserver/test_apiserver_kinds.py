"""The kinds that wait for their controllers, and the other versions of stored kinds, with the real kubectl."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.apiserving import serving
from tests.kubectl import kubectl_path

Kubectl = Callable[..., str]

HOMELAB = """
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: first-pool, namespace: default}
spec: {addresses: [192.168.1.240/28]}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: cluster, namespace: default}
spec: {secretName: tls, issuerRef: {name: letsencrypt, kind: ClusterIssuer}, dnsNames: ["*.example.org"]}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: other, namespace: default}
spec: {secretName: other, issuerRef: {name: ca}, dnsNames: [a.example.org]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: default}
spec: {podSelector: {matchLabels: {app: x}}}
"""
PEER = """
apiVersion: metallb.io/v1beta1
kind: BGPPeer
metadata: {name: router, namespace: default}
spec: {myASN: 64512, peerASN: 64513, peerAddress: 10.0.0.1, holdTime: 90s}
"""
EVENT = """
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: greeting, namespace: default}
regarding: {apiVersion: v1, kind: Pod, name: p, namespace: default}
note: hello
reason: Greeted
type: Normal
action: Greet
reportingController: example.org/greeter
reportingInstance: box
eventTime: "2026-01-01T00:00:00.000000Z"
"""


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Runs kubectl and gives all that it prints; it must succeed."""
    home = tmp_path_factory.mktemp("kubectl")
    with serving(home / "state") as kubeconfig:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(kubeconfig)}

        def run(*arguments: str, stdin: str = "") -> str:
            done = subprocess.run(
                [str(kubectl_path()), *arguments],
                input=stdin,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=30,
                check=False,
            )
            assert done.returncode == 0, done.stdout
            return done.stdout

        yield run


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


def test_the_homelabs_objects_are_stored_with_a_warning_for_each_kind(kubectl: Kubectl) -> None:
    said = kubectl("apply", "-f", "-", stdin=HOMELAB)
    assert "Warning: NetworkPolicy objects are in force where the setting policy.enforce is true" in said
    assert rows(kubectl("get", "ipaddresspool"))[1] == ["first-pool", "true", "false", '["192.168.1.240/28"]']
    assert rows(kubectl("get", "netpol"))[1][:2] == ["deny", "app=x"]
    assert rows(kubectl("get", "cert", "-o", "wide"))[0] == ["NAME", "READY", "SECRET", "ISSUER", "STATUS", "AGE"]
    chosen = kubectl("get", "certs", "--field-selector=spec.issuerRef.name=ca", "-o", "name")
    assert chosen.split() == ["certificate.cert-manager.io/other"]
    names = kubectl("get", "cert-manager", "-o", "name").split()
    assert names == ["certificate.cert-manager.io/cluster", "certificate.cert-manager.io/other"]


def test_a_peer_of_the_older_version_is_one_of_the_newer(kubectl: Kubectl) -> None:
    warning = "Warning: metallb.io/v1beta1 BGPPeer is deprecated; use metallb.io/v1beta2 BGPPeer"
    assert warning in kubectl("apply", "-f", "-", stdin=PEER)
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=PEER)
    newer = kubectl("get", "bgppeer", "router", "-o", "json")
    assert warning not in newer
    assert json.loads(newer)["apiVersion"] == "metallb.io/v1beta2"
    assert json.loads(newer)["spec"]["holdTime"] == "90s"
    kubectl("patch", "bgppeer", "router", "--type=merge", "-p", '{"spec": {"vrf": "red"}}')
    older = kubectl("get", "bgppeers.v1beta1.metallb.io", "router", "-o", "jsonpath={.apiVersion} {.spec.vrf}")
    assert older.splitlines() == [warning, "metallb.io/v1beta1 red"]
    kubectl("apply", "-f", "-", stdin=PEER.replace("90s", "30s"))
    assert kubectl("get", "bgppeer", "router", "-o", "jsonpath={.spec.holdTime} {.spec.vrf}") == "30s red"


def test_an_event_of_either_group_is_seen_in_both(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=EVENT)
    assert kubectl("get", "event", "greeting", "-o", "jsonpath={.message} {.involvedObject.name}") == "hello p"
    for resource, field in (("events", "involvedObject"), ("events.v1.events.k8s.io", "regarding")):
        heading, *found = rows(kubectl("get", resource, f"--field-selector={field}.name=p"))
        assert heading == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
        assert [row[1:] for row in found] == [["Normal", "Greeted", "pod/p", "hello"]]
    note = kubectl("get", "events.v1.events.k8s.io", "greeting", "-o", "jsonpath={.note} {.regarding.name}")
    assert note == "hello p"
