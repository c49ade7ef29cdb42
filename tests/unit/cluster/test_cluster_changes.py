"""The difference of two collections, by their history and without."""

from hearthgate.cluster.changes import Change, changed_refs, changes
from hearthgate.cluster.snapshot import Collection, RefusedObject, Snapshot
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.meta import ObjectMeta, Resource


def config(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


def collection(*found: Resource) -> Collection:
    return Collection({one.key: one for one in found})


A, B, C, OTHER_B = config("a"), config("b"), config("c"), config("b", new="1")


def test_none_between_one_and_itself() -> None:
    one = collection(A, B)
    assert changes(one, one) == {}
    assert one.touched_since(one) == frozenset()


def test_strangers_are_compared_object_by_object() -> None:
    old, new = collection(A, B), collection(OTHER_B, C)
    assert new.touched_since(old) is None
    found = changes(old, new)
    assert found == {A.key: Change(A, None), B.key: Change(B, OTHER_B), C.key: Change(None, C)}
    assert list(found) == [A.key, B.key, C.key]


def test_a_descendant_looks_at_what_it_touched_alone() -> None:
    old = collection(A, B)
    new = old.changed({B.key: OTHER_B}).changed({C.key: C})
    assert new.touched_since(old) == frozenset({B.key, C.key})
    assert changes(old, new) == {B.key: Change(B, OTHER_B), C.key: Change(None, C)}


def test_what_comes_back_has_not_changed() -> None:
    old = collection(A, B)
    new = old.changed({B.key: OTHER_B, C.key: C}).changed({B.key: B, C.key: None, A.key: None})
    assert changes(old, new) == {A.key: Change(A, None)}


def test_back_in_time_and_between_siblings() -> None:
    old = collection(A, B)
    one, other = old.changed({B.key: OTHER_B}), old.changed({C.key: C})
    assert changes(one, old) == {B.key: Change(OTHER_B, B)}
    assert changes(one, other) == {B.key: Change(OTHER_B, B), C.key: Change(None, C)}


def test_many_changes_at_once_and_many_steps_are_not_remembered() -> None:
    old = collection(A)
    many = {one.key: one for one in (config(f"n{number}") for number in range(100))}
    new = old.changed(many)
    assert new.touched_since(old) is None
    assert changes(old, new).keys() == many.keys()
    for number in range(100):
        new = new.changed({B.key: config("b", number=str(number))})
    assert new.touched_since(old) is None
    assert len(changes(old, new)) == 101


def test_changed_refs_of_every_kind_and_of_what_is_refused() -> None:
    bad, worse, mended = (ObjectRef("ConfigMap", "default", name) for name in ("bad", "worse", "mended"))
    secret = Secret(metadata=ObjectMeta(name="s", namespace="default"))
    problems = {ref: (Problem(ref=ref, reason=Reason.INVALID_VALUE, message="x"),) for ref in (bad, worse, mended)}

    def refused(**versions: str) -> dict[ObjectRef, RefusedObject]:
        refs = (ObjectRef("ConfigMap", "default", name) for name in versions)
        return {ref: RefusedObject(ref, resource_version=versions[ref.name]) for ref in refs}

    old = Snapshot(
        1, {ConfigMap: collection(A, B), Secret: collection(secret)}, problems, (), refused(bad="1", worse="1")
    )
    kept = {ref: found for ref, found in problems.items() if ref != mended}
    now = collection(A, OTHER_B, config("mended"))
    new = Snapshot(2, {ConfigMap: now}, kept, (), refused(bad="1", worse="2"))
    assert changed_refs(old, new) == {B.ref, secret.ref, worse, mended}
    assert changed_refs(new, new) == frozenset()
