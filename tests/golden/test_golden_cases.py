"""Runs the golden cases: `tests/golden/<area>/<case>/input.yaml` through the area's function.

An area is a folder with `area.py`, which defines `produce(documents: list[Any]) -> Any`: from the YAML
documents of input.yaml to plain data. `expected.yaml` holds that data; `pytest --update-golden` writes it.
"""

import base64
import contextlib
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

GOLDEN = Path(__file__).parent
AREAS = sorted(folder for folder in GOLDEN.iterdir() if folder.is_dir() and not folder.name.startswith(("_", ".")))
CASES = sorted(path.parent for path in GOLDEN.glob("*/*/input.yaml"))


class Dumper(yaml.CSafeDumper):
    """Texts of several lines as blocks, no aliases: made to be reviewed."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, _text)


def dump(data: Any) -> str:
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(case: Path, request: pytest.FixtureRequest) -> None:
    area = importlib.import_module(f"tests.golden.{case.parent.name}.area")
    documents = [document for document in yaml.safe_load_all((case / "input.yaml").read_text()) if document]
    actual = dump(area.produce(documents))
    expected = case / "expected.yaml"
    if request.config.getoption("--update-golden"):
        expected.write_text(actual)
    assert expected.is_file(), "no expected.yaml: run pytest --update-golden, then read what it wrote"
    assert actual == expected.read_text()


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_area_is_complete(area: Path) -> None:
    assert (area / "area.py").is_file(), "an area defines produce() in area.py"
    for case in area.iterdir():
        if case.is_dir() and not case.name.startswith("_"):
            assert {"input.yaml", "expected.yaml"} <= {path.name for path in case.iterdir()}, case


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_expected_output_holds_no_secret(case: Path) -> None:
    """What the program shows must not contain what the input calls secret."""
    shown = (case / "expected.yaml").read_text()
    assert not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----", shown)
    for document in yaml.safe_load_all((case / "input.yaml").read_text()):
        if isinstance(document, dict) and document.get("kind") == "Secret":
            for secret in _secrets(document):
                assert secret not in shown, "a secret of the input shows in the output"


def _secrets(manifest: dict[str, Any]) -> Iterator[str]:
    """The parts of a Secret that nobody may see: of `user:hash` the hash, of a certificate nothing."""
    values = dict(manifest.get("stringData") or {})
    for key, value in (manifest.get("data") or {}).items():
        yield value
        with contextlib.suppress(ValueError):
            values[key] = base64.b64decode(value).decode()
    for key, value in values.items():
        if not key.endswith(".crt"):
            for line in str(value).splitlines():
                secret = line.partition(":")[2].strip() or line.strip()
                if len(secret) >= 8:
                    yield secret
