"""`hearthgate check` on real folders: what it prints and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hearthgate.cli.check import check

GOOD = """\
apiVersion: v1
kind: Service
metadata: {name: blog, annotations: {hearthgate.dev/endpoints: "127.0.0.1:9"}}
spec: {ports: [{port: 80}]}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: blog}
spec:
  routes:
    - match: Host(`blog.test`)
      services: [{name: blog, port: 80}]
"""
BAD = GOOD.replace("Host(", "Hosts(").replace("name: blog", "name: bad")


def run(*arguments: str | Path, color: bool = False) -> Result:
    return CliRunner().invoke(check, [str(argument) for argument in arguments], color=color)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "manifests"
    root.mkdir()
    (root / "good.yaml").write_text(GOOD)
    return root


def test_clean(folder: Path) -> None:
    result = run(folder)
    assert (result.exit_code, result.output) == (0, "2 objects in 1 file: 0 errors, 0 warnings\n")


def test_settings_of_what_is_recorded(folder: Path) -> None:
    """In a process of its own: another test here has loaded what this needs."""
    (folder.parent / "settings.yaml").write_text("accessLog: {}\ntracing: {otlp: {http: {}}}\n")
    program = [sys.executable, "-c", "from hearthgate.cli.main import main; main()"]
    arguments = ["check", str(folder), "--settings", str(folder.parent / "settings.yaml")]
    ended = subprocess.run(program + arguments, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "2 objects in 1 file: 0 errors, 0 warnings\n"


def test_warnings_are_clean(folder: Path) -> None:
    (folder / "other.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n")
    result = run(folder)
    assert result.exit_code == 0
    assert "other.yaml:2: warning: Deployment x: kind: " in result.output


def test_problems_by_file_and_line(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    (folder / "junk.yaml").write_bytes(bytes(range(256)))
    result = run(folder)
    assert result.exit_code == 1
    first, empty, second, _empty, last = result.output.splitlines()
    assert first.startswith(f"{folder}/bad.yaml:11: error: IngressRoute default/bad: spec.routes[0].match: ")
    assert first.endswith(" [InvalidRule]")
    assert second.startswith(f"{folder}/junk.yaml:2: error: File {folder}/junk.yaml: ")
    assert (empty, last) == ("", "4 objects in 3 files: 2 errors, 0 warnings")


def test_colours_on_a_terminal_only(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    assert "\x1b[31m" in run(folder, color=True).output
    assert "\x1b" not in run(folder).output


def test_json(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    result = run(folder, "-o", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [(one["file"], one["line"], one["reason"]) for one in found["problems"]] == [
        (str(folder / "bad.yaml"), 11, "InvalidRule")
    ]
    assert found["summary"]["errors"] == 1


def test_several_paths_and_single_files(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(GOOD.replace("blog", "more"))
    (tmp_path / "unseen.yaml").write_text("[")
    result = run(folder, tmp_path / "more.yaml")
    assert (result.exit_code, result.output) == (0, "4 objects in 2 files: 0 errors, 0 warnings\n")


def test_settings_count(folder: Path, tmp_path: Path) -> None:
    (folder / "good.yaml").write_text(GOOD.replace("spec:\n", "spec:\n  entryPoints: [lan]\n"))
    settings = tmp_path / "hearthgate.yaml"
    settings.write_text('entryPoints: {lan: {address: ":8080"}}\n')
    assert run(folder).exit_code == 1
    assert run(folder, "--settings", settings).exit_code == 0
    assert run(folder, "--set", "entryPoints.lan.address=:8080").exit_code == 0


def usage(arguments: list[str], folder: Path) -> Result:
    return run(*(argument.replace("FOLDER", str(folder)) for argument in arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["FOLDER/gone"],
        ["FOLDER", "-o", "xml"],
        ["FOLDER", "--settings", "FOLDER/gone"],
        ["FOLDER", "--set", "x"],
    ],
    ids=["no path", "missing path", "unknown format", "missing settings", "bad setting"],
)
def test_wrong_usage(arguments: list[str], folder: Path) -> None:
    assert usage(arguments, folder).exit_code == 2


def test_wrong_settings_are_named(folder: Path, tmp_path: Path) -> None:
    settings = tmp_path / "hearthgate.yaml"
    settings.write_text("entryPonts: {}\n")
    result = run(folder, "--settings", settings)
    assert result.exit_code == 2
    assert "entryPoints" in result.stderr
