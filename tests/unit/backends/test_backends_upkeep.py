"""Which slices a snapshot asks for, and the way there."""

from typing import Any

import msgspec
import pytest

from hearthgate.backends.annotation import ANNOTATION
from hearthgate.backends.mirror import UPSTREAM_MANAGER
from hearthgate.backends.slices import MAX_ENDPOINTS, Slice
from hearthgate.backends.upkeep import Upkeep
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.problems import Reason
from hearthgate.resources.core import Endpoints, Service
from hearthgate.resources.discovery import MANAGED_BY_LABEL, SERVICE_NAME_LABEL, EndpointSlice
from hearthgate.resources.meta import Resource


def service(name: str, text: str = "", **spec: Any) -> Service:
    annotations = {ANNOTATION: text} if text else {}
    metadata = {"name": name, "namespace": "n", "uid": f"uid-{name}", "annotations": annotations}
    return msgspec.convert(
        {"metadata": metadata, "spec": {"ports": [{"name": "http", "port": 80}], **spec}}, Service
    )


def endpoints(name: str, **metadata: Any) -> Endpoints:
    subset = {
        "addresses": [{"ip": "10.0.0.1", "nodeName": "a"}, {"ip": "fd00::1", "hostname": "h"}],
        "notReadyAddresses": [{"ip": "10.0.0.2"}],
        "ports": [{"name": "http", "port": 8080}],
    }
    content = {"metadata": {"name": name, "namespace": "n", "uid": "uid", **metadata}, "subsets": [subset]}
    return msgspec.convert(content, Endpoints)


def foreign_slice(service_name: str, manager: str) -> EndpointSlice:
    labels = {SERVICE_NAME_LABEL: service_name, MANAGED_BY_LABEL: manager}
    return msgspec.convert({"metadata": {"name": "foreign", "namespace": "n", "labels": labels}}, EndpointSlice)


def taken(*resources: Resource, mirrors: bool = True) -> Upkeep:
    """One look at these objects."""
    upkeep = Upkeep(mirrors=mirrors)
    upkeep.take(Snapshot.of(resources))
    return upkeep


def steps(upkeep: Upkeep) -> tuple[list[Slice], list[Slice]]:
    """What is to write, and what to delete, of all Services."""
    parts = upkeep.steps.values()
    return [one for part in parts for one in part.apply], [one for part in parts for one in part.delete]


def counts(upkeep: Upkeep) -> dict[Key, tuple[int, int]]:
    """How many slices of each Service are to write, and to delete."""
    return {key: (len(part.apply), len(part.delete)) for key, part in upkeep.steps.items()}


def settle(*resources: Resource) -> Snapshot:
    """The snapshot after all steps are done."""
    snapshot = Snapshot.of(resources)
    apply, delete = steps(taken(*resources))
    gone = {(one.namespace, one.name) for one in delete}
    written = {(one.namespace, one.name): one.resource() for one in apply}
    kept = [one for one in snapshot.all(EndpointSlice) if one.key not in gone and one.key not in written]
    others = [one for one in resources if not isinstance(one, EndpointSlice)]
    return Snapshot.of([*others, *kept, *written.values()])


def test_one_slice_for_each_family() -> None:
    found = taken(service("s", "10.0.0.1:1,10.0.0.2:1,[fd00::1]:1,nas.lan:1")).wanted
    assert sorted((one.address_type, tuple(e.address for e in one.endpoints)) for one in found.values()) == [
        ("FQDN", ("nas.lan",)),
        ("IPv4", ("10.0.0.1", "10.0.0.2")),
        ("IPv6", ("fd00::1",)),
    ]
    (owner,) = {one.owner for one in found.values()}
    assert owner == ("v1", "Service", "s", "uid-s")


def test_slices_carry_upstreams_labels() -> None:
    (one,) = taken(service("s", "10.0.0.1:1")).wanted.values()
    assert one.manifest()["metadata"]["labels"] == {
        "kubernetes.io/service-name": "s",
        "endpointslice.kubernetes.io/managed-by": "endpoints.hearthgate.dev",
    }


def test_names_depend_on_the_content_only() -> None:
    one = taken(service("s", "10.0.0.1:1,10.0.0.2:1"))
    other = taken(service("s", "10.0.0.2:1,10.0.0.1:1"))
    assert one.wanted == other.wanted


def test_settled_means_nothing_to_do() -> None:
    snapshot = settle(service("s", "10.0.0.1:1,[fd00::1]:2,nas.lan:3"), service("m"), endpoints("m"))
    assert len(snapshot.all(EndpointSlice)) == 5
    assert taken(*snapshot.all(Service), *snapshot.all(Endpoints), *snapshot.all(EndpointSlice)).steps == {}


