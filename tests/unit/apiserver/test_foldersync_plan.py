"""What is applied, kept and pruned: decided from what was read and what is owned."""

import pytest

from hearthgate.apiserver.foldersync.marks import marked, source_of
from hearthgate.apiserver.foldersync.plan import Plan, plan
from hearthgate.apiserver.foldersync.prepare import prepare
from hearthgate.apiserver.foldersync.reader import Folders, ManifestFile
from hearthgate.apiserver.served import ServedKinds
from hearthgate.model.problems import Reason
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.resources.manifests import parse_manifests

SERVED = ServedKinds()


def ref(kind: str, name: str, namespace: str = "web") -> ObjectRef:
    return ObjectRef(kind, namespace, name)


SPECS = {"IngressRoute": "{routes: []}", "Middleware": "{compress: {}}", "Service": "{ports: [{port: 80}]}"}


def file(key: str, *objects: str, broken: bool = False) -> ManifestFile:
    """`objects` are `Kind namespace/name`."""
    texts = []
    for text in objects:
        kind, _, path = text.partition(" ")
        namespace, _, name = path.rpartition("/")
        version = "traefik.io/v1alpha1" if kind in ("IngressRoute", "Middleware") else "v1"
        spec = SPECS.get(kind, "{}")
        metadata = f"{{name: {name}, namespace: '{namespace}'}}"
        texts.append(f"apiVersion: {version}\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n")
    parsed = parse_manifests("---\n".join([*texts, *(["{"] if broken else [])]).encode(), f"root/{key}")
    return ManifestFile(key, f"root/{key}", *parsed)


def planned(
    *files: ManifestFile,
    owned: dict[ObjectRef, str] | None = None,
    unread: tuple[str, ...] = (),
    keep_all: bool = False,
) -> Plan:
    folders = Folders(files=files, unread=unread)
    prepared = {document: prepare(document, SERVED) for document in folders.documents}
    sources = {one: Source(path, 1) for one, path in (owned or {}).items()}
    return plan(folders, prepared, sources, keep_all=keep_all)


def test_waves_go_from_what_is_referred_to_up_to_the_routes() -> None:
    found = planned(file("a.yaml", "IngressRoute web/r", "Middleware web/m", "Service web/s", "Secret other/x"))
    assert [[one.ref.kind for one in wave] for wave in found.waves] == [
        ["Namespace", "Namespace"],
        ["Service", "Secret"],
        ["Middleware"],
        ["IngressRoute"],
    ]


def test_pruning_goes_the_other_way() -> None:
    kinds = ("Namespace", "Service", "Middleware", "IngressRoute")
    owned = {ref(kind, "x", "" if kind == "Namespace" else "x"): "gone.yaml" for kind in kinds}
    assert [one.kind for one in planned(owned=owned).prune] == [*reversed(kinds)]


def test_a_defined_namespace_is_not_made_up() -> None:
    found = planned(file("a.yaml", "Service web/s"), file("b.yaml", "Namespace web"))
    (namespace,) = found.waves[0]
    assert namespace.source == Source("b.yaml", 1)


KEPT = {
    "mentioned elsewhere": (file("b.yaml", "Service web/s"), (), False),
    "mentioned in a broken file": (file("b.yaml", "Service web/s", broken=True), (), False),
    "its file is broken": (file("a/a.yaml", broken=True), (), False),
    "its folder is closed": (file("b.yaml"), ("a",), False),
    "a root is closed": (file("b.yaml"), ("",), False),
    "in doubt": (file("b.yaml"), (), True),
}


@pytest.mark.parametrize(("read", "unread", "keep_all"), KEPT.values(), ids=KEPT)
def test_kept(read: ManifestFile, unread: tuple[str, ...], keep_all: bool) -> None:
    owned = {ref("Service", "s"): "a/a.yaml", ref("Namespace", "web", ""): "a/a.yaml"}
    assert planned(read, owned=owned, unread=unread, keep_all=keep_all).prune == ()


@pytest.mark.parametrize("unread", [(), ("b",), ("a/a",), ("a/a.y",)])
def test_pruned(unread: tuple[str, ...]) -> None:
    owned = {ref("Service", "s"): "a/a.yaml"}
    assert planned(file("b.yaml"), owned=owned, unread=unread).prune == (ref("Service", "s"),)


