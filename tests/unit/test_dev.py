"""The developer's command line."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def dev(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(ROOT / "dev"), *arguments], capture_output=True, text=True, check=False, timeout=30)


def test_help_lists_the_commands() -> None:
    done = dev("help")
    assert done.returncode == 0
    assert {"up", "test", "bench", "lint", "fmt"} <= set(re.findall(r"^  (\w+)", done.stdout, re.MULTILINE))


def test_unknown_command_is_a_usage_error() -> None:
    done = dev("tset")
    assert done.returncode == 2
    assert "usage: ./dev" in done.stderr


def test_documents_name_every_command() -> None:
    commands = set(re.findall(r"^  (\w+)", dev("help").stdout, re.MULTILINE)) - {"setup"}
    documented = set(re.findall(r"`\./dev (\w+)", (ROOT / "docs" / "commands.md").read_text()))
    assert commands <= documented


def test_it_works_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run([str(ROOT / "dev"), "help"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0
