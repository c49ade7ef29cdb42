"""The API's own authority: kept, and whole after a renewal that was cut off."""

from datetime import UTC, datetime
from pathlib import Path

from hearthgate.apiserver.access.authority import Authority

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("localhost", "127.0.0.1")


def test_pair_is_kept(tmp_path: Path) -> None:
    first = Authority.load(tmp_path, NOW).server(tmp_path, NAMES, NOW)
    again = Authority.load(tmp_path, NOW).server(tmp_path, NAMES, NOW)
    assert again == first


def test_key_of_another_certificate_is_replaced(tmp_path: Path) -> None:
    """As a kill -9 between the two files of a renewal leaves it."""
    other = tmp_path / "other"
    other.mkdir()
    Authority.load(other, NOW).server(other, NAMES, NOW)
    first = Authority.load(tmp_path, NOW).server(tmp_path, NAMES, NOW)
    (tmp_path / "server.key").write_bytes((other / "server.key").read_bytes())
    second = Authority.load(tmp_path, NOW).server(tmp_path, NAMES, NOW)
    assert second.certificate != first.certificate
    assert Authority.load(tmp_path, NOW).server(tmp_path, NAMES, NOW) == second
