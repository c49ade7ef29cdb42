"""What of an object goes into another cluster, which objects do, in which order, and as which text."""

from typing import Any

import pytest
import yaml

from hearthgate.apiserver.web.body import decode_yaml
from hearthgate.app.export.export import manifests
from hearthgate.app.export.portable import is_made, order, portable
from hearthgate.app.export.selection import Wish, chosen_kinds, select
from hearthgate.app.export.text import to_yaml
from hearthgate.model.errors import Permanent
from hearthgate.resources.registry import KINDS

Object = dict[str, Any]


def obj(
    kind: str, name: str = "x", namespace: str = "n", /, *, api: str = "v1", meta: Any = None, **parts: Any
) -> Object:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **place, **(meta or {})}, **parts}


GIVEN = {
    "uid": "1",
    "resourceVersion": "2",
    "generation": 3,
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "managedFields": [{"manager": "m"}],
    "ownerReferences": [{"uid": "4"}],
    "generateName": "x-",
    "finalizers": ["hearthgate.dev/dns", "dns.hearthgate.dev/record", "foregroundDeletion", "theirs.example/keep"],
    "labels": {"app.kubernetes.io/managed-by": "hearthgate-folder", "kept": "yes"},
    "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "hearthgate.dev/source": "a.yaml:1",
        "hearthgate.dev/endpoints": "192.168.1.20:80",
    },
}


def test_what_a_cluster_gives_and_our_marks_stay_behind() -> None:
    found = portable(obj("ConfigMap", meta=GIVEN, data={"b": "1", "a": "2"}, status={"s": 1}))
    assert found == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "x",
            "namespace": "n",
            "labels": {"kept": "yes"},
            "annotations": {"hearthgate.dev/endpoints": "192.168.1.20:80"},
            "finalizers": ["theirs.example/keep"],
        },
        "data": {"a": "2", "b": "1"},
    }
    assert list(found) == ["apiVersion", "kind", "metadata", "data"]
    assert list(found["data"]) == ["a", "b"], "one order, whoever wrote it"


OPEN = {"finalizers": ["kubernetes"]}
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"


def test_a_label_of_another_manager_stays() -> None:
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    assert portable(obj("ConfigMap", meta={"labels": labels}))["metadata"]["labels"] == labels


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (obj("Namespace", "x", "", meta={"labels": {"kubernetes.io/metadata.name": "x"}}, spec=OPEN),
         obj("Namespace", "x", "")),
        (obj("Namespace", "x", "", spec={"finalizers": ["kubernetes", "theirs"]}),
         obj("Namespace", "x", "", spec={"finalizers": ["theirs"]})),
        (obj("Service", spec={"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "healthCheckNodePort": 3}),
         obj("Service")),
        (obj("Service", spec={"clusterIP": "None", "clusterIPs": ["None"]}),
         obj("Service", spec={"clusterIP": "None", "clusterIPs": ["None"]})),
        (obj("ServiceAccount", secrets=[{"name": "x-token"}]), obj("ServiceAccount")),
    ],
    ids=["namespace", "namespace-held", "service", "headless", "service-account"],
)  # fmt: skip
def test_what_a_cluster_gives_to_one_kind(before: Object, after: Object) -> None:
    assert portable(before) == after


SLICE = "discovery.k8s.io/v1"
WITH_SELECTOR = {("n", "x"): obj("Service", spec={"selector": {"a": "b"}})}
WITHOUT = {("n", "x"): obj("Service", spec={})}


