"""What a terminating namespace says of its contents."""

from hearthgate.apiserver.semantics.namespaces import Condition, Remains, ending_conditions


def _by_type(conditions: list[Condition]) -> dict[str, Condition]:
    return {condition["type"]: condition for condition in conditions}


def test_what_holds_a_namespace_is_named() -> None:
    remains = Remains({"configmaps": 1, "widgets.example.org": 2}, {"a/b": 2, "c/d": 1})
    said = _by_type(ending_conditions([], remains, "t1"))
    content = said["NamespaceContentRemaining"]
    assert (content["status"], content["reason"]) == ("True", "SomeResourcesRemain")
    assert "configmaps. has 1 resource instances, widgets.example.org has 2" in content["message"]
    finalizers = said["NamespaceFinalizersRemaining"]
    assert (finalizers["status"], finalizers["reason"]) == ("True", "SomeFinalizersRemain")
    assert "a/b in 2 resource instances, c/d in 1 resource instances" in finalizers["message"]
    assert said["NamespaceDeletionContentFailure"]["status"] == "False"
    assert said["NamespaceDeletionDiscoveryFailure"]["reason"] == "ResourcesDiscovered"


def test_failures_are_told() -> None:
    said = _by_type(ending_conditions([], Remains(failures=["the disk is full"]), "t1"))
    failure = said["NamespaceDeletionContentFailure"]
    assert (failure["status"], failure["reason"]) == ("True", "ContentDeletionFailed")
    assert "the disk is full" in failure["message"]


def test_a_time_changes_with_its_status_only() -> None:
    other = {"type": "Other", "status": "True"}
    first = ending_conditions([other], Remains({"secrets": 2}, {"a/b": 2}), "t1")
    assert first[0] == other
    fewer = _by_type(ending_conditions(first, Remains({"secrets": 1}, {"a/b": 1}), "t2"))
    assert fewer["NamespaceContentRemaining"]["lastTransitionTime"] == "t1"
    none = _by_type(ending_conditions(first, Remains({"secrets": 1}), "t2"))
    assert none["NamespaceFinalizersRemaining"]["lastTransitionTime"] == "t2"
    assert none["NamespaceFinalizersRemaining"]["status"] == "False"
    assert ending_conditions(first, Remains({"secrets": 2}, {"a/b": 2}), "t3") == first, "nothing changed"
