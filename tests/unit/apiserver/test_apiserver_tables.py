"""Tables: JSONPath, ages, and the cells that kubectl's users know."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hearthgate.apiserver.tables.ages import age_of, human
from hearthgate.apiserver.tables.jsonpath import find
from hearthgate.apiserver.tables.render import columns_of, definitions, row, table
from hearthgate.resources.registry import KINDS
from hearthgate.resources.versions import EVENTS

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KIND = {kind.kind: kind for kind in KINDS}
CONDITIONS = {"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "False"}]}}

PATHS: list[tuple[str, Any, list[Any]]] = [
    (".a.b", {"a": {"b": 1}}, [1]),
    (".a.b", {"a": 1}, []),
    (".a[*].b", {"a": [{"b": 1}, {}, {"b": 2}]}, [1, 2]),
    (".a[1]", {"a": [1, 2]}, [2]),
    (".a[-1]", {"a": [1, 2]}, [2]),
    (".a[5]", {"a": [1, 2]}, []),
    (r".a.x\.y/z", {"a": {"x.y/z": 1}}, [1]),
    (".a['x.y']", {"a": {"x.y": 1}}, [1]),
    ('.status.conditions[?(@.type=="B")].status', CONDITIONS, ["False"]),
    (".status.conditions[?(@.type == 'A')].status", CONDITIONS, ["True"]),
    ('.status.conditions[?(@.type!="A")].type', CONDITIONS, ["B"]),
    (".a.*", {"a": {"x": 1, "y": 2}}, [1, 2]),
]


@pytest.mark.parametrize(("path", "obj", "expected"), PATHS)
def test_finds(path: str, obj: Any, expected: list[Any]) -> None:
    assert find(path, obj) == expected


@pytest.mark.parametrize("path", ["a", ".a[", ".a[?(@.x=~1)]", ".a[x]", "{.a}"])
def test_refuses_what_it_cannot_read(path: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        find(path, {})


def test_every_path_of_the_registry_can_be_read() -> None:
    for kind in KINDS:
        for column in kind.columns:
            find(column.path, {})


AGES = {
    "0s": 0,
    "119s": 119,
    "2m": 120,
    "3m12s": 192,
    "10m": 600,
    "179m": 179 * 60,
    "3h": 3 * 3600,
    "7h59m": 8 * 3600 - 1,
    "47h": 47 * 3600,
    "2d": 48 * 3600,
    "7d23h": 8 * 86400 - 1,
    "12d": 12 * 86400,
    "2y": 2 * 365 * 86400,
    "2y1d": (2 * 365 + 1) * 86400,
    "9y": 9 * 365 * 86400,
    "<invalid>": -5,
}


@pytest.mark.parametrize("text", AGES)
def test_ages_read_as_kubectl_writes_them(text: str) -> None:
    assert human(timedelta(seconds=AGES[text])) == text


@pytest.mark.parametrize("junk", [None, "", "yesterday", 5])
def test_an_unreadable_time_has_no_age(junk: object) -> None:
    assert age_of(junk, NOW) == "<unknown>"


def cells(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    full = {
        **obj,
        "metadata": {"name": "x", "creationTimestamp": "2026-01-01T23:59:00Z", **obj.get("metadata", {})},
    }
    names = [column.name for column in columns_of(KIND[kind])]
    return dict(zip(names, row(KIND[kind], full, "Metadata", NOW)["cells"], strict=True))


CELLS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a service": (
        "Service",
        {
            "spec": {
                "type": "ClusterIP",
                "ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP", "nodePort": 30053}],
                "selector": {"b": "2", "a": "1"},
            }
        },
        {
            "NAME": "x",
            "TYPE": "ClusterIP",
            "CLUSTER-IP": "<none>",
            "EXTERNAL-IP": "<none>",
            "PORT(S)": "80/TCP,53:30053/UDP",
            "AGE": "60s",
            "SELECTOR": "a=1,b=2",
        },
    ),
    "a load balancer that waits": ("Service", {"spec": {"type": "LoadBalancer"}}, {"EXTERNAL-IP": "<pending>"}),
    "a load balancer": (
        "Service",
        {
            "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"hostname": "a.lan"}]}},
        },
        {"EXTERNAL-IP": "10.0.0.1,a.lan", "PORT(S)": "<none>"},
    ),
    "an external name": (
        "Service",
        {"spec": {"type": "ExternalName", "externalName": "nas.lan"}},
        {"EXTERNAL-IP": "nas.lan"},
    ),
    "a secret": ("Secret", {"type": "Opaque", "data": {"a": "", "b": ""}}, {"TYPE": "Opaque", "DATA": 2}),
    "an empty secret": ("Secret", {"type": "Opaque"}, {"DATA": 0}),
    "a config map": ("ConfigMap", {"data": {"a": ""}, "binaryData": {"b": ""}}, {"DATA": 2}),
    "endpoints": (
        "Endpoints",
        {
            "subsets": [
                {"addresses": [{"ip": "1.1.1.1"}, {"ip": "fd00::1"}], "ports": [{"port": 80}, {"port": 81}]},
            ]
        },
        {"ENDPOINTS": "1.1.1.1:80,1.1.1.1:81,[fd00::1]:80 + 1 more..."},
    ),
    "a slice": (
        "EndpointSlice",
        {"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": ["1.1.1.1", "2.2.2.2"]}]},
        {"ADDRESSTYPE": "IPv4", "PORTS": "80", "ENDPOINTS": "1.1.1.1,2.2.2.2"},
    ),
    "an empty slice": ("EndpointSlice", {"endpoints": None}, {"PORTS": "<unset>", "ENDPOINTS": "<unset>"}),
    "a namespace": ("Namespace", {"status": {"phase": "Active"}}, {"STATUS": "Active"}),
    "a node": (
        "Node",
        {
            "metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}},
            "spec": {"unschedulable": True},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        },
        {"STATUS": "Ready,SchedulingDisabled", "ROLES": "control-plane"},
    ),
    "a pod": (
        "Pod",
        {
            "spec": {"containers": [{}, {}], "nodeName": "n"},
            "status": {"phase": "Running", "containerStatuses": [{"ready": True, "restartCount": 3}, {}]},
        },
        {"READY": "1/2", "STATUS": "Running", "RESTARTS": "3", "IP": "<none>", "NODE": "n"},
    ),
    "an event": (
        "Event",
        {
            "type": "Warning",
            "reason": "Bad",
            "message": "m",
            "involvedObject": {"kind": "IngressRoute", "name": "blog"},
            "lastTimestamp": "2026-01-01T23:00:00Z",
            "source": {"component": "hearthgate"},
            "count": 4,
        },
        {"LAST SEEN": "60m", "OBJECT": "ingressroute/blog", "SOURCE": "hearthgate", "COUNT": 4, "NAME": "x"},
    ),
    "an event that was said once, in the newer way": (
        "Event",
        {
            "involvedObject": {"kind": "Node"},
            "eventTime": "2026-01-01T23:00:00.000000Z",
            "reportingComponent": "hearthgate.io/box",
            "reportingInstance": "box",
        },
        {
            "LAST SEEN": "60m",
            "FIRST SEEN": "60m",
            "COUNT": 1,
            "OBJECT": "node",
            "SOURCE": "hearthgate.io/box, box",
        },
    ),
    "an event that goes on": (
        "Event",
        {
            "eventTime": "2026-01-01T22:00:00.000000Z",
            "lastTimestamp": "2026-01-01T23:00:00Z",
            "count": 1,
            "series": {"count": 7, "lastObservedTime": "2026-01-01T23:58:00.000000Z"},
        },
        {"LAST SEEN": "2m", "FIRST SEEN": "120m", "COUNT": 7},
    ),
    "an ingress class": (
        "IngressClass",
        {"spec": {"controller": "c", "parameters": {"kind": "P", "apiGroup": "g", "name": "n"}}},
        {"CONTROLLER": "c", "PARAMETERS": "P.g/n"},
    ),
    "an ingress": (
        "Ingress",
        {
            "spec": {"rules": [{"host": "a.lan"}, {}], "tls": [{}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"hostname": "b.lan"}]}},
        },
        {"CLASS": "<none>", "HOSTS": "a.lan", "ADDRESS": "10.0.0.1,b.lan", "PORTS": "80, 443"},
    ),
    "an ingress for every host": (
        "Ingress",
        {"spec": {"ingressClassName": "c", "rules": [{}]}},
        {"CLASS": "c", "HOSTS": "*", "ADDRESS": "", "PORTS": "80"},
    ),
    "a network policy": (
        "NetworkPolicy",
        {
            "spec": {
                "podSelector": {
                    "matchLabels": {"b": "1"},
                    "matchExpressions": [
                        {"key": "a", "operator": "In", "values": ["y", "x"]},
                        {"key": "c", "operator": "Exists"},
                        {"key": "d", "operator": "DoesNotExist"},
                        {"key": "e", "operator": "NotIn", "values": ["z"]},
                    ],
                }
            }
        },
        {"POD-SELECTOR": "a in (x,y),b=1,c,!d,e notin (z)"},
    ),
    "a network policy for all": ("NetworkPolicy", {"spec": {"podSelector": {}}}, {"POD-SELECTOR": "<none>"}),
    "a service account": ("ServiceAccount", {"secrets": [{"name": "a"}]}, {"SECRETS": 1}),
    "a node with what it runs": (
        "Node",
        {
            "status": {
                "addresses": [
                    {"type": "Hostname", "address": "box"},
                    {"type": "InternalIP", "address": "10.0.0.2"},
                ],
                "nodeInfo": {"kubeletVersion": "v1.33.0", "osImage": "Debian"},
            }
        },
        {
            "STATUS": "Unknown",
            "VERSION": "v1.33.0",
            "INTERNAL-IP": "10.0.0.2",
            "EXTERNAL-IP": "<none>",
            "OS-IMAGE": "Debian",
            "CONTAINER-RUNTIME": "<unknown>",
        },
    ),
    "a slice with a port that has only a name": (
        "EndpointSlice",
        {"ports": [{"name": "http"}, {}]},
        {"PORTS": "http,*"},
    ),
    "many hosts": (
        "Ingress",
        {"spec": {"rules": [{"host": host} for host in "abcd"] + [{}]}},
        {"HOSTS": "a,b,c + 2 more..."},
    ),
    "a lease": ("Lease", {"spec": {"holderIdentity": "box_1"}}, {"HOLDER": "box_1", "AGE": "60s"}),
    "a lease that nobody holds": ("Lease", {"spec": {}}, {"HOLDER": ""}),
    "a pool": (
        "IPAddressPool",
        {"spec": {"addresses": ["192.168.1.240/28", "fd00::/120"]}},
        {"AUTO ASSIGN": True, "AVOID BUGGY IPS": False, "ADDRESSES": '["192.168.1.240/28","fd00::/120"]'},
    ),
    "a reserved pool": ("IPAddressPool", {"spec": {"autoAssign": False}}, {"AUTO ASSIGN": False}),
    "a peer": (
        "BGPPeer",
        {"spec": {"peerASN": 64512, "peerAddress": "10.0.0.1", "ebgpMultiHop": True}},
        {"ADDRESS": "10.0.0.1", "ASN": "64512", "BFD PROFILE": None, "MULTI HOPS": "true"},
    ),
    "a certificate": (
        "Certificate",
        {
            "spec": {"secretName": "tls", "issuerRef": {"name": "ca"}},
            "status": {"conditions": [{"type": "Ready", "status": "False", "message": "waits"}]},
        },
        {"READY": "False", "SECRET": "tls", "ISSUER": "ca", "STATUS": "waits", "AGE": "60s"},
    ),
    "a challenge": (
        "Challenge",
        {"spec": {"dnsName": "a.lan"}, "status": {"state": "pending", "reason": "r"}},
        {"STATE": "pending", "DOMAIN": "a.lan", "REASON": "r", "AGE": "60s"},
    ),
    "a definition": (
        "CustomResourceDefinition",
        {},
        {"NAME": "x", "CREATED AT": "2026-01-01T23:59:00Z"},
    ),
    "a route": (
        "IngressRoute",
        {
            "spec": {"entryPoints": ["web", "websecure"], "routes": [{"match": "Host(`a`)"}]},
            "status": {"conditions": [{"type": "Accepted", "status": "True", "reason": "Served"}]},
        },
        {"ENTRYPOINTS": "web,websecure", "MATCH": "Host(`a`)", "READY": "True", "REASON": "Served"},
    ),
}


@pytest.mark.parametrize("case", CELLS)
def test_cells(case: str) -> None:
    kind, obj, expected = CELLS[case]
    found = cells(kind, obj)
    assert {name: found[name] for name in expected} == expected


PODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one that crashes": (
        {
            "status": {
                "phase": "Running",
                "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
            }
        },
        {"STATUS": "CrashLoopBackOff"},
    ),
    "one that was killed": (
        {"status": {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"signal": 9}}}]}},
        {"STATUS": "Signal:9"},
    ),
    "one that failed": (
        {"status": {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 2}}}]}},
        {"STATUS": "ExitCode:2"},
    ),
    "one of which a part has ended": (
        {
            "status": {
                "phase": "Running",
                "containerStatuses": [
                    {"state": {"terminated": {"reason": "Completed"}}},
                    {"ready": True, "state": {"running": {}}},
                ],
            }
        },
        {"STATUS": "NotReady"},
    ),
    "one that starts": (
        {
            "spec": {"initContainers": [{"name": "a"}, {"name": "b"}]},
            "status": {
                "phase": "Pending",
                "initContainerStatuses": [
                    {"name": "a", "state": {"terminated": {"exitCode": 0}}},
                    {"name": "b", "state": {"running": {}}},
                ],
            },
        },
        {"STATUS": "Init:1/2"},
    ),
    "one that cannot start": (
        {
            "spec": {"initContainers": [{"name": "a"}]},
            "status": {"initContainerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ErrImagePull"}}}]},
        },
        {"STATUS": "Init:ErrImagePull"},
    ),
    "one with a sidecar": (
        {
            "spec": {"containers": [{}], "initContainers": [{"name": "a", "restartPolicy": "Always"}]},
            "status": {
                "phase": "Running",
                "initContainerStatuses": [{"name": "a", "started": True, "ready": True, "restartCount": 1}],
                "containerStatuses": [{"ready": True}],
            },
        },
        {"READY": "2/2", "STATUS": "Running", "RESTARTS": "1"},
    ),
    "one that was restarted": (
        {
            "status": {
                "containerStatuses": [
                    {"restartCount": 2, "lastState": {"terminated": {"finishedAt": "2026-01-01T23:57:00Z"}}}
                ]
            }
        },
        {"RESTARTS": "2 (3m ago)"},
    ),
    "one that goes": (
        {"metadata": {"deletionTimestamp": "2026-01-01T23:59:00Z"}, "status": {"phase": "Running"}},
        {"STATUS": "Terminating"},
    ),
    "one that was put out": ({"status": {"phase": "Failed", "reason": "Evicted"}}, {"STATUS": "Evicted"}),
    "one with gates": (
        {
            "spec": {"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
            "status": {"conditions": [{"type": "a", "status": "True"}], "nominatedNodeName": "n"},
        },
        {"READINESS GATES": "1/2", "NOMINATED NODE": "n"},
    ),
}


@pytest.mark.parametrize("case", PODS)
def test_a_pod_is_summed_up(case: str) -> None:
    obj, expected = PODS[case]
    found = cells("Pod", obj)
    assert {name: found[name] for name in expected} == expected


def test_an_event_prints_the_same_in_either_version() -> None:
    event = {
        "metadata": {"name": "x"},
        "type": "Normal",
        "reason": "r",
        "message": "m",
        "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "f"},
        "source": {"component": "c", "host": "h"},
        "firstTimestamp": "2026-01-01T22:00:00Z",
        "lastTimestamp": "2026-01-01T23:00:00Z",
        "count": 2,
    }
    newer = row(EVENTS.kind, EVENTS.from_storage(event), "None", NOW)
    assert newer == row(EVENTS.storage, event, "None", NOW)
    assert "<invalid>" not in newer["cells"]
    assert [column.name for column in columns_of(EVENTS.kind)] == [
        column.name for column in columns_of(EVENTS.storage)
    ]


def test_tables_of_upstreams_definitions_are_upstreams() -> None:
    def names(kind: str) -> list[str]:
        return [column.name + "*" * bool(column.priority) for column in columns_of(KIND[kind])]

    assert names("IPAddressPool") == ["NAME", "AUTO ASSIGN", "AVOID BUGGY IPS", "ADDRESSES"]
    assert names("Certificate") == ["NAME", "READY", "SECRET", "ISSUER*", "STATUS*", "AGE"]
    assert names("Community") == ["NAME", "AGE"]
    assert names("CustomResourceDefinition") == ["NAME", "CREATED AT"]
    assert names("Node")[:6] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP*"]


def test_a_part_that_nobody_checked_costs_its_cell() -> None:
    assert cells("Pod", {"spec": {"containers": 5}, "status": {"phase": "Running"}})["READY"] == "<invalid>"
    assert cells("Node", {"status": {"conditions": ["x"]}})["STATUS"] == "<invalid>"


def test_wide_columns_stand_after_age() -> None:
    names = [column["name"] for column in definitions(KIND["Service"])]
    assert names == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"]
    assert [column["priority"] for column in definitions(KIND["Service"])] == [0, 0, 0, 0, 0, 0, 1]


def test_a_later_frame_of_a_watch_has_no_headings() -> None:
    assert table(KIND["Secret"], [], {}, headed=False)["columnDefinitions"] is None


@pytest.mark.parametrize(("include", "kind"), [("Metadata", "PartialObjectMetadata"), ("Object", "Secret")])
def test_a_row_carries_what_was_asked_for(include: str, kind: str) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "c2VjcmV0"}}
    made = row(KIND["Secret"], secret, include, NOW)
    assert made["object"]["kind"] == kind
    assert ("data" in made["object"]) == (include == "Object")
    assert "object" not in row(KIND["Secret"], secret, "None", NOW)