def test_a_broken_file_with_a_state_changes_nothing() -> None:
    found = planned(
        file("a.yaml", "Service web/s", "Service web/new", broken=True), owned={ref("Service", "s"): "a.yaml"}
    )
    assert (found.waves, found.prune) == ((), ())


def test_the_same_file_in_two_roots_counts_as_one() -> None:
    """The key does not name the root: when one of the two is broken, both keep their state."""
    owned = {ref("Service", "s"): "a.yaml"}
    assert planned(file("a.yaml"), file("a.yaml", broken=True), owned=owned).prune == ()


def test_problems_have_their_places() -> None:
    text = b"kind: Service\napiVersion: v1\nmetadata:\n  name: Big\n---\nkind: Deployment\napiVersion: apps/v1\n"
    found = planned(ManifestFile("a.yaml", "a.yaml", *parse_manifests(text, "a.yaml")))
    assert [
        (one.source.line, one.problem.field, one.problem.reason, one.problem.is_error) for one in found.problems
    ] == [
        (4, "metadata.name", Reason.INVALID_NAME, True),
        (6, "kind", Reason.UNKNOWN_KIND, False),
    ]


SERVICE = "kind: Service\napiVersion: v1\n"
NAMESPACE = "kind: Namespace\napiVersion: v1\n"


@pytest.mark.parametrize(
    ("manifest", "field", "reason"),
    [
        (f"{SERVICE}metadata: {{}}\n", "metadata.name", Reason.MISSING_FIELD),
        (f"{SERVICE}metadata: {{generateName: x-}}\n", "metadata.name", Reason.MISSING_FIELD),
        (SERVICE, "metadata.name", Reason.MISSING_FIELD),
        (f"{SERVICE}metadata: 3\n", "metadata", Reason.INVALID_VALUE),
        (f"{NAMESPACE}metadata: {{name: a, namespace: b}}\n", "metadata.namespace", Reason.INVALID_VALUE),
        (f"{SERVICE}metadata: {{name: a, labels: {{'a b': c}}}}\n", "metadata.labels", Reason.INVALID_VALUE),
        (f"{SERVICE}metadata: {{name: a, labels: {{a: 1}}}}\n", "metadata.labels.a", Reason.INVALID_VALUE),
        ("kind: Service\napiVersion: v2\nmetadata: {name: a}\n", "apiVersion", Reason.UNKNOWN_KIND),
        ("metadata: {name: a}\n", "", Reason.MISSING_FIELD),
    ],
)
def test_objects_that_cannot_be_stored(manifest: str, field: str, reason: Reason) -> None:
    (document,) = parse_manifests(manifest.encode(), "a.yaml").documents
    prepared = prepare(document, SERVED)
    assert [(found.field, found.reason) for found in prepared.problems] == [(field, reason)]
    assert not prepared.is_storable


def test_exported_objects_are_taken_as_written_by_hand() -> None:
    text = f"{SERVICE}metadata: {{name: a, uid: u, resourceVersion: '7', managedFields: []}}\nstatus: {{}}\n"
    (document,) = parse_manifests(text.encode(), "a.yaml").documents
    assert prepare(document, SERVED).document.data == {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": "a", "namespace": "default"},
    }


def test_unsupported_fields_are_stored() -> None:
    text = (
        "kind: IngressRoute\napiVersion: traefik.io/v1alpha1\nmetadata: {name: a}\n"
        "spec: {routes: [{match: x, observability: {tracing: true}}]}\n"
    )
    (document,) = parse_manifests(text.encode(), "a.yaml").documents
    prepared = prepare(document, SERVED)
    assert [found.reason for found in prepared.problems] == [Reason.UNSUPPORTED]
    assert prepared.is_storable


def test_marks_are_read_back() -> None:
    obj = marked({"metadata": {"name": "a", "labels": {"x": "y"}}}, Source("apps/a:b.yaml", 7))
    assert obj["metadata"]["labels"]["x"] == "y"
    assert source_of(obj) == Source("apps/a:b.yaml", 7)
    assert source_of({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}) is None
