"""Log files of the parts on a real disk: order, rotation, readers that follow, restarts, a full disk."""

import asyncio
import logging
import resource
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from io import StringIO
from pathlib import Path

import pytest
import structlog

from hearthgate.apiserver.web.logs import LogLine, NoPreviousRunError
from hearthgate.app.logfiles import writer
from hearthgate.app.logfiles.file import RotatingFile, old_of
from hearthgate.app.logfiles.lines import written
from hearthgate.app.logfiles.reading import read_log
from hearthgate.app.logfiles.writer import PartLogs
from hearthgate.app.logs import configure_logs
from hearthgate.app.parts import part_of_logger
from tests.waiting import eventually

DEADLINE = 10.0


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[PartLogs]:
    made = PartLogs(str)
    made.open(tmp_path / "logs")
    yield made
    made.end_follows()
    await made.close()


def stream(
    logs: PartLogs, *, previous: bool = False, tail: int | None = None, follow: bool = False
) -> AsyncGenerator[Sequence[LogLine], None]:
    return read_log(logs, "part", previous=previous, tail=tail, follow=follow)


async def read(logs: PartLogs, *, previous: bool = False, tail: int | None = None) -> list[str]:
    return [line.text.decode() async for batch in stream(logs, previous=previous, tail=tail) for line in batch]


async def holds(logs: PartLogs, expected: list[str]) -> None:
    async def same() -> bool:
        return await read(logs) == expected

    await eventually(same, what=f"the log {expected}")


async def ends_with(path: Path, text: str) -> None:
    await eventually(lambda: path.read_bytes().endswith(f"{text}\n".encode()), what="the line on disk")


class Follower:
    """Reads on in the background; `texts` is what has come."""

    def __init__(self, logs: PartLogs, *, tail: int | None = None) -> None:
        self.texts: list[str] = []
        self.task = asyncio.create_task(self._run(stream(logs, tail=tail, follow=True)))

    async def has(self, text: str) -> None:
        await eventually(lambda: self.texts[-1:] == [text], what=f"{text!r} at the reader")

    async def _run(self, lines: AsyncGenerator[Sequence[LogLine], None]) -> None:
        async with aclosing(lines):
            async for batch in lines:
                self.texts += [line.text.decode() for line in batch]


async def test_lines_wait_in_memory_until_the_folder_is_ours(tmp_path: Path) -> None:
    logs = PartLogs(str)
    logs.keep("part", "early")
    assert await read(logs) == []
    logs.open(tmp_path / "logs")
    logs.keep("part", "late")
    await logs.close()
    assert await read(logs) == ["early", "late"]
    assert (tmp_path / "logs" / "part.log").stat().st_mode & 0o077 == 0


async def test_runs_survive_a_restart(logs: PartLogs, tmp_path: Path) -> None:
    logs.begin_run("part")
    logs.keep("part", "first")
    await logs.close()
    again = PartLogs(str)
    again.begin_run("part")
    again.keep("part", "second")
    again.open(tmp_path / "logs")
    await again.close()
    assert await read(again) == ["second"]
    assert await read(again, previous=True) == ["first"]


async def test_no_previous_run(logs: PartLogs) -> None:
    logs.begin_run("part")
    logs.keep("part", "only")
    await holds(logs, ["only"])
    with pytest.raises(NoPreviousRunError):
        await read(logs, previous=True)


async def test_follow_gets_what_is_added_and_ends_with_the_run(logs: PartLogs) -> None:
    logs.begin_run("part")
    logs.keep("part", "one")
    logs.keep("part", "two")
    await holds(logs, ["one", "two"])
    follower = Follower(logs, tail=1)
    await eventually(lambda: follower.texts == ["two"])
    logs.keep("part", "three")
    logs.keep("other", "not ours")
    await eventually(lambda: follower.texts == ["two", "three"])
    logs.begin_run("part")
    logs.keep("part", "four")
    async with asyncio.timeout(DEADLINE):
        await follower.task
    assert follower.texts == ["two", "three"]


async def test_follow_ends_when_the_program_does(logs: PartLogs) -> None:
    follower = Follower(logs)
    logs.keep("part", "last words")
    await eventually(lambda: follower.texts == ["last words"])
    logs.end_follows()
    async with asyncio.timeout(DEADLINE):
        await follower.task


