"""Who am I, what may I: the reviews that kubectl and GitOps tools ask for."""

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import Object

AUTHORIZATION = "/apis/authorization.k8s.io/v1"


@pytest.mark.every_kubectl
def test_can_i(cluster: Cluster, widgets: None) -> None:
    """As the administrator that the suite is."""
    for question in (
        "create configmaps",
        "get secrets -A",
        "'*' '*'",
        "patch widgets --subresource=status",
        "delete ns/some",
    ):
        assert cluster.kubectl(f"auth can-i {question}").splitlines()[-1] == "yes", question
    listed = cluster.kubectl("auth can-i --list")
    assert listed.split()[:2] == ["Resources", "Non-Resource"]
    assert "*" in listed


@pytest.mark.kubectl_from(28)
@pytest.mark.every_kubectl
def test_whoami(cluster: Cluster) -> None:
    who = cluster.json("auth whoami")["status"]["userInfo"]
    assert who["username"]
    assert "system:authenticated" in who["groups"]
    rows = cluster.rows("auth whoami")
    assert rows[0] == ["ATTRIBUTE", "VALUE"]
    assert rows[1] == ["Username", who["username"]]


def test_reviews(cluster: Cluster) -> None:
    attributes: Object = {"namespace": cluster.namespace, "verb": "get", "resource": "configmaps"}
    mine = cluster.http.post(
        f"{AUTHORIZATION}/selfsubjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        },
    )
    assert (mine.status, mine.body["status"]["allowed"]) == (201, True)
    nobody = cluster.http.post(
        f"{AUTHORIZATION}/subjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": "contract-nobody", "resourceAttributes": attributes},
        },
    )
    assert (nobody.status, nobody.body["status"]["allowed"]) == (201, False)
    rules = cluster.http.post(
        f"{AUTHORIZATION}/selfsubjectrulesreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": cluster.namespace},
        },
    )
    assert rules.status == 201
    assert {"verbs", "resources"} <= rules.body["status"]["resourceRules"][0].keys()
    empty = cluster.http.post(
        f"{AUTHORIZATION}/selfsubjectaccessreviews",
        {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {}},
    )
    assert empty.status in {400, 422}
