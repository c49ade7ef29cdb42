"""The API's own authority: kept, whole after a renewal that was cut off, and good through jumps of the clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

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


@pytest.mark.parametrize("shown", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC), NOW])
def test_what_a_wrong_clock_gave_is_good_when_it_is_right(tmp_path: Path, shown: datetime) -> None:
    """A small board without a battery starts in the past; and any clock may be set back a while."""
    authority = Authority.load(tmp_path, shown)
    pairs = [authority.server(tmp_path, NAMES, shown), authority.client("u", "g", shown)]
    for pem in [authority.certificate, *(pair.certificate for pair in pairs)]:
        found = x509.load_pem_x509_certificate(pem)
        for real in (shown, NOW, NOW + timedelta(days=700)):
            assert found.not_valid_before_utc < real < found.not_valid_after_utc
    assert Authority.load(tmp_path, NOW + timedelta(days=700)).certificate == authority.certificate
