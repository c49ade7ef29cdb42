"""The controller writes what is wanted, tries again, and says what is wrong."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from hearthgate.backends.annotation import ANNOTATION
from hearthgate.backends.controller import BackendsController
from hearthgate.cluster.errors import Forbidden, NotFound, Unavailable
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.problems import Problem
from hearthgate.resources.core import Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Resource


def service(text: str, *, name: str = "s") -> Service:
    metadata = {"name": name, "namespace": "n", "uid": "u", "annotations": {ANNOTATION: text} if text else {}}
    return msgspec.convert({"metadata": metadata, "spec": {"ports": [{"port": 80}]}}, Service)


class Api:
    """Slices as an API server keeps them; fails as often as it is told."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.error = error or Unavailable("come back later", retry_after=0.01)
        self.slices: dict[str, Mapping[str, Any]] = {}
        self.log: list[str] = []
        self.failures = failures

    async def apply(self, kind: Kind, content: Mapping[str, Any], *, manager: str) -> object:
        assert (kind.kind, manager) == ("EndpointSlice", "hearthgate-endpoints")
        self._maybe_fail()
        self.slices[content["metadata"]["name"]] = content
        self.log.append("apply")
        return content

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        self._maybe_fail()
        self.log.append("delete")
        if self.slices.pop(name, None) is None:
            raise NotFound(f"{kind.kind} {namespace}/{name}", named=True)

    def _maybe_fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise self.error

    def snapshot(self, *resources: Resource) -> Snapshot:
        return Snapshot.of([*resources, *(msgspec.convert(one, EndpointSlice) for one in self.slices.values())])


async def once(*snapshots: Snapshot) -> AsyncIterator[Snapshot]:
    for snapshot in snapshots:
        yield snapshot


async def test_writes_then_changes_then_removes() -> None:
    api = Api()
    controller = BackendsController(api)
    await controller.run(once(api.snapshot(service("10.0.0.1:1"))))
    assert not controller.settled.is_set()
    assert [one["ports"][0]["port"] for one in api.slices.values()] == [1]
    await controller.run(once(api.snapshot(service("10.0.0.1:2"))))
    assert [one["ports"][0]["port"] for one in api.slices.values()] == [2]
    assert api.log == ["apply", "apply", "delete"]
    await controller.run(once(api.snapshot(service("10.0.0.1:2"))))
    assert len(api.log) == 3
    assert controller.settled.is_set()
    await controller.run(once(api.snapshot(service(""))))
    assert api.slices == {}


async def test_a_failure_is_tried_again() -> None:
    api = Api(failures=2)
    await BackendsController(api).run(once(api.snapshot(service("10.0.0.1:1"))))
    assert api.log == ["apply"]


async def test_what_was_refused_is_tried_again_when_another_service_changes() -> None:
    api = Api(failures=1, error=Forbidden("not in this namespace"))
    controller = BackendsController(api)
    known = service("10.0.0.1:1")
    await controller.run(once(api.snapshot(known)))
    assert api.log == []
    await controller.run(once(api.snapshot(known, service("", name="other"))))
    assert api.log == ["apply"]


async def test_what_is_gone_already_is_no_failure() -> None:
    api = Api()
    await BackendsController(api).run(once(api.snapshot(service("10.0.0.1:1"))))
    stale = api.snapshot(service(""))
    api.slices.clear()
    await BackendsController(api).run(once(stale))
    assert api.log == ["apply", "delete"]


async def test_problems_are_told_when_they_change() -> None:
    api = Api()
    told: list[tuple[Problem, ...]] = []
    controller = BackendsController(api, on_problems=told.append)
    bad, good = api.snapshot(service("x:y")), api.snapshot(service("x:1"))
    await controller.run(once(bad, good))
    assert [len(problems) for problems in told] == [1, 0]
