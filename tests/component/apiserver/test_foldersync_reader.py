"""Reading real folders: links, junk, and kustomizations."""

import os
from pathlib import Path

import pytest

from hearthgate.apiserver.foldersync.reader import FolderReader, Folders
from hearthgate.model.problems import Reason

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


def write(root: Path, *paths: str) -> None:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(MAP % file.stem.lower())


def read(*roots: Path, kubectl: str | None = None) -> Folders:
    return FolderReader(roots, kubectl).read()


def names(folders: Folders) -> list[str]:
    return [document.data["metadata"]["name"] for document in folders.documents]


def test_what_is_read_and_in_which_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        "b.yaml",
        "a/z.yml",
        "a/b/c.json.yaml",
        "c.yaml",
        "README.md",
        "x.yaml.bak",
        ".hidden.yaml",
        ".git/x.yaml",
    )
    folders = read(tmp_path)
    assert [file.key for file in folders.files] == ["a/b/c.json.yaml", "a/z.yml", "b.yaml", "c.yaml"]
    assert [file.path for file in folders.files][2] == str(tmp_path / "b.yaml")
    assert folders.all_problems == ()


def test_links_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, "real/a.yaml", "b.yaml")
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "c.yaml").symlink_to(tmp_path / "b.yaml")
    assert sorted(names(read(tmp_path))) == ["a", "b"]


def test_overlapping_roots_are_read_once(tmp_path: Path) -> None:
    write(tmp_path, "sub/a.yaml", "b.yaml")
    folders = read(tmp_path / "sub", tmp_path, tmp_path / "b.yaml")
    assert names(folders) == ["a", "b"]
    assert folders.all_problems == ()


def test_a_link_to_nowhere_and_a_missing_root(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    folders = read(tmp_path, tmp_path / "none")
    assert [found.problem.reason for found in folders.all_problems] == [Reason.UNREADABLE] * 2
    assert not folders.files[0].is_complete
    assert folders.unread == ("",)
    assert [root.identity is None for root in folders.roots] == [False, True]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert read(tmp_path).files == ()


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(10**12)
    (found,) = read(tmp_path).all_problems
    assert found.problem.reason is Reason.TOO_LARGE


def test_junk_is_one_problem_each(tmp_path: Path) -> None:
    write(tmp_path, "good.yaml")
    (tmp_path / "junk.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "cut.json").write_text('{"a": ')
    folders = read(tmp_path)
    assert names(folders) == ["good"]
    assert [found.source.path for found in folders.all_problems] == [
        str(tmp_path / "cut.json"),
        str(tmp_path / "junk.yaml"),
    ]


def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.yaml")
    (tmp_path / name).write_text(MAP % "a")
    folders = read(tmp_path)
    assert folders.files[0].key == "\\xff.yaml"
    assert names(folders) == ["a"]


def test_unchanged_files_are_parsed_once(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "b.yaml")
    reader = FolderReader([tmp_path])
    before = reader.read().documents
    (tmp_path / "b.yaml").write_text(MAP % "changed")
    after = reader.read().documents
    assert before[0] is after[0]
    assert before[1] is not after[1]


@pytest.fixture
def fake_kubectl(tmp_path: Path) -> str:
    """Prints what a kustomization holds, or fails as one that is called `broken` does."""
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        'case "$2" in *broken) echo "Error: no such   file" >&2; exit 1;; esac\n'
        'printf "apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: from-%s}\\n" "$(basename "$2")"\n'
    )
    program.chmod(0o755)
    return str(program)


def test_kustomizations_are_rendered_and_what_they_are_made_of_is_not_read(
    tmp_path: Path, fake_kubectl: str
) -> None:
    root = tmp_path / "root"
    write(root, "plain.yaml", "app/overlay/stray.yaml", "app/base/blog.yaml", "shared/part.yaml")
    (root / "app" / "overlay" / "kustomization.yaml").write_text(
        "resources: [../base]\ncomponents: [../../shared]\n"
    )
    (root / "app" / "base" / "kustomization.yml").write_text("resources: [blog.yaml, ../../../outside]\n")
    (root / "shared" / "Kustomization").write_text("kind: Component\n")
    (tmp_path / "outside").mkdir()
    folders = read(root, kubectl=fake_kubectl)
    assert names(folders) == ["from-overlay", "plain"]
    assert folders.outside == {tmp_path / "outside"}
    assert folders.documents[0].source == (str(root / "app" / "overlay" / "kustomization.yaml"), 0)
    assert folders.all_problems == ()


def test_a_failing_kustomization_is_one_problem(tmp_path: Path, fake_kubectl: str) -> None:
    write(tmp_path / "root", "good.yaml")
    (tmp_path / "root" / "broken").mkdir()
    (tmp_path / "root" / "broken" / "kustomization.yaml").write_text("resources: [a]\n")
    folders = read(tmp_path / "root", kubectl=fake_kubectl)
    (found,) = folders.all_problems
    assert found.problem.message == "kubectl kustomize failed: Error: no such file"
    assert names(folders) == ["good"]
    assert not folders.files[0].is_complete


def test_without_kubectl_a_kustomization_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "kustomization.yaml").write_text("resources: [a]\n")
    (found,) = read(tmp_path).all_problems
    assert "not on PATH" in found.problem.message


def test_a_component_that_nobody_uses_is_a_warning(tmp_path: Path, fake_kubectl: str) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "kustomization.yaml").write_text("kind: Component\n")
    (found,) = read(tmp_path / "root", kubectl=fake_kubectl).all_problems
    assert not found.problem.is_error
