"""What a made object takes over, and the marks that it must not."""

from hearthgate.apiserver.foldersync.marks import marked, source_of
from hearthgate.certificates.copied import copied_annotations, copied_labels
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.model.refs import Source

PREFIXES = CertificateSettings().copied_annotation_prefixes


def test_a_copy_is_not_taken_for_an_object_of_the_folder() -> None:
    source = marked({"metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}}}, Source("x.yaml", 1))
    metadata = source["metadata"]
    copy = {
        "metadata": {
            "labels": copied_labels(metadata["labels"]),
            "annotations": copied_annotations(metadata["annotations"], PREFIXES),
        }
    }
    assert source_of(source) is not None
    assert source_of(copy) is None
    assert copy == {"metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}}}


def test_others_who_manage_stay() -> None:
    labels = {"app.kubernetes.io/managed-by": "Helm", "applyset.kubernetes.io/part-of": "x"}
    assert copied_labels(labels) == {"app.kubernetes.io/managed-by": "Helm"}


def test_prefixes() -> None:
    found = {"a.io/x": "1", "b.io/y": "2", "kubectl.kubernetes.io/last-applied-configuration": "3"}
    assert copied_annotations(found, PREFIXES) == {"a.io/x": "1", "b.io/y": "2"}
    assert copied_annotations(found, ["a.io/"]) == {"a.io/x": "1"}
