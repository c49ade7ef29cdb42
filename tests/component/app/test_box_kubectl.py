"""This machine and the parts that run on it, as the real kubectl shows them."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hearthgate.apiserver.server import ApiServer
from hearthgate.app.box.controller import Box
from hearthgate.app.box.facts import host_name, process_run, read_facts
from hearthgate.app.box.pod_logs import PartPodLogs
from hearthgate.app.logfiles.writer import PartLogs
from hearthgate.app.parts import CONTROLLER, PROXY, Part, Process, part_of_logger
from hearthgate.resources import core
from hearthgate.resources.registry import BY_TYPE
from tests.kubectl import kubectl_path
from tests.waiting import eventually

DEADLINE = 30.0
NAMESPACE = "infra"
PROXY_POD = f"proxy-{host_name()}"
CONTROLLER_POD = f"controller-{host_name()}"
ENVOY = "hearthgate.ingress.proxy.envoy_log"


class Machine:
    """An API with a box, a controller that is this process, and a proxy that is played."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._home.mkdir()
        self.logs = PartLogs(part_of_logger)
        pod_logs = PartPodLogs(self.logs, NAMESPACE, host_name())
        self.server = ApiServer(state=folder / "state", port=0, logs=pod_logs)
        self.run: Process | None = Process("1-1-boot", datetime.now(UTC))
        self.ready = True
        self.told: list[tuple[str, str, str, str]] = []
        self._folder = folder
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.server.start()
        self.logs.open(self._folder / "state" / "logs")
        self.start_box()

    def start_box(self) -> None:
        self.box = Box(self.server.objects, namespace=NAMESPACE, emit=self._emit)
        self.box.add(Part(CONTROLLER, "1.2.3", lambda: process_run(os.getpid()), self._yes))
        self.box.add(Part(PROXY, "1.40.0", lambda: self.run, self._proxy_ready))
        self._task = asyncio.create_task(self.box.run())

    async def stop_box(self) -> None:
        assert self._task is not None
        assert not self._task.done(), self._task.exception()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.box.finish()

    async def stop(self) -> None:
        await self.stop_box()
        self.logs.end_follows()
        await self.server.stop()
        await self.logs.close()

    def crash(self) -> None:
        """The proxy dies of a signal, and another one takes its place."""
        self.box.exited("proxy", -9)
        self.logs.begin_run("proxy")
        self.run = Process("2-2-boot", datetime.now(UTC))
        self.box.changed()

    async def start_kubectl(self, line: str) -> asyncio.subprocess.Process:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home)}
        return await asyncio.create_subprocess_exec(
            str(kubectl_path()), "--kubeconfig", str(self.server.kubeconfig), *line.split(),
            env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def kubectl(self, line: str, *, code: int = 0) -> str:
        process = await self.start_kubectl(line)
        async with asyncio.timeout(DEADLINE):
            output, _ = await process.communicate()
        assert process.returncode == code, f"kubectl {line}: {output.decode()}"
        return output.decode()

    async def pods(self) -> dict[str, Any]:
        found = await self.server.objects.list(BY_TYPE[core.Pod], NAMESPACE)
        return {pod["metadata"]["name"]: pod for pod in found if pod.get("status")}

    async def container(self) -> Any:
        pod = (await self.pods()).get(PROXY_POD)
        known = pod["status"].get("containerStatuses") if pod else None  # a Pod is made before its status
        return known[0] if known else {}

    async def proxy_restarts(self) -> int:
        return int((await self.container()).get("restartCount", -1))

    def _emit(self, subject: core.Pod, reason: str, message: str, *, type: str) -> None:  # noqa: A002
        assert subject.metadata.uid
        self.told.append((subject.metadata.name, type, reason, message))

    async def _yes(self) -> bool:
        return True

    async def _proxy_ready(self) -> bool:
        return self.ready


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    made = Machine(tmp_path)
    await made.start()

    async def both() -> bool:
        return len(await made.pods()) == 2

    await eventually(both, what="the Pods")
    yield made
    await made.stop()


async def test_the_node(machine: Machine) -> None:
    facts = read_facts()
    wide = (await machine.kubectl("get nodes -o wide --no-headers")).split()
    assert wide[:3] == [facts.host, "Ready", "control-plane"]
    assert facts.kernel in wide
    described = await machine.kubectl(f"describe node {facts.host}")
    assert "HearthgateReady" in described
    assert facts.os_image in described
    assert "Failed to get lease" not in described
    assert "RenewTime" in described
    assert PROXY_POD in described


async def test_the_pods(machine: Machine) -> None:
    listed = await machine.kubectl(
        f"get pods -n {NAMESPACE} -l app.kubernetes.io/name=traefik -o wide --no-headers"
    )
    assert listed.split()[:4] == [PROXY_POD, "1/1", "Running", "0"]
    assert host_name() in listed.split()
    assert PROXY_POD in await machine.kubectl(f"get pods -n {NAMESPACE} -l component=proxy -o name")
    described = await machine.kubectl(f"describe pod -n {NAMESPACE} {CONTROLLER_POD}")
    assert "hearthgate/controller:1.2.3" in described
    assert f"Controlled By:  Node/{host_name()}" in described
    waited = await machine.kubectl(f"wait --for=condition=Ready --timeout=10s -n {NAMESPACE} pod/{PROXY_POD}")
    assert "condition met" in waited


async def test_a_part_that_is_not_ready(machine: Machine) -> None:
    machine.ready = False
    machine.box.changed()
    line = f"wait --for=condition=Ready=false --timeout=10s -n {NAMESPACE} pod/{PROXY_POD}"
    await machine.kubectl(line)
    assert "0/1" in await machine.kubectl(f"get pods -n {NAMESPACE} {PROXY_POD}")
    machine.ready = True  # nobody says so: it is asked
    await machine.kubectl(f"wait --for=condition=Ready --timeout=10s -n {NAMESPACE} pod/{PROXY_POD}")


async def test_a_crash_raises_restarts(machine: Machine) -> None:
    machine.crash()

    async def restarted() -> bool:
        return await machine.proxy_restarts() == 1

    await eventually(restarted, what="the restart")
    last = (await machine.container())["lastState"]["terminated"]
    assert (last["exitCode"], last["signal"], last["reason"]) == (137, 9, "Error")
    await eventually(lambda: len(machine.told) == 4)
    assert [told[:3] for told in machine.told if told[0] == PROXY_POD] == [
        (PROXY_POD, "Normal", "Started"),
        (PROXY_POD, "Warning", "BackOff"),
        (PROXY_POD, "Normal", "Started"),
    ]


async def test_a_crash_of_a_task_is_told_without_what_it_says(machine: Machine) -> None:
    await eventually(lambda: len(machine.told) == 2)
    machine.box.crashed("folder sync", ValueError("password=hunter2"))
    await eventually(lambda: len(machine.told) == 3)
    assert machine.told[-1][:3] == (CONTROLLER_POD, "Warning", "BackOff")
    assert "ValueError" in machine.told[-1][3]
    assert "hunter2" not in machine.told[-1][3]


async def test_what_somebody_deletes_or_changes_comes_back(machine: Machine) -> None:
    before = (await machine.pods())[PROXY_POD]["metadata"]["uid"]

    async def is_back() -> bool:
        pod = (await machine.pods()).get(PROXY_POD)
        return pod is not None and pod["metadata"]["uid"] != before

    await machine.kubectl(f"delete pod -n {NAMESPACE} {PROXY_POD}")
    await eventually(is_back, what="the Pod")
    await machine.kubectl(f"label pod -n {NAMESPACE} {PROXY_POD} component=other mine=kept --overwrite")

    async def labels() -> tuple[str, str]:
        found = (await machine.pods())[PROXY_POD]["metadata"]["labels"]
        return found["component"], found["mine"]

    async def is_right() -> bool:
        return await labels() == ("proxy", "kept")

    await eventually(is_right, what="the label")
    await machine.kubectl(f"delete node {host_name()}")

    async def has_node() -> bool:
        return await machine.server.objects.get(BY_TYPE[core.Node], "", host_name()) is not None

    await eventually(has_node, what="the Node")
    await machine.kubectl(f"delete namespace {NAMESPACE}")
    await eventually(is_back, within=DEADLINE, what="the Pod in the new namespace")


async def test_nothing_is_written_while_nothing_happens(machine: Machine) -> None:
    rounds = 0
    asked = asyncio.Event()

    async def count() -> bool:
        nonlocal rounds
        rounds += 1
        asked.set()
        return True

    await eventually(lambda: len(machine.told) == 2)
    revision = machine.server.objects.revision
    machine.box.add(Part(CONTROLLER, "1.2.3", lambda: process_run(os.getpid()), count))
    for _ in range(5):
        asked.clear()
        machine.box.changed()
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
    assert rounds >= 5
    assert machine.server.objects.revision == revision


async def test_what_earlier_runs_left_is_removed(machine: Machine) -> None:
    await machine.stop_box()
    objects = machine.server.objects
    await objects.create_namespace("old", manager="test")
    for name, manager in (("proxy-oldname", "hearthgate-box"), ("by-hand", "kubectl")):
        spec = {"containers": [{"name": "web", "image": "x"}]}
        metadata = {"name": name, "namespace": "old"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        await objects.apply(pod, manager=manager)
    machine.start_box()

    async def tidied() -> bool:
        return "proxy-oldname" not in str(await objects.list(BY_TYPE[core.Pod]))

    await eventually(tidied, what="the old Pod to go")
    assert [pod["metadata"]["name"] for pod in await objects.list(BY_TYPE[core.Pod], "old")] == ["by-hand"]
    answer = await machine.kubectl("logs -n old by-hand", code=1)
    assert 'container "web" in pod "by-hand" does not run here' in answer


async def test_restarts_of_the_program(machine: Machine) -> None:
    machine.crash()

    async def restarts(count: int) -> bool:
        return await machine.proxy_restarts() == count and (await machine.container())["ready"]

    await eventually(lambda: restarts(1), what="the crash")
    await machine.stop_box()
    ended = await machine.container()
    assert ended["state"]["terminated"]["reason"] == "Completed"
    assert "Completed" in await machine.kubectl(f"get pods -n {NAMESPACE} {PROXY_POD}")
    machine.run = Process("3-3-boot", datetime.now(UTC))
    machine.start_box()
    await eventually(lambda: restarts(2), what="the next run")
    assert (await machine.container())["lastState"]["terminated"]["reason"] == "Completed"


class TestLogs:
    async def write(self, machine: Machine, *lines: str) -> None:
        for line in lines:
            machine.logs.keep(ENVOY, line)
        path = machine.logs.path("proxy")
        assert path is not None
        await eventually(lambda: path.exists() and path.read_text().endswith(f"{lines[-1]}\n"))

    async def test_reading(self, machine: Machine) -> None:
        await self.write(machine, "one", "two", "three")
        logs = f"logs -n {NAMESPACE}"
        assert await machine.kubectl(f"{logs} {PROXY_POD}") == "one\ntwo\nthree\n"
        assert await machine.kubectl(f"{logs} -l component=proxy --tail=1") == "three\n"
        assert await machine.kubectl(f"{logs} {PROXY_POD} -c proxy --limit-bytes=6") == "one\ntw"
        assert await machine.kubectl(f"{logs} {PROXY_POD} --since=1h") == "one\ntwo\nthree\n"
        assert await machine.kubectl(f"{logs} {PROXY_POD} --since-time=2100-01-01T00:00:00Z") == ""
        stamped = await machine.kubectl(f"{logs} {PROXY_POD} --timestamps --tail=1")
        time, _, text = stamped.partition(" ")
        assert text == "three\n"
        assert len(time) == len("2006-01-02T15:04:05.000000000Z")
        machine.logs.keep("hearthgate.app.up", "from the controller")
        await eventually(lambda: (path := machine.logs.path("controller")) and path.exists())
        everyone = f"{logs} -l app.kubernetes.io/managed-by=hearthgate --all-containers --prefix"
        assert sorted((await machine.kubectl(everyone)).splitlines()) == [
            f"[pod/{CONTROLLER_POD}/controller] from the controller",
            *(f"[pod/{PROXY_POD}/proxy] {text}" for text in ("one", "three", "two")),
        ]

    async def test_the_run_before(self, machine: Machine) -> None:
        refused = await machine.kubectl(f"logs -n {NAMESPACE} {PROXY_POD} --previous", code=1)
        assert f'previous terminated container "proxy" in pod "{PROXY_POD}" not found' in refused
        await self.write(machine, "last words")
        machine.crash()
        await self.write(machine, "new")
        assert await machine.kubectl(f"logs -n {NAMESPACE} {PROXY_POD}") == "new\n"
        assert await machine.kubectl(f"logs -n {NAMESPACE} {PROXY_POD} --previous") == "last words\n"

    async def test_following(self, machine: Machine) -> None:
        await self.write(machine, "one", "two")
        process = await machine.start_kubectl(f"logs -f -n {NAMESPACE} {PROXY_POD} --tail=1")
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            assert await process.stdout.readline() == b"two\n"
            machine.logs.keep(ENVOY, "three")
            assert await process.stdout.readline() == b"three\n"
            machine.crash()
            assert await process.wait() == 0

    async def test_a_client_that_goes_away_ends_its_stream(self, machine: Machine) -> None:
        await self.write(machine, "one")
        process = await machine.start_kubectl(f"logs -f -n {NAMESPACE} {PROXY_POD}")
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            assert await process.stdout.readline() == b"one\n"
            process.kill()
            await process.wait()
        await eventually(lambda: not machine.logs.readers("proxy"), what="the end of the stream")

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            (f"{PROXY_POD} -c nope", f"container nope is not valid for pod {PROXY_POD}"),
            ("nothing", 'pods "nothing" not found'),
        ],
    )
    async def test_refusals(self, machine: Machine, line: str, said: str) -> None:
        assert said in await machine.kubectl(f"logs -n {NAMESPACE} {line}", code=1)

    async def test_a_log_can_only_be_read(self, machine: Machine) -> None:
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{PROXY_POD}/log"
        assert "not allow" in await machine.kubectl(f"delete --raw {path}", code=1)
        assert "pods/log" in await machine.kubectl("get --raw /api/v1")