@pytest.mark.parametrize(
    ("found", "services", "made"),
    [
        (obj("Pod"), {}, True),
        (obj("Node", "x", ""), {}, True),
        (obj("Event"), {}, True),
        (obj("Event", api="events.k8s.io/v1"), {}, True),
        (obj("Lease", api="coordination.k8s.io/v1"), {}, True),
        (obj("CertificateRequest", api="cert-manager.io/v1"), {}, True),
        (obj("Order", api="acme.cert-manager.io/v1"), {}, True),
        (obj("Order", api="shop.example/v1"), {}, False),
        (obj("Certificate", api="cert-manager.io/v1"), {}, False),
        (obj("Namespace", "default", ""), {}, True),
        (obj("Namespace", "kube-system", ""), {}, True),
        (obj("Namespace", "infra", ""), {}, False),
        (obj("ConfigMap", "mine", "kube-system"), {}, False),
        (obj("ConfigMap", "kube-root-ca.crt"), {}, True),
        (obj("ServiceAccount", "default"), {}, True),
        (obj("ServiceAccount", "mine"), {}, False),
        (obj("Service", "kubernetes", "default"), {}, True),
        (obj("Service", "kubernetes", "mine"), {}, False),
        (obj("Secret", type="kubernetes.io/service-account-token"), {}, True),
        (obj("Secret", type="kubernetes.io/tls"), {}, False),
        (obj("Endpoints"), WITH_SELECTOR, True),
        (obj("Endpoints"), WITHOUT, False),
        (obj("Endpoints"), {}, False),
        (obj("EndpointSlice", api=SLICE), {}, False),
        (obj("EndpointSlice", api=SLICE, meta={"labels": {MANAGED_BY: "me"}}), {}, False),
        (obj("EndpointSlice", api=SLICE, meta={"labels": {
            MANAGED_BY: "endpointslice-controller.k8s.io"}}), {}, True),
        (obj("EndpointSlice", api=SLICE, meta={"labels": {
            MANAGED_BY: "endpoints.hearthgate.dev"}}), {}, True),
        (obj("ConfigMap", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"}), {}, True),
    ],
)  # fmt: skip
def test_what_a_cluster_makes_itself(found: Object, services: Any, made: bool) -> None:
    assert is_made(found, services) is made


def test_what_others_need_comes_first() -> None:
    definition = obj("CustomResourceDefinition", "shops.example", "", api="apiextensions.k8s.io/v1")
    kinds = [obj("Namespace", "z", ""), definition, obj("Secret", "b", "a"), obj("ConfigMap", "a", "b"),
             obj("Service"),
             obj("Shop", api="example/v1"), obj("IngressRoute", api="traefik.io/v1alpha1")]  # fmt: skip
    ordered = ["Namespace", "CustomResourceDefinition", "ConfigMap", "Secret", "Service", "Shop", "IngressRoute"]
    kinds.reverse()
    assert [found["kind"] for found in sorted(kinds, key=order)] == ordered


SHOP = obj("CustomResourceDefinition", "shops.example.org", "", api="apiextensions.k8s.io/v1",
           spec={"group": "example.org", "names": {"kind": "Shop"}})  # fmt: skip
EVERYTHING = [
    obj("Namespace", "n", ""), obj("Namespace", "m", ""), obj("Secret", "tls"), obj("ConfigMap"),
    obj("ConfigMap", "x", "m"),
    obj("ClusterIssuer", "ca", "", api="cert-manager.io/v1"), SHOP, obj("Shop", api="example.org/v1"), obj("Pod"),
]  # fmt: skip
SERVED = (*KINDS, KINDS[0]._replace(group="example.org", kind="Shop", plural="shops", short_names=("sh",)))


def chosen(**wish: Any) -> list[str]:
    asked = Wish(**wish)
    found = select(EVERYTHING, asked, chosen_kinds(SERVED, asked))
    return [
        f"{one['kind']}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}" for one in found.objects
    ]


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({"namespaces": ("m",)}, ["Namespace//m", "ConfigMap/m/x"]),
        ({"kinds": ("cm",)}, ["ConfigMap/m/x", "ConfigMap/n/x"]),
        ({"kinds": ("ConfigMap",), "namespaces": ("n",)}, ["ConfigMap/n/x"]),
        ({"kinds": ("shops.example.org", "sh"), "namespaces": ("n",)}, ["Shop/n/x"]),
        ({"kinds": ("clusterissuers",), "namespaces": ("n",)}, ["ClusterIssuer//ca"]),
        ({"kinds": ("secrets",)}, []),
        ({"kinds": ("secrets",), "include_secrets": True}, ["Secret/n/tls"]),
    ],
)
def test_only_what_was_asked_for(wish: Any, found: list[str]) -> None:
    assert chosen(**wish) == found


def test_an_unknown_kind_is_an_error_with_a_hint() -> None:
    with pytest.raises(Permanent, match="did you mean ConfigMap"):
        chosen(kinds=("ConfigMaps2",))


def test_what_is_left_out_is_said() -> None:
    wish = Wish()
    found = select(EVERYTHING, wish, SERVED)
    assert found.secrets == ("n/tls",)
    assert found.undefined == ("ClusterIssuer.cert-manager.io",)
    text = manifests(found)
    assert "Secrets n/tls" in text
    assert "ClusterIssuer.cert-manager.io" in text
    assert [one["kind"] for one in yaml.safe_load_all(text)] == [one["kind"] for one in found.objects]


@pytest.mark.parametrize(
    "text",
    ["yes", "On", "null", "~", "1e3", "0o7", "0x1f", "1_000", "2026-01-01", "12:30:00", ".inf", "", " a", "a ",
     "a: b", "a #b", "- a", "{a", "a\nb\n", "a\n\n  b", "\ta\nb", "a\r\nb", "é\u2028\x85",
     "=", "<<", "!x", "&a", "*a", "%a", "@a"],
)  # fmt: skip
def test_a_text_stays_a_text(text: str) -> None:
    written = to_yaml({"k": text, text: ["x", text]})
    assert decode_yaml(written.encode()) == {"k": text, text: ["x", text]}
    first = written.split("\n")[0]
    assert first.startswith(('k: "', "k: |", "? "))


def test_long_texts_are_readable() -> None:
    assert to_yaml({"a": "one\ntwo\n", "b": "Host(`x`)", "c": "plain-name"}) == (
        'a: |\n  one\n  two\nb: "Host(`x`)"\nc: plain-name\n'
    )
