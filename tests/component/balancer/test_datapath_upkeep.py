"""The table of a real kernel follows Services, comes back when it is lost, and what is in the way is told."""

import asyncio
import contextlib
import os
import shutil
import stat
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from hearthgate.balancer.datapath import controller, kernel
from hearthgate.balancer.datapath.controller import Choices, DataPath
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.problems import Problem
from tests.lan import inside
from tests.service_samples import service, slice_of
from tests.waiting import eventually
from tests.wires import ADDRESS, SERVERS, Wires, wires

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables"),
]
PORTS = [("web", "TCP", 80)]


@pytest.fixture
def lan() -> Iterator[Wires]:
    with wires() as found:
        yield found


class Upkeep:
    """A data path that runs on the box. problems: those it told last."""

    def __init__(self, lan: Wires, events: EventWriter) -> None:
        self._lan = lan
        self._snapshots: asyncio.Queue[Snapshot] = asyncio.Queue()
        self.problems: tuple[Problem, ...] = ()
        self.path = DataPath(Choices("box"), events, on_problems=self._told)

    def show(self, *servers: str) -> None:
        found = slice_of("web", servers, [("web", "TCP", 8080)], conditions={"ready": True})
        self._snapshots.put_nowait(Snapshot.of([service("web", [ADDRESS], PORTS), found]))

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        while True:
            yield await self._snapshots.get()

    def on_box(self, *command: str) -> str:
        whole = ["ip", "netns", "exec", self._lan.box, *command]
        return subprocess.run(whole, capture_output=True, text=True, check=False).stdout

    def leads_to(self, *servers: str) -> bool:
        text = self.on_box("nft", "list", "ruleset")
        return all((f": {server} . 8080" in text) == (server in servers) for server in SERVERS)

    def metric(self, name: str) -> float:
        found = (line for line in "".join(self.path.lines()).splitlines() if line.startswith(f"{name} "))
        return float(next(found).rpartition(" ")[2])

    def _told(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems


@contextlib.asynccontextmanager
async def running(lan: Wires) -> AsyncIterator[Upkeep]:
    async with Client(ClientConfig(server="http://127.0.0.1:1")) as client:
        made = Upkeep(lan, EventWriter(client))
        task = asyncio.create_task(made.path.run(made.snapshots()))
        try:
            yield made
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def on_box(lan: Wires, steps: Callable[[Upkeep], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running(lan) as made:
            await steps(made)

    with inside(lan.box):
        asyncio.run(run())


def test_the_table_follows_and_comes_back(lan: Wires, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "LOOK_AGAIN", 0.1)

    async def steps(made: Upkeep) -> None:
        made.show(*SERVERS)
        await eventually(lambda: made.leads_to(*SERVERS), what="rules for both servers")
        made.show(SERVERS[0])
        await eventually(lambda: made.leads_to(SERVERS[0]), what="rules for the one that is left")
        await eventually(lambda: made.metric("hearthgate_datapath_endpoints") == 1, what="one server counted")
        assert made.metric("hearthgate_datapath_services") == 1
        made.on_box("nft", "flush", "ruleset")
        await eventually(lambda: made.leads_to(SERVERS[0]), what="rules again after a flush")
        assert made.metric("hearthgate_datapath_errors_total") == 0
        assert not made.problems

    on_box(lan, steps)


def test_what_nft_refuses_is_told_and_what_was_in_force_stays(
    lan: Wires, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "LOOK_AGAIN", 0.1)
    refusing = tmp_path / "nft"
    refusing.write_text("#!/bin/sh\necho 'Error: No buffer space available' >&2\nexit 1\n")
    refusing.chmod(refusing.stat().st_mode | stat.S_IXUSR)

    async def steps(made: Upkeep) -> None:
        made.show(SERVERS[0])
        await eventually(lambda: made.leads_to(SERVERS[0]), what="rules")
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            made.show(*SERVERS)
            await eventually(lambda: made.problems, what="the problem")
            (problem,) = made.problems
            assert problem.reason == "DataPathMissing"
            assert "No buffer space" in problem.message
            assert made.metric("hearthgate_datapath_errors_total") >= 1
        await eventually(lambda: made.leads_to(*SERVERS), what="rules once nft takes them")
        await eventually(lambda: not made.problems, what="no problem any more")

    on_box(lan, steps)


def test_a_kernel_that_does_not_forward_is_told_of_until_it_does(
    lan: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "LOOK_AGAIN", 0.1)

    async def steps(made: Upkeep) -> None:
        kernel.SWITCHES[4].write_text("0\n")
        made.show(*SERVERS)
        await eventually(lambda: [one.reason for one in made.problems] == ["NotForwarded"], what="the problem")
        kernel.start_forwarding(4)
        await eventually(lambda: not made.problems, what="no problem any more")

    on_box(lan, steps)
