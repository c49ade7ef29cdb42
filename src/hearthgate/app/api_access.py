"""How a command reaches the API: that of the state folder, of a kubeconfig, or what kubectl would use."""

import os
from pathlib import Path

from hearthgate.app.state import default_state_folder
from hearthgate.cluster.config import ClientConfig, find_config

KUBECONFIG = "kubeconfig"


def api_config(kubeconfig: Path | None, state: Path | None) -> ClientConfig:
    """The named file; else the embedded API of the state folder if there is one; else what kubectl would use.
    Raises Permanent that says what is missing."""
    embedded = (state or default_state_folder()) / KUBECONFIG
    if kubeconfig is None and (state is not None or _is_readable(embedded)):
        kubeconfig = embedded
    return find_config(kubeconfig=kubeconfig, context=None, env=os.environ, home=Path.home())


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK)
