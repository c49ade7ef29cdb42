"""The audit log on a disk: whole lines, bounded size, and no trouble for the API when the disk is full."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hearthgate.apiserver.access.audit import AuditLine, AuditLog
from hearthgate.apiserver.web.auditing import Failures


def line(name: str) -> AuditLine:
    return AuditLine(time="2026-01-01T00:00:00Z", user="ann", verb="create", name=name, code=201, duration=1.5)


def written(log: AuditLog, *names: str) -> None:
    log.start()
    for name in names:
        log.add(line(name))
    log.close()


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_lines_are_appended_and_private(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    written(AuditLog(path), "a")
    written(AuditLog(path), "b")
    assert [found["name"] for found in read(path)] == ["a", "b"]
    assert read(path)[0] == {
        "time": "2026-01-01T00:00:00Z",
        "user": "ann",
        "verb": "create",
        "name": "a",
        "code": 201,
        "duration": 1.5,
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_files_are_rotated_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    for number in range(6):
        written(AuditLog(path, limit=50, kept=3), str(number))
    found = {file.name: [entry["name"] for entry in read(file)] for file in tmp_path.iterdir()}
    assert found == {"audit.log": ["5"], "audit.log.1": ["4"], "audit.log.2": ["3"], "audit.log.3": ["2"]}


def test_a_disk_that_takes_nothing_costs_the_line_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.log"
    written(AuditLog(path), "before")
    real, calls = os.write, []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return real(descriptor, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    written(AuditLog(path), "lost")
    monkeypatch.setattr(os, "write", real)
    assert len(calls) == 2
    written(AuditLog(path), "after")
    assert [found["name"] for found in read(path)] == ["before", "after"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.log").symlink_to(tmp_path / "elsewhere")
    written(AuditLog(tmp_path / "audit.log"), "a")
    assert not (tmp_path / "elsewhere").exists()


def test_failures_are_counted_when_they_are_too_many() -> None:
    failures = Failures()
    assert [failures.count(0.0) for _ in range(12)] == [0] * 10 + [None, None]
    assert failures.count(59.0) is None
    assert failures.count(60.0) == 3
    assert failures.count(61.0) == 0
