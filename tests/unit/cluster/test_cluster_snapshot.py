"""Collections share what did not change and keep their order cheaply."""

from hearthgate.cluster.snapshot import Collection, Key, RefusedObject, Snapshot
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import ConfigMap, Service
from hearthgate.resources.meta import ObjectMeta, Resource


def config(name: str, namespace: str = "default", **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=data)


def collection(*names: str) -> Collection:
    return Collection({("default", name): config(name) for name in names})


def test_changed_carries_a_made_order_on() -> None:
    old = collection("b", "d", "f")
    assert [found.metadata.name for found in old.ordered] == ["b", "d", "f"]
    changes: dict[Key, Resource | None] = {
        ("default", "a"): config("a"),
        ("default", "d"): None,
        ("default", "f"): config("f", new="1"),
        ("default", "never"): None,
        ("other", "a"): config("a", "other"),
    }
    new = old.changed(changes)
    assert "ordered" in new.__dict__
    assert new.ordered == Collection(new.objects).ordered
    assert [found.key for found in new.ordered] == [
        ("default", "a"),
        ("default", "b"),
        ("default", "f"),
        ("other", "a"),
    ]
    assert new.ordered[1] is old.ordered[0]
    assert len(old.objects) == 3


def test_changed_leaves_an_unasked_order_unmade() -> None:
    assert "ordered" not in collection("a").changed({("default", "b"): config("b")}).__dict__


def test_subject_finds_decoded_refused_and_neither() -> None:
    good = config("good")
    bad, file = ObjectRef("Service", "default", "bad"), ObjectRef("Service", "default", "file")
    problems = tuple(Problem(ref=ref, reason=Reason.INVALID_VALUE, message="x") for ref in (bad, file))
    snapshot = Snapshot(
        1,
        {ConfigMap: Collection({good.key: good}), Service: Collection({})},
        {problem.ref: (problem,) for problem in problems},
        (),
        {bad: RefusedObject(bad, uid="u1", resource_version="7", generation=2)},
    )
    assert snapshot.subject(good.ref) is good
    assert snapshot.subject(bad) == RefusedObject(bad, "u1", "7", 2)
    assert snapshot.subject(file) == RefusedObject(file)
    assert snapshot.subject(ObjectRef("Service", "default", "none")) is None
    assert snapshot.kinds == (ConfigMap, Service)