CHANGES = {
    "annotation gone": (service("s"), 0, 1),
    "Service gone": (service("other"), 0, 1),
    "Service has a selector now": (service("s", "10.0.0.1:1", selector={"a": "b"}), 0, 1),
    "another port": (service("s", "10.0.0.1:2"), 1, 1),
    "one more address": (service("s", "10.0.0.1:1,10.0.0.2:1"), 1, 0),
    "another Service of the name": (
        msgspec.structs.replace(
            service("s", "10.0.0.1:1"),
            metadata=msgspec.structs.replace(service("s", "10.0.0.1:1").metadata, uid="new"),
        ),
        1,
        0,
    ),
}


@pytest.mark.parametrize(("now", "applied", "deleted"), CHANGES.values(), ids=CHANGES)
def test_changes(now: Service, applied: int, deleted: int) -> None:
    before = settle(service("s", "10.0.0.1:1"))
    apply, delete = steps(taken(now, *before.all(EndpointSlice)))
    assert (len(apply), len(delete)) == (applied, deleted)


def test_slices_of_others_are_left_alone() -> None:
    assert taken(service("s"), foreign_slice("s", "somebody")).steps == {}


def test_mirrored_endpoints() -> None:
    found = taken(service("m"), endpoints("m")).wanted
    four, six = sorted(found.values(), key=lambda one: one.address_type)
    assert four.endpoints == (("10.0.0.1", True, "", "a"), ("10.0.0.2", False, "", ""))
    assert six.endpoints == (("fd00::1", True, "h", ""),)
    assert four.ports == (("http", 8080, "TCP", ""),)
    assert [one.get("nodeName") for one in four.manifest()["endpoints"]] == ["a", None]


NOT_MIRRORED = {
    "no Service": (endpoints("m"),),
    "selector": (service("m", selector={"a": "b"}), endpoints("m")),
    "ExternalName": (service("m", type="ExternalName"), endpoints("m")),
    "label": (service("m"), endpoints("m", labels={"endpointslice.kubernetes.io/skip-mirror": "true"})),
    "leader lock": (service("m"), endpoints("m", annotations={"control-plane.alpha.kubernetes.io/leader": "{}"})),
    "upstream did": (service("m"), endpoints("m"), foreign_slice("m", UPSTREAM_MANAGER)),
}


@pytest.mark.parametrize("resources", NOT_MIRRORED.values(), ids=NOT_MIRRORED)
def test_not_mirrored(resources: tuple[Resource, ...]) -> None:
    assert taken(*resources).wanted == {}


def test_a_cluster_mirrors_itself() -> None:
    assert taken(service("m"), endpoints("m"), mirrors=False).wanted == {}


def test_a_selector_finds_no_pods_on_one_box() -> None:
    (problem,) = taken(service("s", selector={"a": "b"})).problems
    assert (problem.field, problem.reason, problem.is_error) == ("spec.selector", Reason.NO_ENDPOINTS, False)
    assert taken(service("s", selector={"a": "b"}), foreign_slice("s", "somebody")).problems == ()
    assert taken(service("s", selector={"a": "b"}), mirrors=False).problems == ()


def test_many_endpoints_are_split() -> None:
    text = ",".join(f"10.0.{number // 250}.{number % 250 + 1}:1" for number in range(MAX_ENDPOINTS + 1))
    found = taken(service("s", text)).wanted
    assert sorted(len(one.endpoints) for one in found.values()) == [1, MAX_ENDPOINTS]


def test_what_did_not_change_is_not_worked_out_again() -> None:
    upkeep = Upkeep()
    first = Snapshot.of([service("s", "10.0.0.1:1"), service("t", "10.0.0.1:1"), service("u", "x:y")])
    assert upkeep.take(first) == [("n", "s"), ("n", "t"), ("n", "u")]
    wanted, problems = dict(upkeep.wanted), upkeep.problems
    assert upkeep.take(first) == []
    changed = service("t", "10.0.0.1:2")
    assert upkeep.take(first.replaced({Service: first.collection(Service).changed({changed.key: changed})})) == [
        ("n", "t")
    ]
    (name,) = [key for key, one in wanted.items() if one.service == "s"]
    assert upkeep.wanted[name] is wanted[name]
    assert upkeep.problems is problems


def test_steps_by_service() -> None:
    snapshot = settle(service("b", "10.0.0.1:1"), service("a", "10.0.0.1:1"))
    upkeep = taken(service("b", "10.0.0.1:2"), *snapshot.all(EndpointSlice))
    assert counts(upkeep) == {("n", "a"): (0, 1), ("n", "b"): (1, 1)}


def test_a_slice_that_names_another_service_is_brought_back_or_deleted() -> None:
    (one,) = settle(service("a", "10.0.0.1:1")).all(EndpointSlice)
    labels = {**one.metadata.labels, SERVICE_NAME_LABEL: "b"}
    astray = msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, labels=labels))
    other = service("b")
    upkeep = taken(service("a", "10.0.0.1:1"), other, astray)
    back = {("n", "a"): (1, 0)}
    assert counts(upkeep) == back
    upkeep.take(Snapshot.of([service("a"), other, astray]))
    assert counts(upkeep) == {("n", "b"): (0, 1)}
    upkeep.take(Snapshot.of([service("a", "10.0.0.1:1"), other, astray]))
    assert counts(upkeep) == back
