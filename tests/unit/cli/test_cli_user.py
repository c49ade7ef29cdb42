"""`hearthgate user`: what it prints, what it writes, and that credentials land only where they shall."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hearthgate.apiserver.access.authority import Authority
from hearthgate.apiserver.access.kubeconfig import write_kubeconfig
from hearthgate.cli.main import main

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of a server that ran once."""
    folder = tmp_path / "state"
    folder.mkdir()
    authority = Authority.load(folder / "pki", NOW)
    write_kubeconfig(folder / "kubeconfig", "https://127.0.0.1:6443", authority, NOW)
    monkeypatch.chdir(tmp_path)
    return folder


def run(state: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["user", *arguments, "--state", str(state)])
    assert result.exit_code == code, result.output
    return result


def test_a_kubeconfig_is_written_for_the_owner_only(state: Path, tmp_path: Path) -> None:
    result = run(state, "add", "ann", "--role", "viewer", "--namespace", "web")
    assert "user ann (viewer in web); kubeconfig: ann.kubeconfig" in result.output
    path = tmp_path / "ann.kubeconfig"
    assert path.stat().st_mode & 0o777 == 0o600
    config = json.loads(path.read_text())
    token = config["users"][0]["user"]["token"]
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    assert token not in result.output
    assert token not in (state / "users.json").read_text()
    assert token not in run(state, "list", "-o", "json").output


def test_standard_output_only_when_asked(state: Path, tmp_path: Path) -> None:
    result = run(
        state, "add", "bob", "--role=editor", "--kind=certificate", "--output=-", "--server=https://nas:6443"
    )
    config = json.loads(result.stdout)
    assert config["clusters"][0]["cluster"]["server"] == "https://nas:6443"
    assert "client-certificate-data" in config["users"][0]["user"]
    assert not list(tmp_path.glob("*.kubeconfig"))


def test_list_change_and_remove(state: Path) -> None:
    run(state, "add", "ann", "--role", "viewer")
    run(state, "add", "bob", "--role", "editor", "--kind", "certificate", "--namespace", "a", "--namespace", "b")
    table = [line.split() for line in run(state, "list").output.splitlines()]
    assert table[0] == ["NAME", "ROLE", "NAMESPACES", "CREDENTIAL", "CREATED"]
    assert [line[:4] for line in table[1:]] == [
        ["ann", "viewer", "<all>", "token"],
        ["bob", "editor", "a,b", "certificate"],
    ]
    run(state, "role", "ann", "admin")
    run(state, "remove", "bob")
    (left,) = json.loads(run(state, "list", "-o", "json").output)
    assert (left["name"], left["role"], left["namespaces"]) == ("ann", "admin", [])


def test_mistakes_name_the_way_out(state: Path, tmp_path: Path) -> None:
    run(state, "add", "ann", "--role", "viewer")
    assert "--replace" in run(state, "add", "ann", "--role", "viewer", "--output", "x", code=1).output
    (tmp_path / "bob.kubeconfig").write_text("mine")
    assert "--output" in run(state, "add", "bob", "--role", "viewer", code=1).output
    assert (tmp_path / "bob.kubeconfig").read_text() == "mine"
    assert "bob" not in run(state, "list").output
    assert "no user 'bob'" in run(state, "role", "bob", "viewer", code=1).output
    assert "'owner' is not one of 'viewer', 'editor', 'admin'" in run(state, "role", "ann", "owner", code=2).output
    assert "--state" in run(tmp_path / "none", "list", code=1).output
    before = (tmp_path / "ann.kubeconfig").read_text()
    run(state, "add", "ann", "--role", "editor", "--replace")
    assert (tmp_path / "ann.kubeconfig").read_text() != before


def test_a_state_folder_without_address_asks_for_one(state: Path) -> None:
    (state / "kubeconfig").unlink()
    assert "--server" in run(state, "add", "ann", "--role", "viewer", code=1).output
    run(state, "add", "ann", "--role", "viewer", "--server", "https://127.0.0.1:7443")
