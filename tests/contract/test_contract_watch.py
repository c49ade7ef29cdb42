"""What a watch tells, in plain requests: where it starts, what it selects, its forms and bookmarks."""

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import configmap
from tests.contract.plain_http import PARTIAL, TABLE

INITIAL_END = "k8s.io/initial-events-end"
OURS = {"labelSelector": "ours"}


@pytest.fixture
def path(cluster: Cluster) -> str:
    return cluster.path("configmaps")


def make(cluster: Cluster, name: str, **labels: str) -> str:
    """Its version."""
    made = cluster.http.post(cluster.path("configmaps"), configmap(name, labels={"ours": "yes", **labels}))
    assert made.status == 201, made
    return made.version


def label(cluster: Cluster, name: str, **labels: str | None) -> str:
    patch = {"metadata": {"labels": labels}}
    return cluster.http.patch(cluster.path("configmaps", name), patch).version


def test_from_now_on_it_begins_with_what_is_there(cluster: Cluster, path: str) -> None:
    make(cluster, "a")
    with cluster.http.watch(path, **OURS) as frames, cluster.http.watch(path, **OURS, resourceVersion="0") as zero:
        assert frames.take(1) == zero.take(1) == [("ADDED", "a")]
        make(cluster, "b")
        label(cluster, "a", more="x")
        cluster.http.delete(f"{path}/a")
        expected = [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a")]
        assert frames.take(3) == zero.take(3) == expected


def test_from_a_version_it_tells_every_change_since(cluster: Cluster, path: str) -> None:
    make(cluster, "a")
    since = cluster.http.get(path).version
    make(cluster, "b")
    middle = label(cluster, "a", x="1")
    cluster.http.delete(f"{path}/a")
    make(cluster, "a")
    with cluster.http.watch(path, **OURS, resourceVersion=since) as frames:
        first = frames.next()
        assert (first["type"], first["object"]["kind"], first["object"]["apiVersion"]) == (
            "ADDED",
            "ConfigMap",
            "v1",
        )
        changed = frames.next()
        assert changed["object"]["metadata"]["resourceVersion"] == middle
        gone = frames.next()
        assert gone["type"] == "DELETED"
        assert int(gone["object"]["metadata"]["resourceVersion"]) > int(middle), "the version of its end"
        assert frames.take(1) == [("ADDED", "a")]
    # Resumed where it was left, nothing is told twice and nothing is lost.
    with cluster.http.watch(path, **OURS, resourceVersion=middle) as frames:
        assert frames.take(2) == [("DELETED", "a"), ("ADDED", "a")]


def test_a_selection_is_entered_and_left(cluster: Cluster, path: str) -> None:
    since = make(cluster, "a", colour="red")
    with (
        cluster.http.watch(path, labelSelector="colour=red", resourceVersion=since) as red,
        cluster.http.watch(path, fieldSelector="metadata.name=b", resourceVersion=since) as b,
        cluster.http.watch(f"{path}/a", resourceVersion=since) as one,
        cluster.http.watch("/api/v1/configmaps", labelSelector="colour", resourceVersion=since) as everywhere,
    ):
        make(cluster, "b", colour="blue")
        label(cluster, "a", colour="green")
        label(cluster, "b", colour="red")
        label(cluster, "b", colour="red", more="x")
        left = red.next()
        assert (left["type"], left["object"]["metadata"]["name"]) == ("DELETED", "a")
        assert left["object"]["metadata"]["labels"]["colour"] == "red", "as it was when it was seen last"
        assert red.take(2) == [("ADDED", "b"), ("MODIFIED", "b")]
        assert b.take(3) == [("ADDED", "b"), ("MODIFIED", "b"), ("MODIFIED", "b")]
        assert one.take(1) == [("MODIFIED", "a")]
        found = everywhere.take(4)
        assert found == [("ADDED", "b"), ("MODIFIED", "a"), ("MODIFIED", "b"), ("MODIFIED", "b")]


def test_tables_and_metadata(cluster: Cluster, path: str) -> None:
    since = make(cluster, "a")
    with (
        cluster.http.watch(path, TABLE, **OURS, resourceVersion=since) as tables,
        cluster.http.watch(path, PARTIAL, **OURS, resourceVersion=since) as partial,
    ):
        make(cluster, "b")
        make(cluster, "c")
        first, second = tables.next(), tables.next()
        assert (first["type"], first["object"]["kind"]) == ("ADDED", "Table")
        assert [column["name"].upper() for column in first["object"]["columnDefinitions"]] == [
            "NAME",
            "DATA",
            "AGE",
        ]
        assert first["object"]["rows"][0]["cells"][:2] == ["b", 0]
        assert first["object"]["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        assert not second["object"].get("columnDefinitions"), "the headings come once"
        told = partial.next()["object"]
        assert (told["kind"], told["metadata"]["name"]) == ("PartialObjectMetadata", "b")
        assert "data" not in told


def test_it_ends_in_time(cluster: Cluster, path: str) -> None:
    since = make(cluster, "a")
    query = {"resourceVersion": since, "timeoutSeconds": "2", "allowWatchBookmarks": "true"}
    with cluster.http.watch(path, **OURS, **query) as frames:
        told = []
        while frame := frames.next():
            told.append(frame)
    for frame in told:
        assert frame["type"] == "BOOKMARK"
        assert frame["object"]["kind"] == "ConfigMap"
        assert int(frame["object"]["metadata"]["resourceVersion"]) >= int(since)


def test_initial_events_end_with_a_bookmark(cluster: Cluster, path: str) -> None:
    """A server that does not stream lists refuses to, and clients then list first."""
    make(cluster, "a")
    make(cluster, "b")
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    refused = cluster.http.get(path, **query, **OURS, watch="true", timeoutSeconds="1")
    if refused.status == 422:
        pytest.skip("this server does not stream lists")
    with cluster.http.watch(path, **OURS, **query) as frames:
        assert sorted(frames.take(2)) == [("ADDED", "a"), ("ADDED", "b")]
        mark = frames.next()
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"] == {INITIAL_END: "true"}
        make(cluster, "c")
        while (frame := frames.next())["type"] == "BOOKMARK":
            pass
        assert (frame["type"], frame["object"]["metadata"]["name"]) == ("ADDED", "c")


def test_what_it_cannot_begin_from(cluster: Cluster, path: str) -> None:
    assert cluster.http.get(path, watch="true", resourceVersion="yesterday").status in {400, 422}
    assert cluster.http.get(path, watch="true", labelSelector="a in b").status == 400
    without = cluster.http.get(path, watch="true", sendInitialEvents="true")
    assert without.status in {400, 422}
