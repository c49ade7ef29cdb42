import os
from pathlib import Path

import pytest
import structlog

from hearthgate.ingress.proxy.envoy_log import Entry, LogReader, make_pipe, open_pipe, parse_line
from hearthgate.model.errors import Permanent
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("envoy\twarning\tconfig\tgRPC stream closed", Entry("warning", "config", "gRPC stream closed")),
        ("envoy\ttrace\tmain\ta\tb", Entry("debug", "main", "a\tb")),
        ("envoy\tcritical\tmain\tline\\nline\\n", Entry("critical", "main", "line\\nline")),
        ("envoy\tnonsense\tmain\tx", Entry("warning", "", "envoy\tnonsense\tmain\tx")),
        ("Caught Segmentation fault", Entry("warning", "", "Caught Segmentation fault")),
        ("envoy\twarning", Entry("warning", "", "envoy\twarning")),
        ("", None),
        ("  ", None),
    ],
)
def test_lines(line: str, expected: Entry | None) -> None:
    assert parse_line(line) == expected


async def test_what_was_written_before_and_after_the_start_is_logged(tmp_path: Path) -> None:
    path = tmp_path / "log"
    make_pipe(path)
    writer = open_pipe(path)
    reader = LogReader(path)
    with structlog.testing.capture_logs() as entries:
        os.write(writer, b"envoy\terror\tmain\tbefore\nenvoy\tin")
        reader.start()
        await eventually(lambda: len(entries) == 1)
        os.write(writer, b"fo\tmain\tafter\n")
        await eventually(lambda: len(entries) == 2)
        os.write(writer, b"envoy\tinfo\tmain\tlast words\n")
        reader.stop()
        reader.stop()
    os.close(writer)
    assert [(entry["log_level"], entry["text"]) for entry in entries] == [
        ("error", "before"),
        ("info", "after"),
        ("info", "last words"),
    ]


def test_pipe_that_nobody_reads_neither_blocks_nor_breaks(tmp_path: Path) -> None:
    make_pipe(tmp_path / "log")
    writer = open_pipe(tmp_path / "log")
    with pytest.raises(BlockingIOError):
        fill(writer)
    os.close(writer)


def fill(pipe: int) -> None:
    while True:
        os.write(pipe, b"x" * 4096)


def test_pipe_is_for_this_user_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    make_pipe(path)
    inode = path.stat().st_ino
    make_pipe(path)
    assert path.stat().st_ino == inode
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("mine")
    with pytest.raises(Permanent, match="stands where the pipe"):
        make_pipe(tmp_path / "log")
    assert (tmp_path / "log").read_text() == "mine"
