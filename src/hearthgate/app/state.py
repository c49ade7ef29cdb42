"""The state folder: where it is, and that nobody else reads it."""

import os
import secrets
from pathlib import Path
from typing import Final

from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent

KEY_BYTES: Final = 32


def default_state_folder() -> Path:
    """/var/lib/hearthgate for root, else the XDG state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/hearthgate")
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "hearthgate"


def prepare_state_folder(path: Path) -> Path:
    """Makes the folder, readable by its owner only. Raises Permanent with the reason when it cannot, or when the
    folder is somebody else's: a folder that was there before is never locked up for others."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise Permanent(f"state folder {path}: {error.strerror} (choose another with --state)") from error
    if status.st_uid != os.geteuid():
        raise Permanent(f"state folder {path} belongs to another user (choose another with --state)")
    if status.st_mode & 0o077:
        raise Permanent(f"state folder {path} is open to other users (chmod 700, or choose another with --state)")
    return path.resolve()


def key_file(path: Path) -> bytes:
    """The 32 random bytes in `path`, made at the first call. Raises Permanent when the file is damaged."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(KEY_BYTES)
        write_atomically(path, key, mode=0o600)
    if len(key) != KEY_BYTES:
        raise Permanent(f"{path} is not a key of {KEY_BYTES} bytes: remove it, and what it encrypted is lost")
    return key
