"""The state folder, and that logs keep secrets."""

import io
from pathlib import Path

import pytest
import structlog

from hearthgate.app.logs import configure_logs
from hearthgate.app.state import prepare_state_folder
from hearthgate.model.errors import Permanent


def test_new_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = prepare_state_folder(tmp_path / "deep" / "state")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_folder_that_others_use_is_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    with pytest.raises(Permanent, match="open to other users"):
        prepare_state_folder(shared)
    assert shared.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("form", ["console", "json"])
def test_crash_does_not_print_local_variables(form: str) -> None:
    stream = io.StringIO()
    configure_logs("INFO", form, stream)
    try:
        _crash("very" + "-secret")
    except RuntimeError:
        structlog.get_logger("test").exception("part crashed")
    finally:
        structlog.reset_defaults()
    assert "RuntimeError" in stream.getvalue()
    assert "very-secret" not in stream.getvalue()


def _crash(secret: str) -> None:
    raise RuntimeError(len(secret))
