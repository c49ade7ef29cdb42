"""The state folder: where it is, and that nobody else reads it."""

import os
from pathlib import Path

from hearthgate.model.errors import Permanent


def default_state_folder() -> Path:
    """/var/lib/hearthgate for root, else the XDG state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/hearthgate")
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "hearthgate"


def prepare_state_folder(path: Path) -> Path:
    """Makes the folder, readable by its owner only. Raises Permanent with the reason when it cannot."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise Permanent(f"state folder {path}: {error.strerror} (choose another with --state)") from error
    return path.resolve()
