"""Tables: JSONPath, ages, and the cells that kubectl's users know."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hearthgate.apiserver.tables.ages import age_of, human
from hearthgate.apiserver.tables.jsonpath import find
from hearthgate.apiserver.tables.render import columns_of, definitions, row, table
from hearthgate.resources.registry import KINDS

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


@pytest.mark.parametrize("path", ["a", ".a[", ".a[?(@.x)]", ".a[x]", "{.a}"])
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
