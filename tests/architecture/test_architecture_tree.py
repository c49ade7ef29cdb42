"""What the repository holds and says: documents, versions, dependencies, and nothing of the maker's machine."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hearthgate
from tests.architecture.test_architecture_code import ROOT, name_of, tracked

DOCUMENTS = [path for path in tracked() if path.suffix == ".md"]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\S+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

# Spelled in pieces, so that this file does not contain what it looks for.
FOREIGN_PATHS = ["/".join(("", "home", "")), "/".join(("", "root", ""))]
PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}")


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("path", FOREIGN_PATHS)
def test_nothing_names_the_makers_machine(path: str) -> None:
    assert not [name_of(file) for file in tracked() if path in text_of(file)]


def test_no_key_material_is_kept() -> None:
    """Tests and examples make their keys when they run."""
    assert not [name_of(file) for file in tracked() if PRIVATE_KEY.search(text_of(file))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(re.sub(FENCE, "", text_of(document))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (document.parent / file).resolve() if file else document
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in _anchors(there)):
            broken.append(target)
    assert not broken


def _anchors(document: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(FENCE, "", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_python_examples_run(document: Path) -> None:
    """A ```python block of a document is a program that must end well."""
    for language, code in FENCE.findall(text_of(document)):
        if language == "python":
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
            )
            assert done.returncode == 0, done.stderr


def test_changelog_knows_this_version() -> None:
    first = re.search(r"^## \[?v?([^\s\]]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first.group(1) in ("Unreleased", hearthgate.__version__)


def test_dependencies_are_justified() -> None:
    """One line in pyproject.toml says what each run-time dependency is for."""
    text = (ROOT / "pyproject.toml").read_text()
    for requirement in tomllib.loads(text)["project"]["dependencies"]:
        line = next(line for line in text.splitlines() if f'"{requirement}"' in line)
        assert re.search(r'",\s+# \S', line), f"{requirement}: say why"


def test_scripts_are_executable() -> None:
    for name in ("dev", ".ci/run"):
        assert (ROOT / name).stat().st_mode & 0o111 == 0o111, name