async def test_follow_crosses_rotations_without_loss(logs: PartLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RotatingFile", lambda path: RotatingFile(path, 2_000))
    follower = Follower(logs)
    expected = [f"line {number} {'x' * 50}" for number in range(500)]
    for number, text in enumerate(expected):
        logs.keep("part", text)
        if number % 10 == 9:  # less than a file, so that at most one rotation is missed
            await follower.has(text)
    assert follower.texts == expected
    path = logs.path("part")
    assert path is not None
    assert path.stat().st_size + old_of(path).stat().st_size <= 2 * 2_000
    kept = await read(logs)
    assert kept == expected[-len(kept) :]


async def test_a_reader_that_missed_two_rotations_loses_nothing(
    logs: PartLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RotatingFile", lambda path: RotatingFile(path, 1_000))
    logs.keep("part", "first")
    await holds(logs, ["first"])
    path = logs.path("part")
    assert path is not None
    expected = [f"{number} {'x' * 700}" for number in range(3)]
    async with aclosing(stream(logs, follow=True)) as lines:
        found = [line.text.decode() for line in await anext(lines)]
        for text in expected:
            logs.keep("part", text)
            await ends_with(path, text)
        async with asyncio.timeout(DEADLINE):
            while len(found) < 4:
                found += [line.text.decode() for line in await anext(lines)]
    assert found == ["first", *expected]


async def test_a_reader_that_stands_still_holds_up_nobody(logs: PartLogs) -> None:
    lines = stream(logs, follow=True)
    await anext(lines)
    began = time.monotonic()
    for number in range(1000):
        logs.keep("part", f"line {number}")
    assert time.monotonic() - began < 1
    await eventually(lambda: (path := logs.path("part")) and path.exists() and b"line 999\n" in path.read_bytes())
    await lines.aclose()


async def test_a_flood_costs_lines_and_says_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 3)
    logs = PartLogs(str)
    for number in range(5):
        logs.keep("part", f"line {number}")
    logs.open(tmp_path / "logs")
    await logs.close()
    assert await read(logs) == ["2 lines of this log are lost here", "line 0", "line 1", "line 2"]


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size`; the kernel answers as for a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_costs_only_the_lines(logs: PartLogs) -> None:
    logs.keep("part", "before")
    await holds(logs, ["before"])
    path = logs.path("part")
    assert path is not None
    with full_disk(path.stat().st_size + 10):
        logs.keep("part", "torn")
        logs.keep("part", "lost")
        logs.keep("o", "k")  # short enough, and written after those
        await eventually(lambda: path.with_name("o.log").exists() and path.with_name("o.log").stat().st_size)
        assert path.stat().st_size == resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    logs.keep("part", "after")
    await holds(logs, ["before", "2 lines of this log are lost here", "after"])


def test_a_file_that_a_crash_has_torn_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "part.log"
    path.write_bytes(written(0, "whole") + b"1970-01-01T00:0")
    file = RotatingFile(path)
    file.append(written(1, "after"))
    file.close()
    assert path.read_bytes().splitlines()[-1] == written(1, "after").rstrip(b"\n")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def configured() -> Iterator[list[tuple[str, str]]]:
    """What `keep` got. Leaves the logging of the other tests alone."""
    kept: list[tuple[str, str]] = []
    root = logging.getLogger()
    handlers, before = list(root.handlers), structlog.get_config()
    yield kept
    root.handlers[:] = handlers
    structlog.configure(**before)


@pytest.mark.parametrize("form", ["console", "json"])
def test_every_line_is_kept_without_colours(configured: list[tuple[str, str]], form: str) -> None:
    terminal = Terminal()
    configure_logs("INFO", form, terminal, keep=lambda name, text: configured.append((name, text)))
    structlog.get_logger("hearthgate.ingress.proxy.child").info("envoy started", pid=7)
    structlog.get_logger("hearthgate.app.up").debug("not asked for")
    logging.getLogger("asyncio").error("a library's %s", "word")
    try:
        raise ValueError("the reason")
    except ValueError:
        structlog.get_logger().exception("crashed")
    names = [name for name, _ in configured]
    assert names == ["hearthgate.ingress.proxy.child", "asyncio", ""]
    assert [part_of_logger(name) for name in names] == ["proxy", "controller", "controller"]
    assert "envoy started" in configured[0][1]
    assert configured[1][1] == "asyncio: a library's word"
    assert "the reason" in configured[2][1]
    assert not any("\x1b" in text for _, text in configured)
    assert ("\x1b" in terminal.getvalue()) is (form == "console")
